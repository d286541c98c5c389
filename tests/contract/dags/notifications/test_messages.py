"""What people are told, from real documents in a store and the states of a run's tasks."""

import json
from types import SimpleNamespace

import pytest

from tasks.report.between.contrast import since_before
from tasks.runs.records import recorded
from tasks.settings.notifications import Channel, Notifications
from tasks.settings.place import Place
from tasks.settings.request import slug
from tasks.settings.workflow import decision_key, report_key
from tasks.storage.location import open_store
from tests.support import published_runs
from tests.support.lazy import Lazy

comparison = Lazy("dags.notifications.comparison")
documents = Lazy("dags.notifications.documents")
promotion = Lazy("dags.notifications.promotion")

PAGE = "https://airflow.example.org"
TOLD = Notifications(
    page=PAGE, expected_hours=3.0, channels={"hook": Channel(kind="webhook", connection="x", on=("always",))}
)
RUN_ID = "scheduled__2026-11-30T03:00:00+00:00__aB3"
RUN_PAGE = f"{PAGE}/dags/compare_image_models/runs/scheduled__2026-11-30T03%3A00%3A00%2B00%3A00__aB3"


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("STORE", tmp_path.as_uri())
    return open_store(tmp_path.as_uri())


def context(run_id=RUN_ID, conf=None, active=0, **states):
    """A task's context: the run, and the states of its other tasks by their ids, with `__` for a full stop."""
    crumbs = [{"task_id": name.replace("__", "."), "state": state} for name, state in states.items()]
    crumbs.append({"task_id": "notify.team", "state": "failed", "operator": "Notification"})
    ti = SimpleNamespace(
        get_task_breadcrumbs=lambda dag_id, run_id: crumbs, get_dr_count=lambda dag_id, run_ids, states: active
    )
    return {"run_id": run_id, "ti": ti, "dag_run": SimpleNamespace(conf=conf)}


def published(store, run_id, accuracy=None, status="complete"):
    """A report of the run in the store."""
    made, files = published_runs.made(published_runs.request(slug(run_id)), accuracy=accuracy)
    since = since_before(store, made, lambda key: files.get(key) or store.read(key))
    made = made.model_copy(update={"since": since, "status": status})
    published_runs.put(store, made, files)
    return made


def test_a_report_is_told_with_its_verdict_first(store):
    """Then come the links. Where nothing is wrong or changed, only who hears everything is told."""
    report = published(store, RUN_ID)
    message = comparison.at_end(context(complete="success"), TOLD)
    assert message.lines == message.verdicts == report.verdicts
    assert message.occasions == ()
    assert message.links == {
        "Report": f"{PAGE}/reports/scheduled__2026-11-30T03%3A00%3A00%2B00%3A00__aB3",
        "Run in Airflow": RUN_PAGE,
    }
    assert message.changed is None


def test_without_a_page_there_are_no_links(store):
    """The message names the run alone."""
    published(store, RUN_ID)
    message = comparison.at_end(context(complete="success"), Notifications())
    assert message.links == {}
    assert message.text.endswith(f"\n\nRun: {RUN_ID}")


def test_a_verdict_that_changed_is_an_occasion(store):
    """The run before concluded something else of the same families at the same budget; what changed follows."""
    published(store, "sunday", accuracy=0.8)
    report = published(store, RUN_ID)
    message = comparison.at_end(context(complete="success"), TOLD)
    assert message.occasions == ("verdict_changed",)
    assert message.changed == report.since.line
    assert message.heading == "Like for Like: the verdict on CIFAR-10 changed"


def test_the_same_verdict_with_other_numbers_is_none(store):
    """Sentences differ from run to run; what they conclude does not."""
    published(store, "sunday")
    published(store, RUN_ID)
    message = comparison.at_end(context(complete="success"), TOLD)
    assert message.occasions == ()
    assert message.changed is not None


@pytest.mark.parametrize("body", [None, b"{", b"{}"])
def test_a_run_before_that_cannot_be_read_changes_nothing(store, body):
    """Its report was cleared away, or is damaged: whether the verdict changed is not known."""
    published(store, "sunday", accuracy=0.8)
    published(store, RUN_ID)
    store.delete(report_key("sunday", "report.json"))
    if body:
        store.write(report_key("sunday", "report.json"), body)
    assert comparison.at_end(context(complete="success"), TOLD).occasions == ()


def test_a_partial_report_names_what_failed(store):
    """The verdict comes first, the failed tasks after it; `complete`, which failed because of them, is none of them."""
    report = published(store, RUN_ID, status="partial")
    message = comparison.at_end(context(cifar10__train_cnn="failed", report="success", complete="failed"), TOLD)
    assert message.occasions == ("failed", "partial")
    assert message.lines == (*report.verdicts, "Failed tasks: cifar10.train_cnn.")
    assert message.failed == ("cifar10.train_cnn",)


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_run_that_failed_is_told_with_its_reason_first(store, attempts):
    """The record of the last attempt of `plan` says it."""
    for attempt in range(attempts):
        with pytest.raises(ValueError, match="trials"), recorded(store, slug(RUN_ID), Place(), "plan"):
            raise ValueError(f"trials: expected at most 6, received {attempt}")
    message = comparison.at_end(context(plan="failed", report="skipped", complete="failed"), TOLD)
    assert message.occasions == ("failed",)
    reason = f"trials: expected at most 6, received {attempts - 1}"
    assert message.text.splitlines()[0].startswith(f"Run {RUN_ID} failed: plan: ")
    assert reason in message.text.splitlines()[0]
    assert message.links == {"Run in Airflow": RUN_PAGE}


def test_a_failure_without_a_record_leads_to_the_log(store):
    """A stage that never began left none."""
    message = comparison.at_end(context(report="failed", complete="failed"), TOLD)
    assert message.lines == (
        f"Run {RUN_ID} failed: the logs of its tasks say why",
        "Failed tasks: report.",
    )


def test_a_run_with_nothing_to_do_is_no_failure(store):
    """`plan` was skipped: there is no report of this run, and nothing went wrong."""
    message = comparison.at_end(context(plan="skipped", report="skipped", complete="success"), TOLD)
    assert message.occasions == ()
    assert "had nothing to do" in message.lines[0]


def test_a_failure_is_told_without_the_store(tmp_path, monkeypatch):
    """The store may be what failed: then the message says so. A run that did not fail waits for the store."""
    monkeypatch.setenv("STORE", "s3://x")
    message = comparison.at_end(context(plan="failed", complete="failed"), TOLD)
    assert message.occasions == ("failed",)
    assert "the store cannot be read" in message.lines[0]
    with pytest.raises(documents.UnreadableError, match="the store cannot be read"):
        comparison.at_end(context(complete="success"), TOLD)


def test_a_run_at_work_is_late(store):
    """The message is about the run that the deadline belongs to."""
    message = comparison.late(context("deadline", {"run": RUN_ID}, active=1, cifar10__train_cnn="failed"), TOLD)
    assert message.occasions == ("late",)
    assert message.lines == (
        f"Run {RUN_ID} has run for more than 3 hours and has not ended.",
        "Failed tasks: cifar10.train_cnn.",
    )
    assert message.links == {"Run in Airflow": RUN_PAGE}


def test_a_run_that_ended_is_not_late(store):
    """Nothing is told."""
    assert comparison.late(context("deadline", {"run": RUN_ID}, active=0), TOLD) is None


SENTENCE = "The CNN of run monday is better than the champion by 1.2 points."


@pytest.fixture
def decide(store):
    """Keep a decision about CIFAR-10, and its answer where there is one, as far as messages read them."""

    def decide(*, passed=True, approval="human", answer=None):
        decision = {"candidate": {"run": "monday", "family": "cnn"}, "approval": approval, "more": 1}
        decision["judgement"] = {"passed": passed, "sentence": SENTENCE}
        store.write(decision_key("cifar10", slug(RUN_ID)), json.dumps(decision).encode())
        if answer:
            body = {"answer": answer, "sentence": f"It was {answer}."}
            store.write(decision_key("cifar10", slug(RUN_ID), ".answer"), json.dumps(body).encode())

    return decide


def decided(**states):
    return promotion.decided("cifar10", "CIFAR-10")(context(**states), TOLD)


def waiting():
    return promotion.waiting("cifar10", "CIFAR-10")(context(), TOLD)


def test_a_candidate_that_waits_is_told_with_the_decision(decide):
    """The gate's sentence comes first, and a link leads to the approval."""
    decide()
    message = waiting()
    assert (message.occasions, message.dataset, message.lines[0]) == (("waiting_for_approval",), "cifar10", SENTENCE)
    run = f"{PAGE}/dags/promote_champion/runs/scheduled__2026-11-30T03%3A00%3A00%2B00%3A00__aB3"
    assert message.links == {
        "Approve or reject": f"{run}/tasks/cifar10.approve/required_actions",
        "Report": f"{PAGE}/reports/monday",
        "Run in Airflow": run,
    }


@pytest.mark.parametrize("options", [{"passed": False}, {"approval": "automatic"}, {"approval": "never"}])
def test_nobody_is_asked_for_what_needs_no_approval(decide, options):
    """A candidate that did not pass, and one that needs no person, wait for nobody."""
    decide(**options)
    assert waiting() is None


def test_a_dataset_that_did_not_ring_is_not_told_of(store):
    """The run has no decision about it."""
    assert (waiting(), decided(cifar10__judge="skipped")) == (None, None)


def test_a_promotion_is_told(decide):
    """What became of the candidate comes first, then the gate's sentence."""
    decide(answer="promoted")
    message = decided(cifar10__promote="success")
    assert message.occasions == ("promoted",)
    assert message.lines == ("It was promoted.", SENTENCE)
    assert message.heading == "Like for Like: CIFAR-10 has a new champion"


@pytest.mark.parametrize("answer", ["rejected", "unanswered", "superseded", "overtaken", None])
def test_what_did_not_become_the_champion_is_told_to_who_hears_everything(decide, answer):
    """Such a message has no occasion of its own."""
    decide(passed=answer is not None, answer=answer)
    message = decided(cifar10__promote="skipped")
    assert message.occasions == ()
    assert message.lines[-1] == SENTENCE
    assert message.heading == "Like for Like: CIFAR-10 has no new champion"


def test_a_promotion_that_failed_is_a_failure(decide):
    """Of this dataset alone: another one of the same run has its own message."""
    decide()
    message = decided(cifar10__promote="failed", shapes__judge="failed")
    assert message.occasions == ("failed",)
    assert message.failed == ("cifar10.promote",)
    assert message.lines[0] == "The promotion for CIFAR-10 failed: the logs of its tasks say why"
    assert message.lines[-1] == SENTENCE
