"""The DAG as Airflow reads it: its edges, its rules, its form, what parsing it costs."""

import ast
import math
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from types import SimpleNamespace

import pytest
from annotated_types import Le

from dags.trigger_form import trigger_form
from tasks.project import PROJECT
from tasks.runs.requests import write_request
from tasks.settings.loading import load_configuration, resolve
from tasks.settings.request import MAX_BUDGETS, MAX_MAPPED, Parameters, request_key, slug
from tasks.settings.training import Search, Training
from tasks.storage.location import open_store
from tests.contract.dags.graph import edges, recorded_edges
from tests.support.lazy import Lazy
from tests.support.living import add_living
from tests.support.tiny_data import make_configuration

RUN_ID = "scheduled__2026-11-30T03:00:00+00:00__aB3"
airflow_dags = Lazy("airflow.dag_processing.dagbag")
serialized_objects = Lazy("airflow.serialization.serialized_objects")


def parsed():
    """The folder of DAGs as Airflow reads it now."""
    return airflow_dags.DagBag(PROJECT / "dags")


@pytest.fixture(scope="module")
def config():
    return load_configuration()


@pytest.fixture(scope="module")
def bag():
    return parsed()


@pytest.fixture(scope="module")
def dag(bag):
    return bag.dags["compare_image_models"]


def stages(dag):
    """The tasks that run a stage command."""
    found = [task for task in dag.tasks if task.task_type in ("LocalStage", "ReportStage")]
    assert found
    return found


def of_families(dag):
    """The tasks that belong to a family: its searches, choices, trainings and evaluations."""
    names = ("search_", "choose_", "train_", "evaluate_")
    return [task for task in dag.tasks if task.task_id.partition(".")[2].startswith(names)]


def test_the_folder_holds_two_dags(bag):
    """Every file in the folder that Airflow reads parses; of pinned data they make exactly these DAGs."""
    assert bag.import_errors == {}
    assert sorted(bag.dags) == ["compare_image_models", "promote_champion"]


def test_edges(dag, config):
    """Every dataset has its branch, every family its search, trainings and evaluation, and all meet in the report."""
    assert edges(dag) == recorded_edges(config)
    assert len(dag.tasks) == 8 + len(config.datasets) * (3 + 4 * len(config.families))


def test_the_run_fails_with_any_branch(dag, config):
    """The report waits for every branch, failed or not. The only leaf comes after it, and looks at every task."""
    report, complete = dag.get_task("report"), dag.get_task("complete")
    evaluations = {task.task_id for task in dag.tasks if ".evaluate_" in task.task_id}
    assert [task.task_id for task in dag.leaves] == ["complete"]
    assert report.trigger_rule == "all_done"
    assert report.upstream_task_ids == evaluations
    assert (complete.trigger_rule, complete.retries) == ("all_done", 0)
    assert complete.upstream_task_ids == {"candidates"}
    assert len(evaluations) == len(config.datasets) * len(config.families)


def test_a_budget_does_not_wait_for_anothers_success(dag, config):
    """What follows a search starts when all before it ended, failed or not; all that is not mapped needs success."""
    on = [task for task in of_families(dag) if ".search_" not in task.task_id]
    assert {task.trigger_rule for task in on} == {"all_done"}
    assert len(on) == 3 * len(config.datasets) * len(config.families)
    others = [task for task in dag.tasks if task not in on and task.task_id not in ("report", "complete")]
    assert {task.trigger_rule for task in others} == {"all_success"}


@pytest.mark.parametrize(
    ("ended", "created"),
    [
        ({"one.evaluate_cnn": "success", "one.evaluate_ann": "failed", "another.evaluate_cnn": "failed"}, ["one"]),
        (
            {"one.evaluate_ann": "success", "another.evaluate_cnn": "success", "one.fetch": "success"},
            ["another", "one"],
        ),
        ({"one.train_cnn": "success", "one.evaluate_cnn": "skipped", "report": "success"}, []),
    ],
)
def test_a_dataset_with_a_result_has_an_event(dag, ended, created):
    """One evaluation is enough, whatever failed elsewhere; without any the task is skipped, which fails no run."""
    assets, task = Lazy("dags.assets"), dag.get_task("candidates")
    assert (task.trigger_rule, task.upstream_task_ids, task.outlets) == ("all_success", {"report"}, [assets.CANDIDATE])
    crumbs = [{"task_id": name, "state": state} for name, state in ended.items()]
    ti, events = SimpleNamespace(get_task_breadcrumbs=lambda **_: crumbs), SimpleNamespace(created=[])
    events.add = lambda asset: events.created.append(asset.name)
    call = partial(task.python_callable, RUN_ID, ti, {assets.CANDIDATE: events})
    if created:
        call()
    else:
        with pytest.raises(Lazy("airflow.sdk.exceptions").AirflowSkipException):
            call()
    assert events.created == [f"candidate/{name}" for name in created]


def test_every_stage_has_a_limit_a_retry_and_a_page(dag):
    """No stage hangs for ever, a passing fault is retried with growing pauses, and the UI explains every task."""
    for task in stages(dag):
        assert task.execution_timeout is not None, task.task_id
        assert task.retries == 2, task.task_id
        assert task.retry_exponential_backoff > 1, task.task_id
        assert task.max_retry_delay <= timedelta(minutes=10), task.task_id
    for task in dag.tasks:
        assert task.doc_md, task.task_id
        assert task.owner == "like-for-like", task.task_id
    assert dag.doc_md
    assert dag.tags


def test_training_goes_through_its_pool(dag):
    """What computes for long, and nothing else, takes a slot of the pool."""
    pooled = {task.task_id for task in dag.tasks if task.pool == "training"}
    assert pooled == {
        task.task_id
        for task in dag.tasks
        if task.task_id.partition(".")[2].split("_")[0] in ("search", "train", "evaluate")
    }
    assert pooled


@pytest.mark.parametrize(
    ("stage", "parts"),
    [
        ("search", ["budget", "seed", "shard"]),
        ("choose", ["budget", "seed"]),
        ("train", ["budget", "seed"]),
        ("evaluate", ["budget"]),
    ],
)
def test_the_stages_of_a_family_are_mapped_and_named(dag, config, stage, parts):
    """Every stage of a family is mapped over the budgets, searches over seeds and shards too, trainings over seeds."""
    for dataset, family in product(config.datasets, config.families):
        task = dag.get_task(f"{dataset}.{stage}_{family}")
        assert task.is_mapped
        assert list(task.expand_input.value) == parts
        assert task.map_index_template == ", ".join(f"{part} {{{{ task.{part} }}}}" for part in parts)


def test_the_longest_trainings_get_a_free_slot_first(dag, config):
    """A CNN before any ANN, then the greater dataset; the same for a family's search as for its trainings."""
    assert config.orchestration.priority_families == ("cnn",)
    models = list(product(config.datasets, config.families))
    sizes = {name: math.prod(dataset.image_shape[:2]) * dataset.budget for name, dataset in config.datasets.items()}
    lengths = [(family == "cnn", sizes[dataset]) for dataset, family in models]
    for stage in ("search", "train", "evaluate"):
        tasks = [dag.get_task(f"{dataset}.{stage}_{family}") for dataset, family in models]
        weights = [task.priority_weight for task in tasks]
        assert [[one > other for other in weights] for one in weights] == [
            [one > other for other in lengths] for one in lengths
        ]
        assert (min(weights), max(weights) <= len(models)) == (1, True)
        assert {str(task.weight_rule) for task in tasks} == {"absolute"}


def test_no_run_maps_more_tasks_than_airflow_takes():
    """The most budgets with the most seeds, or shards, stay below the limit of a mapped task."""
    conf = Lazy("airflow.configuration").conf
    limits = [Training.model_fields["replicates"], Search.model_fields["shards"]]
    most = [next(each.le for each in field.metadata if isinstance(each, Le)) for field in limits]
    assert most == [100, 64]
    assert MAX_BUDGETS * max(most) <= MAX_MAPPED <= conf.getint("core", "max_map_length")


@pytest.fixture
def frozen(tmp_path, monkeypatch, config):
    """Freeze the request of a run as `plan` does, in a store that the environment names; returns the run's id."""
    monkeypatch.setenv("STORE", tmp_path.as_uri())
    store = open_store(tmp_path.as_uri())

    def freeze(**params):
        write_request(store, resolve(config, Parameters(**params), slug(RUN_ID)))
        return RUN_ID

    return freeze


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, None),
        ({"budgets": [30_000]}, [30_000]),
        ({"budgets": [120_000, 30_000]}, [30_000, 120_000]),
        ({"datasets": ["another"]}, []),
    ],
)
def test_the_budgets_are_those_of_the_request(dag, config, frozen, params, expected):
    """The light task of a dataset names its own budget, or those of the form; none where the run leaves it out."""
    one, another, *_ = config.datasets
    params = {name: [another] if name == "datasets" else value for name, value in params.items()}
    task = dag.get_task(f"{one}.budgets")
    found = task.python_callable(*task.op_args, run_id=frozen(profile="smoke", **params))
    assert found == ([config.datasets[one].budget] if expected is None else expected)


def test_the_datasets_are_those_of_the_request(dag, config, frozen):
    """Those that the run leaves out are skipped at once."""
    name = list(config.datasets)[1]
    assert dag.get_task("datasets").python_callable(frozen(profile="smoke", datasets=[name])) == [f"{name}.fetch"]


def test_a_dataset_that_left_the_configuration_is_passed_over(dag, config, tmp_path, monkeypatch):
    """A run goes on without a dataset whose tasks are gone since it was planned."""
    monkeypatch.setenv("STORE", tmp_path.as_uri())
    request = resolve(config, Parameters(profile="smoke"), slug(RUN_ID))
    gone = request.datasets[0].model_copy(update={"name": "gone"})
    write_request(open_store(tmp_path.as_uri()), request.model_copy(update={"datasets": (*request.datasets, gone)}))
    chosen = dag.get_task("datasets").python_callable(RUN_ID)
    assert chosen == [f"{name}.fetch" for name in config.datasets]


@pytest.mark.parametrize(("trials", "expected"), [(None, [0, 1]), (1, [0])])
def test_the_shards_are_those_of_the_request(dag, frozen, trials, expected):
    """The light tasks name what `plan` has frozen, the form's wishes included."""
    run_id = frozen(profile="full", trials=trials)
    assert dag.get_task("shards").python_callable(run_id) == expected
    assert dag.get_task("replicates").python_callable(run_id) == [0, 1, 2]
    assert dag.get_task("searches").python_callable(run_id) == [0]


def test_the_seeds_are_those_that_plan_chose(dag, frozen):
    """A run that adds to the models of earlier ones has more seeds than its profile says, and trains them all."""
    assert dag.get_task("replicates").python_callable(frozen(profile="smoke", replicates=5)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("body", [None, b"{", b"7", b"{}", b"\xff"])
def test_a_request_that_is_not_there_fails_at_once(dag, tmp_path, monkeypatch, body):
    """Without a whole request of the run nothing is named, and no retry helps."""
    monkeypatch.setenv("STORE", tmp_path.as_uri())
    if body is not None:
        open_store(tmp_path.as_uri()).write(request_key(slug(RUN_ID)), body)
    with pytest.raises(Lazy("airflow.sdk.exceptions").AirflowFailException, match="request"):
        dag.get_task("replicates").python_callable(RUN_ID)


def test_run_settings(dag):
    """One run at a time, none for the past, ready to be triggered."""
    assert dag.max_active_runs == 1
    assert dag.catchup is False
    assert dag.is_paused_upon_creation is False


@pytest.mark.parametrize("datasets", [(), ("flowers",)])
def test_the_schedule_waits_for_its_tick(dag, datasets):
    """The first run of a new installation is the next tick, even right after one; no schedule means only by hand."""
    tick = datetime.now(UTC).replace(second=0, microsecond=0)
    schedule = Lazy("dags.compare_image_models").schedule
    weekly = kept(schedule(f"{tick.minute} {tick.hour} * * {tick.isoweekday() % 7}", datasets))
    unbounded = Lazy("airflow.timetables.base").TimeRestriction(earliest=None, latest=None, catchup=False)
    first = weekly.next_dagrun_info_v2(last_dagrun_info=None, restriction=unbounded)
    assert first.run_after == tick + timedelta(weeks=1)
    assert schedule("") is None


@pytest.mark.parametrize("cron", ["0 3 * * 1", ""])
def test_any_dataset_rings(cron):
    """An event of one dataset's asset starts a run, with a schedule and without one; no other asset does."""
    dags = Lazy("airflow.sdk")
    found = Lazy("dags.compare_image_models").schedule(cron, ["flowers", "leaves"])
    condition = getattr(found, "asset_condition", found)
    assert isinstance(condition, dags.AssetAny)
    assert [each.name for each in condition.objects] == ["dataset/flowers", "dataset/leaves"]


@pytest.mark.parametrize("datasets", [(), ("flowers",)])
def test_the_runs_of_two_airflows_never_have_one_id(datasets):
    """Two installations with one store, one schedule and one tick: the ids of their runs differ, in the store too."""
    schedule, tick = Lazy("dags.compare_image_models").schedule, datetime(2026, 11, 30, 3, tzinfo=UTC)
    weekly = kept(schedule("0 3 * * 1", datasets))
    kinds = Lazy("airflow.utils.types").DagRunType
    for kind in (kinds.SCHEDULED, kinds.MANUAL):
        ids = {weekly.generate_run_id(run_type=kind, run_after=tick, data_interval=None) for _ in range(50)}
        assert len({slug(run_id) for run_id in ids}) == 50
        assert all(run_id.startswith(f"{kind.value}__2026-11-30T03:00:00+00:00") for run_id in ids)


def kept(timetable):
    """A timetable after Airflow has written it down and read it again."""
    encoded = Lazy("airflow.serialization.encoders").encode_timetable(timetable)
    return Lazy("airflow.serialization.decoders").decode_timetable(encoded)


def test_two_parses_are_the_same(dag):
    """Nothing in the DAG changes from one parse to the next, so Airflow keeps one version of it."""
    again = parsed().dags["compare_image_models"]
    assert serialized_objects.DagSerialization.to_dict(again) == serialized_objects.DagSerialization.to_dict(dag)


def test_the_form_stands_once_in_the_dag(dag, config):
    """Airflow keeps the form with the DAG, and no copy of it with any task, so many datasets stay cheap."""
    written = serialized_objects.DagSerialization.to_dict(dag)["dag"]
    assert [name for name, _ in written["params"]] == list(trigger_form(config))
    assert not [task for task in dag.tasks if task.params]


def test_no_secret_is_stored(dag, monkeypatch):
    """The store's credentials are inherited by the stage's process and stand in no field that Airflow keeps."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2hunter2")
    again = parsed().dags["compare_image_models"]
    assert "hunter2" not in str(serialized_objects.DagSerialization.to_dict(again))
    for task in stages(dag):
        env = task.partial_kwargs["env"] if task.is_mapped else task.env
        assert not any(name.startswith("AWS_") for name in env), task.task_id


PARSE = """
from airflow.dag_processing.dagbag import DagBag
from tasks.project import PROJECT
bag = DagBag(PROJECT / "dags")
print(bag.import_errors, sorted(task.task_id for task in bag.dags["compare_image_models"].tasks))
"""


@pytest.mark.parametrize(
    ("broken", "left"), [(["mine"], ["cifar10", "fashion_mnist"]), (["cifar10", "fashion_mnist"], [])]
)
def test_a_broken_dataset_takes_no_other_from_the_dag(tmp_path, broken, left):
    """With one broken file the others have their branches, and with none left the DAG still is there, form and all."""
    config = make_configuration(tmp_path / "config")
    for name in broken:
        (config / "datasets" / f"{name}.toml").write_text("title = ")
    environment = os.environ | {
        "AIRFLOW_HOME": str(tmp_path),
        "PYTHONPATH": str(PROJECT),
        "WORKFLOW_CONFIG": str(config),
    }
    run = subprocess.run([sys.executable, "-c", PARSE], env=environment, capture_output=True, text=True, check=True)
    errors, tasks = run.stdout.splitlines()[-1].split(" ", 1)
    assert errors == "{}"
    fetched = [f"{name}.fetch" for name in left]
    assert [task for task in ast.literal_eval(tasks) if task.endswith("fetch")] == fetched


@pytest.mark.parametrize("runner", ["local", "docker", "kubernetes"])
def test_parsing_imports_nothing_heavy(tmp_path, runner):
    """Whoever parses the DAGs, for any runner, needs neither TensorFlow nor NumPy, pandas or boto3."""
    heavy = "tensorflow keras numpy pandas boto3 sklearn matplotlib fastapi"
    imported = f"[name for name in '{heavy}'.split() if name in sys.modules]"
    code = f"import sys, dags.compare_image_models, dags.watch_data; print(*{imported})"
    folder = make_configuration(tmp_path / "config")
    add_living(folder, "flowers", tmp_path, reader="idx")
    environment = os.environ | {
        "AIRFLOW_HOME": str(tmp_path),
        "PYTHONPATH": str(PROJECT),
        "RUNNER": runner,
        "WORKFLOW_CONFIG": str(folder),
    }
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
