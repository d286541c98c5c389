"""The DAG of the champions as Airflow reads it, and the approval that waits in it."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from tasks.project import PROJECT
from tasks.registry.champions.decisions import keep_decision
from tasks.settings.loading import load_configuration
from tasks.settings.request import slug
from tasks.settings.workflow import decision_key
from tasks.storage.location import open_store
from tests.contract.dags.graph import edges
from tests.support.champions import DATASET, decision, judgement
from tests.support.lazy import Lazy

RUN_ID = "asset_triggered__2026-11-30T03:00:00+00:00__aB3"
START = datetime(2026, 11, 30, 3, tzinfo=UTC)
airflow_dags = Lazy("airflow.dag_processing.dagbag")
serialized_objects = Lazy("airflow.serialization.serialized_objects")
exceptions = Lazy("airflow.sdk.exceptions")
assets = Lazy("dags.assets")
approval = Lazy("dags.approval")


def read():
    """The DAG as Airflow reads it now."""
    return airflow_dags.DagBag(PROJECT / "dags").dags["promote_champion"]


@pytest.fixture(scope="module")
def config():
    return load_configuration()


@pytest.fixture(scope="module")
def dag():
    return read()


def test_every_dataset_is_judged_approved_and_promoted(dag, config):
    """Each has its group, and a dataset without an event is left out before any of its tasks starts."""
    chain = (
        "datasets -> {0}.judge",
        "{0}.judge -> {0}.approve",
        "{0}.approve -> {0}.promote",
        "{0}.promote -> complete",
    )
    assert edges(dag) == {edge.format(name) for name in config.datasets for edge in chain}
    rules = {task.task_id: task.trigger_rule for task in dag.tasks}
    assert rules.pop("complete") == "all_done"
    assert {*rules.values()} == {"all_success"}
    for task in dag.tasks:
        assert task.doc_md, task.task_id
        assert task.owner == "like-for-like", task.task_id


def test_any_result_starts_it(dag, config):
    """It listens to the results of every dataset, and to nothing else; many runs may wait at a time."""
    heard = dag.timetable.asset_condition
    assert isinstance(heard, Lazy("airflow.sdk").AssetAny)
    assert [each.name for each in heard.objects] == [f"candidate/{name}" for name in config.datasets]
    assert dag.max_active_runs >= 2 * len(config.datasets)
    assert (dag.catchup, dag.is_paused_upon_creation) == (False, False)


def test_a_schedule_of_many_datasets_is_cheap():
    """Airflow hashes and writes out the schedule for every edge of a DAG: of 200 assets that would take 20 s."""
    one, other = (assets.AnyOf(assets.candidate(name)) for name in ("one", "other"))
    assert (hash(one), repr(one)) == (hash(other), repr(other))
    assert one != other


@pytest.mark.parametrize(
    ("form", "changed", "chosen"),
    [
        (["cifar10", "fashion_mnist"], [], ["cifar10.judge", "fashion_mnist.judge"]),
        (["fashion_mnist"], [], ["fashion_mnist.judge"]),
        (["cifar10", "fashion_mnist"], ["cifar10"], ["cifar10.judge"]),
        (["cifar10", "fashion_mnist"], ["gone"], []),
    ],
)
def test_a_run_is_about_its_events_or_what_the_form_names(dag, form, changed, chosen):
    """Who starts it by hand chooses, and by default judges all. An event decides alone, also of a dataset now gone."""
    events = {assets.candidate(name): [] for name in changed} | {assets.asset("fashion_mnist"): []} if changed else {}
    assert dag.get_task("datasets").python_callable({"datasets": form}, events) == chosen


def test_the_form_offers_the_datasets(dag, config):
    """It stands with the DAG, and no copy of it with any task."""
    written = serialized_objects.DagSerialization.to_dict(dag)["dag"]
    assert [name for name, _ in written["params"]] == ["datasets"]
    assert dag.params["datasets"] == list(config.datasets)
    assert not [task for task in dag.tasks if task.params]


@pytest.mark.parametrize(
    ("states", "named"),
    [
        ({"a.judge": "skipped", "b.promote": "success"}, None),
        ({"a.judge": "failed", "a.approve": "upstream_failed"}, "failed: a.judge"),
    ],
)
def test_the_run_ends_as_its_tasks_did(dag, states, named):
    """`complete` is the last task. What was skipped is no failure; what failed is named, and a dead channel is not."""
    crumbs = [{"task_id": name, "state": state} for name, state in states.items()]
    crumbs.append({"task_id": "a.notify.team", "state": "failed", "operator": "Notification"})
    ti = SimpleNamespace(get_task_breadcrumbs=lambda dag_id, run_id: crumbs if dag_id == dag.dag_id else None)
    complete = dag.get_task("complete").python_callable
    if named is None:
        complete("run", ti)
    else:
        with pytest.raises(exceptions.AirflowFailException, match=f"^{named}; their logs say why"):
            complete("run", ti)


@pytest.mark.parametrize("name", ["judge", "promote"])
def test_the_commands_get_the_run_that_asks(dag, name):
    """Each is a command of the configured runner, with a limit, and is tried again where that may help."""
    task = dag.get_task(f"{DATASET}.{name}")
    assert task.stage_command.arguments("a run") == [name, "--run", "a run", "--dataset", DATASET]
    assert task.execution_timeout is not None
    assert (task.retries, task.pool) == (2, "training" if name == "judge" else "default_pool")


def test_promote_gets_the_answer_as_data(dag):
    """A name stays a name in the variable APPROVAL, whatever characters it has."""
    answer = {"answer": "approved", "by": 'Ada "; rm -rf / {{ x }} Ł'}
    asked = []
    ti = SimpleNamespace(xcom_pull=lambda task_ids: asked.append(task_ids) or answer)
    task = dag.get_task(f"{DATASET}.promote")
    template = task.get_template_env().from_string(task.env["APPROVAL"])
    assert json.loads(template.render(ti=ti)) == answer
    assert asked == [f"{DATASET}.approve"]


def test_two_parses_are_the_same(dag):
    """Nothing in the DAG changes from one parse to the next, so Airflow keeps one version of it."""
    assert serialized_objects.DagSerialization.to_dict(read()) == serialized_objects.DagSerialization.to_dict(dag)


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Keep a decision of this run, in a store that the environment names."""
    monkeypatch.setenv("STORE", tmp_path.as_uri())

    def keep(**changes):
        return keep_decision(open_store(tmp_path.as_uri()), decision(slug(RUN_ID), **changes))

    return keep


@pytest.fixture
def task(dag):
    """The approval, whose looks are five minutes apart."""
    return dag.get_task(f"{DATASET}.approve")


class Events:
    """The events of an asset as a task reads them: newest first, since a moment."""

    def __init__(self, *runs):
        self.runs, self.since = runs, None

    def __getitem__(self, asset):
        assert asset.name == f"passed/{DATASET}"
        return self

    def after(self, moment):
        self.since = moment
        return self

    def ascending(self, ascending):
        assert not ascending
        return [SimpleNamespace(source_run_id=run) for run in self.runs]


def context(*runs):
    return {"run_id": RUN_ID, "dag_run": SimpleNamespace(start_date=START), "inlet_events": Events(*runs)}


TIMEOUT = {"error": "The time is over.", "error_type": "timeout"}


def waits(call):
    """What a task that parks itself leaves to be called again: when at the latest, and with what."""
    with pytest.raises(exceptions.TaskAwaitingInput) as parked:
        call()
    assert parked.value.method_name == "execute_complete"
    return parked.value.timeout, parked.value.kwargs


def test_nobody_is_asked_where_nobody_need_be(task, kept):
    """The first model of a dataset, or `approval = "automatic"`: the task ends at once."""
    kept(approval="automatic")
    assert task.execute(context()) == {"answer": "approved", "by": "automatic"}


def test_rules_that_never_promote_approve_nothing(task, kept):
    """Also where somebody marks the skipped `judge` as done."""
    kept(approval="never")
    with pytest.raises(exceptions.AirflowFailException, match="the rules promote nothing"):
        task.execute(context())


@pytest.mark.parametrize("body", [None, b"{", b"7", b"{}", b"\xff", b'{"candidate": 1, "judgement": {}}'])
def test_a_decision_that_is_not_there_fails_at_once(task, kept, tmp_path, body):
    """Without a whole decision nobody is asked, and no retry helps."""
    if body is not None:
        open_store(tmp_path.as_uri()).write(decision_key(DATASET, slug(RUN_ID)), body)
    with pytest.raises(exceptions.AirflowFailException, match=r"decisions/.*: expected the decision of the gate"):
        task.execute(context())


@pytest.mark.parametrize("runs", [(), (RUN_ID,), (None, RUN_ID), (RUN_ID, "an earlier run"), (RUN_ID, None)])
def test_it_waits_on_after_a_look(task, runs):
    """A look waits until the next one where no candidate passed, or none after its own that is of another run."""
    given = {"until": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}
    timeout, again = waits(lambda: task.execute_complete(context(*runs), TIMEOUT, **given))
    assert (timeout, again) == (timedelta(minutes=5), given)


def test_the_last_look_comes_when_the_time_is_over(task):
    """The wait is not longer than the configuration allows."""
    until = datetime.now(UTC) + timedelta(minutes=1)
    timeout, _ = waits(lambda: task.execute_complete(context(), TIMEOUT, until=until.isoformat()))
    assert timeout <= timedelta(minutes=1)


@pytest.mark.parametrize("runs", [("a later run", RUN_ID), (None, "a later run", RUN_ID), ("a later run",)])
def test_a_newer_candidate_takes_its_place(task, runs):
    """One of another run that passed the gate after its own did, since this run began."""
    seen = context(*runs)
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert task.execute_complete(seen, TIMEOUT, until=until) == {"answer": "superseded", "by": "automatic"}
    assert seen["inlet_events"].since == START.isoformat()


def test_nobody_answers(task):
    """When the time is over, that is the answer."""
    until = datetime.now(UTC).isoformat()
    answer = task.execute_complete(context(), TIMEOUT, until=until)
    assert answer == {"answer": "unanswered", "by": "automatic"}


@pytest.mark.parametrize(("option", "answer"), [("Approve", "approved"), ("Reject", "rejected")])
def test_an_answer_counts(task, option, answer):
    """Whoever answers is named, and an answer counts even where a newer result has come since."""
    event = {
        "chosen_options": [option],
        "params_input": {},
        "responded_at": START,
        "responded_by_user": {"id": "7", "name": "Ada"},
    }
    found = task.execute_complete(context("another"), event, until=START.isoformat())
    assert found == {"answer": answer, "by": "Ada"}


def test_the_question_says_why_and_until_when():
    """The sentence of the gate with nothing in it that Markdown understands, the report, and the time that is left."""
    sentence = "Better by 2.0 points; no class [x](http://evil) lost, `nor` <b>any</b>\n# of *these* a_b."
    question = approval.Question("quick-1", "cnn", sentence, "human", START)
    said, link, end = approval.body(question).split("\n\n")
    assert said == (
        r"Better by 2\.0 points; no class \[x\](http\:\/\/evil) lost, \`nor\` \<b\>any\<\/b\> \# of \*these\* a\_b\."
    )
    assert link == r"[Read the report](/reports/quick-1) of the run quick\-1."
    assert "2026-11-30 03:00 UTC" in end


def test_the_patience_is_that_of_the_rules(kept):
    """What is asked is what the gate decided. The wait counts from the decision, however often the task is tried."""
    rules = judgement().rules.model_copy(update={"patience_hours": 2.0})
    kept(run="quick-7", judgement=judgement(rules=rules), when=START.isoformat())
    asked = approval.asked(DATASET, RUN_ID)
    assert (asked.run, asked.family, asked.approval) == ("quick-7", "cnn", "human")
    assert asked.until == START + timedelta(hours=2)


def test_a_candidate_that_passed_is_an_event(dag):
    """Only what the gate let pass ends the wait of an older one: the event comes with the success of `judge`."""
    judge, approve = (dag.get_task(f"{DATASET}.{name}") for name in ("judge", "approve"))
    assert [each.name for each in judge.outlets] == [each.name for each in approve.inlets] == [f"passed/{DATASET}"]
