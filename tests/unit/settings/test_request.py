import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tasks.errors import RequestError
from tasks.settings.loading import Downloads, load_configuration, resolve
from tasks.settings.request import Parameters, Request, RunId, slug
from tasks.settings.training import Search
from tasks.settings.values import parse
from tasks.settings.workflow import REUSED_STAGES
from tests.support.tiny_data import make_configuration


@pytest.fixture(scope="module")
def config():
    return load_configuration()


def test_the_committed_configuration_is_valid_and_has_the_promised_budgets(config):
    """The repository's own config/ loads, with the budgets, families and profiles that the README speaks of."""
    assert (config.datasets["cifar10"].budget, config.datasets["fashion_mnist"].budget) == (250_000, 125_000)
    assert set(config.families) >= {"ann", "cnn"}
    assert set(config.profiles) >= {"smoke", "quick", "full", "gpu"}


def test_a_request_is_the_profile_with_the_parameters_laid_over_it(config):
    """What the form leaves empty comes from the profile; what it names wins; seeds follow the replicates."""
    wanted = Parameters(profile="smoke", datasets=("cifar10",), epochs=7, replicates=4, budgets=(30_000,))
    request = resolve(config, wanted, "r")
    assert [dataset.name for dataset in request.datasets] == ["cifar10"]
    assert (request.training.epochs, request.datasets[0].budget, request.seeds) == (7, 30_000, (0, 1, 2, 3))
    assert request.search == config.profiles["smoke"].search
    assert Request.model_validate_json(request.model_dump_json()) == request


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"profile": "huge"}, "profile: expected one of .*quick.*; received 'huge'"),
        ({"datasets": ["mnist"]}, "datasets: expected one of .*cifar10.*; received 'mnist'"),
        ({"families": ["rnn"]}, "families: expected one of .*cnn.*; received 'rnn'"),
        ({"datasets": ["../etc"]}, "datasets: expected one of .*received '../etc'"),
        ({"epochs": 0}, "parameters: epochs: expected at least 1, received 0"),
        ({"epoch": 3}, "epoch: expected one of profile, .*; received 'epoch'; did you mean epochs?"),
        ({"budgets": [12]}, "budgets.0: expected at least 1000, received 12"),
        ({"budgets": [-5_000]}, "budgets.0: expected at least 1000, received -5000"),
        ({"budgets": [5_000.5]}, "budgets.0: expected a whole number, received 5000.5"),
        ({"budgets": list(range(1_000, 10_000, 1_000))}, "budgets: expected at most 8 entries"),
        ({"budgets": [5_000, 8_000, 5_000]}, "budgets: .*expected different budgets, received 5000 more than once"),
        ({"budget": 5_000}, "budget: expected one of .*did you mean budgets?"),
        ({"force": ["report"]}, "force: .*expected true, or stages among fetch, .*evaluate, received .'report'."),
        ({"force": "search"}, "force: expected a list, received 'search'"),
        ({"mirror": "ftp://example.org"}, "mirror: expected https://.*, received 'ftp://example.org'"),
        ({"mirror": "https://me:secret@example.org"}, "mirror: .*no password in an address"),
        ({"mirror": "/etc"}, "mirror: expected a public address, or a folder in `allowed_addresses` .*received '/etc'"),
        ({"mirror": "a\n{{ 1 }}"}, "mirror: .*printable characters"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_place_expectation_and_what_came(config, wanted, expected):
    """Bad parameters never reach a stage, and the message tells a person what to mend."""
    with pytest.raises(RequestError, match=expected) as caught:
        resolve(config, parse(Parameters, wanted, "parameters"), "r")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("asked", "forced"),
    [(True, REUSED_STAGES), (False, ()), (None, ()), ([], ()), (["train", "fetch", "train"], ("fetch", "train"))],
)
def test_force_names_the_stages_to_do_again(config, asked, forced):
    """`true` means every stage whose result can be reused. The stored request means the same when it is read."""
    request = resolve(config, parse(Parameters, {"force": asked}, "parameters"), "r")
    assert request.force == Request.model_validate_json(request.model_dump_json()).force == forced


def test_one_budget_stands_in_place_of_each_datasets_own(config):
    """A run of one budget is one like any other, whoever named it; nothing is left of the list."""
    request = resolve(config, Parameters(budgets=(30_000,)), "r")
    assert request.budgets == ()
    assert {dataset.name: dataset.budget for dataset in request.datasets} == dict.fromkeys(config.datasets, 30_000)
    assert request.comparisons == request.datasets
    for wanted in (Parameters(), Parameters(budgets=())):
        assert resolve(config, wanted, "r").comparisons == tuple(config.datasets.values())


def test_several_budgets_make_a_comparison_each(config):
    """Every dataset is compared at every budget, fewest parameters first, in whatever order they were asked for."""
    request = resolve(config, Parameters(budgets=(120_000, 30_000)), "r")
    assert request.budgets == (30_000, 120_000)
    assert [(compared.name, compared.budget) for compared in request.comparisons] == [
        (name, budget) for name in config.datasets for budget in (30_000, 120_000)
    ]
    assert Request.model_validate_json(request.model_dump_json()) == request


@pytest.mark.parametrize(
    ("tuner", "shards", "expected"),
    [
        ("bayesian", 2, "shards: expected 1 for bayesian, which learns from earlier trials, received 2"),
        ("hyperband", 3, "shards: expected 1 for hyperband"),
        ("random", 5, "expected at most one shard a trial .4., received 5"),
        ("random", 65, "shards: expected at most 64, received 65"),
        ("random", 0, "shards: expected at least 1, received 0"),
    ],
)
def test_a_search_that_cannot_be_shared_out_is_refused(tuner, shards, expected):
    """Tuners that learn from earlier trials have one shard, and no shard is without a trial: one line says so."""
    with pytest.raises(RequestError, match=expected) as caught:
        parse(Search, {"tuner": tuner, "trials": 4, "epochs": 3, "shards": shards}, "search")
    assert "\n" not in str(caught.value)
    assert parse(Search, {"tuner": tuner, "trials": 4, "epochs": 3}, "search").shards == 1


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"tuner": "hyperband", "cohort": 2}, "cohort: expected 1 for hyperband, received 2; only the random tuner"),
        ({"epochs": 1, "cohort": 4}, "cohort: expected 1 for trials of a single epoch, received 4"),
        ({"cohort": 2, "shards": 3}, "expected at most one shard a cohort .2., received 3"),
        ({"cohort": 65}, "cohort: expected at most 64, received 65"),
        ({"cohort": 0}, "cohort: expected at least 1, received 0"),
    ],
)
def test_cohorts_that_cannot_be_are_refused(asked, expected):
    """They need the random tuner, more than one epoch, and no more shards than cohorts: one line says so."""
    with pytest.raises(RequestError, match=expected) as caught:
        parse(Search, {"tuner": "random", "trials": 4, "epochs": 3} | asked, "search")
    assert "\n" not in str(caught.value)


def test_where_no_trial_stops_early_nothing_of_cohorts_is_said():
    """The keys of searches without cohorts are those of earlier releases."""
    search = parse(Search, {"tuner": "random", "trials": 5, "epochs": 3}, "search")
    assert "cohort" not in search.model_dump(mode="json")
    assert search.model_copy(update={"cohort": 2}).model_dump()["cohort"] == 2
    assert [search.model_copy(update={"cohort": 2, "shards": 2}).numbers(shard) for shard in (0, 1)] == [
        (0, 1, 4),
        (2, 3),
    ]


def test_fewer_trials_than_shards_are_shared_by_fewer(config):
    """Asking for fewer trials than the profile has shards is no error: shards change only the pace."""
    assert config.profiles["full"].search.shards == 2
    assert resolve(config, Parameters(profile="full", trials=1), "r").search.shards == 1
    assert resolve(config, Parameters(profile="full", trials=9), "r").search.shards == 2


def test_fewer_cohorts_than_shards_are_shared_by_fewer(config):
    """A shard has whole cohorts."""
    full = config.profiles["full"]
    search = full.search.model_copy(update={"cohort": 4})
    profiles = config.profiles | {"full": full.model_copy(update={"search": search})}
    changed = config.model_copy(update={"profiles": profiles})
    assert resolve(changed, Parameters(profile="full", trials=4), "r").search.shards == 1
    assert resolve(changed, Parameters(profile="full", trials=5), "r").search.shards == 2


def test_a_sample_is_the_profiles_and_too_small_a_one_is_refused(config):
    """The request keeps the profile's `examples`; fewer than show every class on both sides are refused."""
    assert resolve(config, Parameters(profile="smoke"), "r").examples == config.profiles["smoke"].examples
    assert resolve(config, Parameters(profile="quick"), "r").examples is None
    few = config.profiles["smoke"].model_copy(update={"examples": 45})
    with pytest.raises(
        RequestError, match=r"expected `examples` of at least 46, .* cifar10 .* 10 classes, received 45"
    ):
        resolve(config.model_copy(update={"profiles": {"smoke": few}}), Parameters(profile="smoke"), "r")
    enough = few.model_copy(update={"examples": 46})
    assert resolve(config.model_copy(update={"profiles": {"smoke": enough}}), Parameters(profile="smoke"), "r")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("replicates = 3", "replicate"), ("[profiles.quick.training]", "not valid TOML"), ("fraction = 0.5", "fraction")],
)
def test_a_typo_in_the_configuration_is_refused_with_its_file(tmp_path, text, expected):
    """An unknown key, broken TOML or a value out of range names the file or the field, and is never ignored."""
    folder = make_configuration(tmp_path / "config")
    path = folder / "workflow.toml"
    changed = {"replicates = 3": "replicate = 3", "[profiles.quick.training]": "[profiles.quick.training", "fraction = 0.5": "fraction = 3.0"}  # fmt: skip  # noqa: E501
    assert text in path.read_text()
    path.write_text(path.read_text().replace(text, changed[text]))
    with pytest.raises(RequestError, match=expected):
        load_configuration(folder)


def test_datasets_families_formats_and_runners_are_one_file_each(tmp_path):
    """A new TOML is a dataset, a new Python file a family, a format or a runner; nothing else needs a change."""
    folder, project = make_configuration(tmp_path / "config"), tmp_path / "project"
    for place, names in {
        "tasks/models": ("ann", "cnn", "kan", "__init__"),
        "tasks/data/formats": ("cifar", "idx", "jpeg"),
        "dags/runners": ("local", "slurm"),
    }.items():
        (project / place).mkdir(parents=True)
        for name in names:
            (project / place / f"{name}.py").write_text("build = read = OPERATOR = None\n")
    mine = (folder / "datasets" / "cifar10.toml").read_text().replace('reader = "cifar"', 'reader = "jpeg"')
    (folder / "datasets" / "mine.toml").write_text(mine)
    config = load_configuration(folder, project)
    request = resolve(config, Parameters(datasets=("mine",), families=("kan",)), "r")
    assert (request.datasets[0].name, request.datasets[0].reader, request.families) == ("mine", "jpeg", ("kan",))
    assert config.with_runner("slurm").orchestration.runner == "slurm"


def test_an_unknown_format_or_runner_is_refused_with_those_there_are(tmp_path, config):
    """The message lists the files among which to choose."""
    folder = make_configuration(tmp_path / "other")
    path = folder / "datasets" / "cifar10.toml"
    path.write_text(path.read_text().replace('reader = "cifar"', 'reader = "jpeg"'))
    with pytest.raises(
        RequestError, match=r"cifar10.toml:3: reader: expected one of .*idx.*; received 'jpeg' .*tasks/data/formats/"
    ):
        resolve(load_configuration(folder), Parameters(datasets=("cifar10",)), "r")
    with pytest.raises(RequestError, match=r"runner: expected one of .*docker.*; received 'lokal'; .* mean local?"):
        config.with_runner("lokal")


def test_only_the_owner_names_any_mirror(tmp_path, config):
    """A folder passes when the configuration names it, or when it is the owner's own; a form cannot widen that."""
    wanted = Parameters(mirror=str(tmp_path / "below"))
    allowed = config.model_copy(update={"downloads": Downloads(allowed_addresses=(str(tmp_path),))})
    assert resolve(allowed, wanted, "r").mirror == wanted.mirror
    own = resolve(config, Parameters(), "r", own_mirror=str(tmp_path))
    assert (own.mirror, own.allowed_addresses) == (str(tmp_path), (str(tmp_path),))
    with pytest.raises(RequestError, match="allowed_addresses: expected one of"):
        parse(Parameters, {"mirror": "/etc", "allowed_addresses": ["/etc"]}, "form")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('title = "Tiny CIFAR"', 'title = "Tiny\\u0007"', "title"),
        ("shape = [8, 8, 3]", "shape = [8, -8, 3]", "shape.1"),
        ("shape = [8, 8, 3]", "shape = [8, 8, 9999999]", "shape.2"),
        ('"cifar-10-batches-bin/test_batch.bin"', '"../test_batch.bin"', "members"),
        ('"cifar-10-batches-bin/test_batch.bin"', '"/etc/test_batch.bin"', "members"),
        ('"cifar-10-batches-bin/test_batch.bin"', '"other/data_batch_1.bin"', "two of one"),
        ("splits.test = ['test_batch.bin']", "splits.test = ['tset_batch.bin']", "expected files of the sources"),
        ('mirror_folder = "cifar-10"', 'mirror_folder = "../cifar-10"', "mirror_folder"),
        ('urls = ["http:', 'urls = ["gopher:', "urls"),
    ],
)
def test_a_dataset_that_reaches_elsewhere_is_refused(tmp_path, old, new, expected):
    """No path, size, address or file name of a dataset's TOML leads out of where it belongs."""
    refusal = refused_dataset(tmp_path, old, new)
    assert re.search(expected, refusal)
    assert "\n" not in refusal


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('title = "', 'name = "other"\ntitle = "', "2: name: expected none, as the file's name is .* received 'other'"),
        ('"Tiny CIFAR"', '"Tiny\u202eCIFAR"', r"2: title: expected visible .*U\+202E \(RIGHT-TO-LEFT OVERRIDE\)"),
        ('"Tiny CIFAR"', '"Tiny\u200bCIFAR"', r"2: title: expected visible .*U\+200B \(ZERO WIDTH SPACE\)"),
        ('"Tiny CIFAR"', '"Tiny\ue000CIFAR"', r"2: title: expected visible .*U\+E000 \(without a name\)"),
        ('"Tiny CIFAR"', '"Tiny\u2028CIFAR"', r"2: title: expected visible .*U\+2028 \(LINE SEPARATOR\)"),
        ('"Tiny CIFAR"', '"  "', "2: title: expected 1 to 200 characters that are not all blank, received '  '"),
        ('"right"', '"left"', "5: classes: expected different names, received 'left' more than once"),
        ('"right"', '"\uff4ceft "', "5: classes: expected different names, received 'left' more than once"),
        ('"right"', '" "', "5: classes.1: expected 1 to 200 characters that are not all blank"),
        ('"right"', '"r\u2066ight"', r"5: classes.1: expected visible .*U\+2066"),
        ("test = ['test_batch.bin']", "test = ['data_batch_1.bin']", "9: splits.test: expected no file of"),
        ("test = ['test_batch.bin']", "test = ['test_batch.bin', 'test_batch.bin']", "9: splits.test: .* each"),
        ("shape = [8, 8, 3]", "shape = [1024, 1024, 1024]", "4: shape: expected at most 16,777,216 values in an image"),
        ("shape = [8", 'license = "MIT"\nshape = [8', "4: license: expected a licence as Hugging Face names it"),
        ("shape = [8", 'license = "other"\nshape = [8', ".*expected license_name beside license = 'other'"),
        ("shape = [8", 'license_name = "my-own"\nshape = [8', ".*expected license_name beside license = 'other'"),
        ("shape = [8", 'license_link = "/a/b"\nshape = [8', "4: license_link: expected an address that begins with"),
        ('/test_batch.bin" = "', '/test_batch.bin" = "x', "17: sources.0.members.*: expected the 64 hex digits"),
    ],
)  # fmt: skip
def test_a_wrong_dataset_is_refused_with_file_and_line(tmp_path, old, new, expected):
    """A second name, a name that cannot be seen or told from another, and a test part that was trained on."""
    assert re.search(f"cifar10.toml:{expected}", refused_dataset(tmp_path, old, new))


def refused_dataset(folder, old, new):
    """What a run of CIFAR-10 is told when `new` stands in place of `old`; a run of the other dataset goes on."""
    make_configuration(folder / "config")
    path = folder / "config" / "datasets" / "cifar10.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    config = load_configuration(folder / "config")
    assert [dataset.name for dataset in resolve(config, Parameters(), "r").datasets] == ["fashion_mnist"]
    with pytest.raises(RequestError, match="datasets: cifar10 cannot be used: ") as caught:
        resolve(config, Parameters(datasets=("cifar10",)), "r")
    return str(caught.value)


ANY_TEXT = st.text(st.characters(), max_size=300)  # lone surrogates too: a command line may hold any bytes


@given(ANY_TEXT, ANY_TEXT)
def test_slugs_are_safe_and_never_meet(first, second):
    """Any run id becomes a key segment, a safe one stays as it is, and two ids never share a slug."""
    for text in (first, second):
        made = slug(text)
        assert TypeAdapter(RunId).validate_python(made) == made
        assert slug(made) == made
    if first != second and not _is_slug_of(first, second):
        assert slug(first) != slug(second)


def _is_slug_of(first: str, second: str) -> bool:
    """An id may be typed that is another's slug, digest included; that alone is a meeting."""
    return first in (second, slug(second)) or second == slug(first)


def test_no_more_searches_are_asked_for_than_airflow_maps(config):
    """Searches of their own, in shards, at several budgets: what Airflow would refuse later is refused first."""
    training = config.profiles["full"].training.model_copy(update={"vary": ("seed", "search"), "replicates": 100})
    profile = config.profiles["full"].model_copy(update={"training": training})
    many = config.model_copy(update={"profiles": {"full": profile}})
    asked = Parameters(profile="full", datasets=("cifar10",), budgets=(5_000, 6_000, 7_000, 8_000, 9_000, 10_000))
    with pytest.raises(RequestError, match="expected at most 1,024 tasks of a search of each family, received 1,200"):
        resolve(many, asked, "r1")


def test_a_backend_is_the_profiles_unless_the_machines_owner_names_another(config):
    """The profile for a GPU brings its own; a profile that names none computes with TensorFlow."""
    backends = {name: resolve(config, Parameters(profile=name), "r").backend for name in ("quick", "gpu")}
    assert backends == {"quick": "tensorflow", "gpu": "jax"}
    assert resolve(config, Parameters(profile="quick"), "r", "jax").backend == "jax"


@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_the_loop_for_accelerators_needs_jax(config, backend):
    """Another backend is refused before anything is spent, and the message names both ways out."""
    assert config.profiles["gpu"].training.loop == "epochs"
    with pytest.raises(
        RequestError, match=f'backend jax .*received {backend}; set `backend = "jax"` .* `loop = "steps"`'
    ):
        resolve(config, Parameters(profile="gpu"), "r", backend)
