"""The estimate of a run: from earlier reports alone, honest without them, cheap, and compared with the truth."""

import json
from datetime import datetime, timedelta

import pytest

from tasks.comparison.assembly import compare
from tasks.comparison.words.forecast import compared, expected
from tasks.report.documents import render
from tasks.report.duration.estimate import LOOKED_AT, estimate, keep_estimate, read_estimate, with_forecast
from tasks.runs.order import publish, run_number
from tasks.settings.standards import Standards
from tasks.settings.workflow import STAGES
from tasks.settings.workload import expected as tasks_of
from tasks.storage.folder import FileStore
from tests.support import synthetic

MACHINE = {"system": "Linux", "processor": "x86-64", "cores": "4"}
SECONDS = {
    "plan": 5.0,
    "fetch": 30.0,
    "normalize": 20.0,
    "search": 60.0,
    "choose": 1.0,
    "train": 120.0,
    "evaluate": 9.0,
}
START = datetime.fromisoformat("2026-11-23T11:00:00+00:00")
REQUEST = synthetic.request(replicates=2)


class Findings:
    """What the store has, told by a test."""

    def __init__(self, *stages):
        self._stages = stages

    def there(self, keys):
        return {key for key in keys if key[0] in self._stages and key[0] != "plan"}


@pytest.fixture
def store(tmp_path):
    return FileStore(tmp_path / "store")


def reported(store, run, request=REQUEST, *, pace=1.0, cached=(), machine=MACHINE, pause=2.0, **processors):
    """An earlier run with a report: one stage after the other, each with `pause` seconds before it, on two cores."""
    rows, now = [], START
    for stage, place in tasks_of(request):
        if stage not in STAGES or stage == "report":
            continue
        seconds = 0.5 if stage in cached else pace * SECONDS[stage]
        now += timedelta(seconds=pause)
        begun, now = now, now + timedelta(seconds=seconds)
        row = {"stage": stage, **vars(place), "status": "done", "cached": stage in cached, "key": "c" * 40}
        row |= {"seconds": seconds - 0.25, "setup_seconds": 0.25, "error": None, "progress": ""}
        row |= {"cpu_seconds": 2 * seconds, "gpus": 0} | processors
        rows.append(row | {"started": begun.isoformat(), "ended": now.isoformat()})
    made = {"machine": machine, "created": now.isoformat()}
    environment = synthetic.ENVIRONMENT.model_copy(update=made)
    request = request.model_copy(update={"run": run})
    comparison = compare(request, [], rows, {}, environment)
    run_number(store, run)
    store.write(f"reports/{run}/report.json", comparison.model_dump_json().encode())
    publish(store, run, "complete")
    return comparison


def estimated(store, request=REQUEST, *there, machine=MACHINE):
    return estimate(request.model_copy(update={"run": "now"}), store, machine, Findings(*there))


def test_without_an_earlier_run_nothing_is_claimed(store):
    """No number, and the words say so; what the store has is counted all the same."""
    found = estimated(store, REQUEST, "fetch")
    assert (found.runs, found.seconds, found.cpu_seconds) == ((), None, None)
    assert (found.stages, found.reused) == (12, 1)
    assert expected(found, None, "USD") == (
        "no earlier run of this profile on such a machine tells how long it will take; 1 of 12 stages is there already"
    )
    comparison = with_forecast(reported(store, "r1"), found)
    assert compared(comparison.forecast, "USD").startswith(
        "No earlier run of this profile on such a machine told how long it would take. From the start of its plan to "
    )


def test_the_same_run_again_takes_the_same(store):
    """One earlier run of the same stages: its own time, from the start of its plan to its report, and its cores'."""
    before = reported(store, "r1")
    found = estimated(store)
    truth = with_forecast(before, found).forecast
    assert found.runs == ("r1",)
    assert found.seconds == pytest.approx(truth.seconds, rel=0.01)
    assert found.cpu_seconds == pytest.approx(truth.cpu_seconds)
    assert found.low <= 0.8 * found.seconds
    assert found.high >= 1.25 * found.seconds


def test_what_is_there_takes_only_its_pause(store):
    """With everything there a run takes far less; what remains is what passes between stages."""
    reported(store, "r1")
    found = estimated(store, REQUEST, *SECONDS)
    assert (found.reused, found.unknown) == (12, 0)
    assert found.seconds < 0.2 * estimated(store).seconds
    assert found.cpu_seconds < 20


def test_times_go_with_epochs_and_seeds(store):
    """Twice the epochs take twice the training; another seed is another training on the same slots."""
    reported(store, "r1")
    once = estimated(store).cpu_seconds
    training = REQUEST.training
    longer = REQUEST.model_copy(update={"training": training.model_copy(update={"epochs": 2 * training.epochs})})
    more = REQUEST.model_copy(update={"training": training.model_copy(update={"replicates": 3})})
    assert estimated(store, longer).cpu_seconds - once == pytest.approx(8 * SECONDS["train"], rel=0.01)
    assert estimated(store, more).cpu_seconds - once == pytest.approx(4 * (SECONDS["train"] + 4.5), rel=0.01)


def test_what_no_run_has_done_is_named_as_unknown(store):
    """A dataset that is new: the rest is estimated, as the least that it takes."""
    reported(store, "r1")
    both = REQUEST.model_copy(update={"datasets": (*REQUEST.datasets, synthetic.dataset("new", "New"))})
    found = estimated(store, both)
    assert found.unknown == 12
    assert expected(found, None, "USD") == (
        "expected on this machine: at least 12 min and 22 CPU minutes, without 12 stages that no earlier run has done; "
        "0 of 24 stages are there already"
    )
    alone = REQUEST.model_copy(update={"datasets": (synthetic.dataset("new", "New"),)})
    assert estimated(store, alone).seconds is None


@pytest.mark.parametrize(
    ("other", "machine"),
    [
        (REQUEST.model_copy(update={"profile": "full"}), MACHINE),
        (REQUEST.model_copy(update={"backend": "jax"}), MACHINE),
        (REQUEST.model_copy(update={"examples": 5000}), MACHINE),
        (REQUEST, MACHINE | {"cores": "64"}),
    ],
)
def test_a_run_of_another_kind_tells_nothing(store, other, machine):
    """Another profile, backend, sample or machine: its times are not this run's."""
    reported(store, "r1", other, machine=machine)
    assert estimated(store).runs == ()


def test_larger_images_are_another_dataset(store):
    """What took so long for images of one size says nothing of images of another one, under the same name."""
    reported(store, "r1")
    (dataset,) = REQUEST.datasets
    larger = REQUEST.model_copy(update={"datasets": (dataset.model_copy(update={"shape": (64, 64, 3)}),)})
    found = estimate(larger, store, MACHINE, Findings())
    assert (found.seconds, found.unknown) == (None, found.stages)


def test_the_range_is_what_was_seen(store):
    """Of a fast and a slow run: the estimate lies between, and the range reaches to both."""
    fast, slow = (reported(store, run, pace=pace) for run, pace in (("r1", 1.0), ("r2", 2.0)))
    found, took = estimated(store), [with_forecast(each, estimated(store)).forecast.seconds for each in (fast, slow)]
    assert took[0] < found.seconds < took[1]
    assert found.low <= took[0] * 1.01
    assert found.high >= took[1] * 0.99


def test_a_reused_stage_does_not_tell_how_long_it_takes(store):
    """After a run that reused everything, the run before it still tells."""
    reported(store, "r1")
    reported(store, "r2", cached=tuple(SECONDS)[1:])
    assert estimated(store).cpu_seconds == pytest.approx(2 * (sum(SECONDS.values()) + 61 + 240 + 120 + 9), rel=0.01)


def test_a_long_history_costs_no_more(store):
    """At most the newest ten reports are read, however many there are; damaged ones are passed over."""
    for number in range(LOOKED_AT + 3):
        reported(store, f"r{number:02}")
    store.write("reports/r12/report.json", b"{}")
    read, own = [], FileStore.read

    class Counting(FileStore):
        def read(self, key):
            read.append(key)
            return own(self, key)

    found = estimated(Counting(store._folder))
    assert len(found.runs) == LOOKED_AT - 1
    assert sum(key.endswith("report.json") for key in read) == LOOKED_AT
    assert len(read) <= 4 * LOOKED_AT


def test_an_estimate_is_kept_once(store):
    """A retry of `plan` keeps the first one; a damaged one is none."""
    first = estimated(store)
    assert keep_estimate(store, "now", first) == first
    assert keep_estimate(store, "now", first.model_copy(update={"stages": 99})) == first
    store.write("runs/now/estimate.json", b"{")
    assert read_estimate(store, "now") is None
    assert read_estimate(store, "never") is None


def test_the_report_compares_the_estimate_with_the_truth(store):
    """In seconds, core seconds and money, in full sentences, in both documents for people and in report.json."""
    prices = REQUEST.model_copy(update={"standards": Standards(price_per_core_hour=3.6, currency="EUR")})
    before = reported(store, "r1", prices)
    comparison = with_forecast(before, estimated(store, prices))
    forecast = comparison.forecast
    assert forecast.cost == pytest.approx(forecast.cpu_seconds * 0.001)
    assert forecast.estimated_cost == pytest.approx(forecast.cost)
    sentence = compared(forecast, "EUR")
    assert sentence == (
        "Expected before the run were about 12 min (9 min to 15 min) and 22 CPU minutes (1.35 EUR). From the start of "
        "its plan to its last stage before this report, the run took 11 min 39 s and 22 CPU minutes (1.35 EUR)."
    )
    documents = render(comparison)
    assert sentence in documents["report.html"].decode().replace("\N{NO-BREAK SPACE}", " ")
    assert sentence in documents["report.md"].decode()
    assert json.loads(documents["report.json"])["forecast"]["estimate"]["runs"] == ["r1"]


def test_what_was_there_against_expectation_is_said(store):
    """A change of the code after the plan, say: it explains why the times differ."""
    comparison = with_forecast(reported(store, "r1"), estimated(store, REQUEST, "fetch", "normalize"))
    said = compared(comparison.forecast, "USD")
    assert said.endswith("It reused 0 of 12 stages; 2 were expected to be there.")


def test_a_report_without_an_estimate_says_nothing_of_it(store):
    """An earlier release has planned the run: no section, and no claim."""
    comparison = with_forecast(reported(store, "r1"), None)
    assert comparison.forecast is None
    assert "Expected" not in render(comparison)["report.md"].decode()


def test_without_a_price_there_is_no_money(store):
    """0 says nothing of money."""
    comparison = with_forecast(reported(store, "r1"), estimated(store))
    assert comparison.forecast.cost is None
    assert "USD" not in compared(comparison.forecast, "USD")


def test_money_counts_cores_and_gpus_before_and_after_the_run(store):
    """The estimate and the truth are priced alike: by CPU seconds, and by what every GPU was held."""
    standards = Standards(price_per_core_hour=3.6, price_per_gpu_hour=36.0)
    prices = REQUEST.model_copy(update={"standards": standards})
    before = reported(store, "r1", prices, gpus=2)
    forecast = with_forecast(before, estimated(store, prices)).forecast
    assert forecast.gpu_seconds == pytest.approx(forecast.cpu_seconds)
    assert forecast.cost == pytest.approx(forecast.cpu_seconds * 0.001 + forecast.gpu_seconds * 0.01)
    assert forecast.estimated_cost == pytest.approx(forecast.cost)
    assert "22 CPU minutes and 22 GPU minutes (14.85 USD)" in compared(forecast, "USD")


@pytest.mark.parametrize("unknown", [{"cpu_seconds": None}, {"gpus": None}])
def test_what_is_priced_and_not_known_has_no_price(store, unknown):
    """A record of an earlier release, or a stage that was killed: no sum is said that leaves something out."""
    standards = Standards(price_per_core_hour=3.6, price_per_gpu_hour=36.0)
    prices = REQUEST.model_copy(update={"standards": standards})
    forecast = with_forecast(reported(store, "r1", prices, **unknown), estimated(store, prices)).forecast
    assert (forecast.cost, forecast.estimated_cost) == (None, None)
    assert "USD" not in compared(forecast, "USD")


def test_a_late_report_makes_no_run_longer(store):
    """A report that a person makes again a day later: neither the truth nor the next estimate knows of the day."""
    made = reported(store, "r1")
    usual = estimated(store).seconds
    created = (START + timedelta(days=1)).isoformat()
    late = made.model_copy(update={"environment": made.environment.model_copy(update={"created": created})})
    store.write("reports/r1/report.json", late.model_dump_json().encode())
    assert estimated(store).seconds == usual
    assert with_forecast(late, None).forecast is None
    assert with_forecast(late, estimated(store)).forecast.seconds < 1000


def test_a_large_run_is_not_looked_up(store):
    """More stages than a glance allows: no number, no look at the store for each, and no word of what is there."""
    training = REQUEST.training.model_copy(update={"replicates": 100})
    many = tuple(synthetic.dataset(f"d{number}") for number in range(3))
    large = REQUEST.model_copy(update={"training": training, "datasets": many})
    found = estimate(large, store, MACHINE, None)
    assert found.seconds is None
    assert expected(found, None, "USD") == (
        "no estimate: with 624 stages the run is too large to look up what is there"
    )
    forecast = with_forecast(reported(store, "r1"), found).forecast
    assert compared(forecast, "USD").startswith(
        "Nothing was expected of the run, as 624 stages are too many to look up first. From the start of its plan"
    )
    assert "expected to be there" not in compared(forecast, "USD")


def test_places_of_reported_stages_are_those_of_the_request(store):
    """A row of the report and the task that `plan` expects have one place, budgets and shards included."""
    request = REQUEST.model_copy(update={"budgets": (5_000, 8_000)})
    reported(store, "r1", request)
    assert estimated(store, request).unknown == 0
