"""Retraining: what a run does that no person asked for."""

import pytest

from tasks.comparison.assembly import compare
from tasks.errors import UnchangedError
from tasks.runs.order import publish
from tasks.settings.loading import load_configuration, resolve
from tasks.settings.orchestration import Retraining
from tasks.settings.request import Parameters
from tasks.settings.workflow import report_key
from tasks.stages import retraining
from tests.support import synthetic
from tests.support.tiny_data import make_configuration, make_mirror
from tests.support.tiny_stages import STAGES, perform

CLOCK, ASSET_EVENT = retraining.UNATTENDED


@pytest.fixture
def photos(tmp_path):
    """A folder with the files of the tiny CIFAR-10, which may change."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("data_batch_1.bin", "test_batch.bin"):
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.fixture
def request_of(tmp_path, photos):
    """The request of a run of the smoke profile, on a dataset that may change unless others are named."""
    folder = make_configuration(tmp_path / "config")
    toml = (folder / "datasets" / "cifar10.toml").read_text().partition("[[sources]]")[0]
    living = toml.replace("reader =", f'location = "{photos}"\nreader =')
    (folder / "datasets" / "living.toml").write_text(living)
    config = load_configuration(folder)
    mirror = str(make_mirror(tmp_path / "mirror"))

    def request_of(run="next", datasets=("living",), families=("ann",), **params):
        return resolve(
            config, Parameters(profile="smoke", datasets=datasets, families=families, **params), run, own_mirror=mirror
        )

    return request_of


@pytest.fixture
def number(store, request_of):
    """How many seeds a run has that is started so, under these settings of retraining."""

    def number(trigger, request=None, **settings):
        asked = store, Retraining(**settings), trigger
        return retraining.replicates(retraining.forecast(request or request_of(), *asked, STAGES), *asked)

    return number


@pytest.mark.parametrize("trigger", [CLOCK, ASSET_EVENT, "manual"])
@pytest.mark.parametrize("on_unchanged", ["skip", "add_seeds", "reuse"])
def test_a_first_run_is_a_run_as_any_other(number, trigger, on_unchanged):
    """Where nothing is there yet, the run has the profile's seeds, whatever started it."""
    assert number(trigger, on_unchanged=on_unchanged) == 2


@pytest.mark.parametrize("on_unchanged", ["skip", "add_seeds", "reuse"])
def test_a_person_gets_what_they_asked_for(number, store, request_of, on_unchanged):
    """A run that a person starts is never left out, and gets no other seeds."""
    perform(request_of("first"), store)
    assert number("manual", on_unchanged=on_unchanged) == 2
    assert number("manual", request_of(replicates=5), on_unchanged=on_unchanged) == 5


def test_evidence_grows_with_every_scheduled_run(number, store, request_of):
    """Each adds as many seeds as the profile has, until there are `max_seeds`; then it does nothing, and says why."""
    seeds = []
    for night in range(3):
        seeds.append(number(CLOCK, max_seeds=5))
        perform(request_of(f"night{night}", replicates=seeds[-1]), store)
    assert seeds == [2, 4, 5]
    with pytest.raises(UnchangedError, match=r"5 seeds, of at most 5 \(max_seeds\)"):
        number(CLOCK, max_seeds=5)


def test_skip_does_nothing_when_nothing_has_changed(number, store, request_of):
    """A scheduled run on the same data, settings and code is left out; its exit code is that of a skipped task."""
    perform(request_of("first"), store)
    with pytest.raises(UnchangedError, match="nothing has changed") as caught:
        number(CLOCK, on_unchanged="skip")
    assert caught.value.exit_code == 99
    assert number(CLOCK, on_unchanged="reuse") == 2


@pytest.mark.parametrize("on_unchanged", ["skip", "add_seeds", "reuse"])
def test_a_bell_that_rang_twice_starts_nothing(number, store, request_of, on_unchanged):
    """A run that a dataset started and that finds nothing new is left out, whatever a scheduled run would do."""
    perform(request_of("first"), store)
    with pytest.raises(UnchangedError):
        number(ASSET_EVENT, on_unchanged=on_unchanged)


@pytest.mark.parametrize("trigger", [CLOCK, ASSET_EVENT])
@pytest.mark.parametrize("on_unchanged", ["skip", "add_seeds"])
@pytest.mark.parametrize("change", ["added", "removed", "rewritten", "moved away"])
def test_changed_files_are_a_change(number, store, request_of, photos, trigger, on_unchanged, change):
    """A file that came, went or is another one makes a run as any other; where nobody can look, the run finds out."""
    perform(request_of("first"), store)
    changes = {
        "added": lambda: (photos / "new.bin").write_bytes(b"new"),
        "removed": (photos / "test_batch.bin").unlink,
        "rewritten": lambda: (photos / "test_batch.bin").write_bytes(b"other"),
        "moved away": lambda: photos.rename(photos.with_name("elsewhere")),
    }
    changes[change]()
    assert number(trigger, on_unchanged=on_unchanged) == 2


@pytest.mark.parametrize("on_unchanged", ["skip", "add_seeds"])
def test_an_unfinished_run_is_finished(number, store, request_of, on_unchanged):
    """Where the models are there and were never measured, the run is not left out."""
    perform(request_of("killed"), store, without=("evaluate",))
    assert number(CLOCK, on_unchanged=on_unchanged, max_seeds=2) == 2
    assert number(ASSET_EVENT, on_unchanged=on_unchanged) == 2


@pytest.mark.parametrize(("precision", "is_enough"), [(99.0, True), (0.0, False)])
def test_a_narrow_interval_is_evidence_enough(number, store, request_of, precision, is_enough):
    """When the last report on the same datasets is precise enough, no seed is added, and the reason is said."""
    perform(request := request_of("first"), store)
    report(store, request)
    report(store, request_of("other", datasets=("fashion_mnist",)))
    if not is_enough:
        assert number(CLOCK, precision=precision) == 4
        return
    with pytest.raises(UnchangedError, match=r"percentage points wide, below 99\.0 \(precision\)"):
        number(CLOCK, precision=precision)


def test_a_report_that_is_none_says_nothing(number, store, request_of):
    """A damaged report, or one on other datasets alone, is passed over: seeds are added."""
    perform(request := request_of("first"), store)
    report(store, request_of("other", datasets=("fashion_mnist",)))
    report(store, request)
    store.write(report_key("first", "report.json"), b"{")
    assert number(CLOCK, precision=99.0) == 4


def test_scheduled_looks_at_growing_evidence_are_counted():
    """Night after night is the next look of as many as there may be; a change of the data begins with the first."""
    settings = Retraining(on_unchanged="add_seeds", max_seeds=30)
    looks = [retraining.looks_at(seeds, 3, settings, CLOCK) for seeds in (3, 6, 30)]
    assert [(look.number, look.planned) for look in looks] == [(1, 10), (2, 10), (10, 10)]


@pytest.mark.parametrize(
    ("trigger", "on_unchanged"), [("manual", "add_seeds"), (CLOCK, "skip"), (ASSET_EVENT, "reuse")]
)
def test_evidence_that_does_not_grow_is_looked_at_once(trigger, on_unchanged):
    """What a person asks for is an experiment of its own, and a schedule that adds no seeds has no second look."""
    looks = retraining.looks_at(9, 3, Retraining(on_unchanged=on_unchanged), trigger)
    assert (looks.number, looks.planned) == (1, 1)


def test_more_seeds_than_the_schedule_adds_are_the_last_look():
    """A profile with more seeds than `max_seeds` has one look at them, and no impossible number."""
    looks = retraining.looks_at(40, 40, Retraining(max_seeds=30), CLOCK)
    assert (looks.number, looks.planned) == (1, 1)


def report(store, request):
    """Write a report of made numbers as that of the run."""
    made = synthetic.request(replicates=2)
    of = (synthetic.everything(made), synthetic.records(made), synthetic.facts(made), synthetic.ENVIRONMENT)
    comparison = compare(made, *of).model_copy(update={"request": request, "run": request.run})
    store.write(report_key(request.run, "report.json"), comparison.model_dump_json().encode())
    publish(store, request.run, "complete")
