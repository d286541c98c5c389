"""Airflow's REST API as people and programs use it: for events, answers, and runs that start by themselves."""

import secrets
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from tasks.local.airflow import AirflowError, Secrets
from tasks.local.airflow_api import ACTIVE, AirflowApi
from tasks.local.server import read_server
from tests.support.patience import PATIENCE

COMPARISON, WATCH, PROMOTION = "compare_image_models", "watch_data", "promote_champion"


class AirflowRest(AirflowApi):
    """The API of one server."""

    @classmethod
    def of(cls, machine):
        """The API of the server of a machine, which is brought up."""
        code, output = machine.type("up")
        assert code == 0, output
        return cls(read_server(machine.state)["url"], Secrets.load(machine.state / "airflow").password)

    def get(self, path):
        """What the API answers to a question."""
        return self._call("GET", path)

    def change(self, dataset):
        """Say from outside that a dataset has changed, as dags/README.md does."""
        (asset,) = self._call("GET", f"/assets?name_pattern=dataset/{dataset}")["assets"]
        self._call("POST", "/assets/events", {"asset_id": asset["id"]})

    def start(self, dag, **form):
        """Start a run of a DAG with these values of its form; its name."""
        run = f"typed-{secrets.token_hex(4)}"
        body = {"dag_run_id": run, "logical_date": datetime.now(UTC).isoformat(), "conf": form}
        self._call("POST", f"/dags/{dag}/dagRuns", body)
        return run

    def look(self):
        """Let `watch_data` look now; the states of its tasks when it is done."""
        return self.states(WATCH, self.ended(WATCH, self.start(WATCH)))

    def question(self, run):
        """What a run of `promote_champion` asks, once it waits for the answer."""
        return awaited(lambda: self._call("GET", _questions(run))["hitl_details"])[0]

    def reply(self, question, option):
        """Answer it until that counts."""
        task = question["task_instance"]
        path = f"{_place(task)}/-1/hitlDetails"
        while True:
            self._parked(task)
            self._call("PATCH", path, {"chosen_options": [option], "params_input": {}})
            if self.counts(task):
                return

    def _parked(self, task):
        """Wait until the scheduler knows that the process which parked the task has ended.

        An answer before that is lost and costs the task one of its attempts; a busy machine would lose them all.
        """
        parker = Path(f"/proc/{self._call('GET', _place(task))['pid']}")
        awaited(lambda: not parker.exists())
        for _ in range(2):  # of its rounds: the end is told after the process's log has been stored
            since = datetime.now(UTC)
            awaited(lambda since=since: "scheduler" in self.heard_of(since))

    def counts(self, task):
        """Whether an answer that was given counts: then the task that asked succeeds.

        Airflow 3.3.2 may lose an answer that comes soon after the task parked: the scheduler takes the process that
        parked it for a dead one, and the next attempt asks again.
        """

        def became():
            state = self._call("GET", _place(task))["state"]
            assert state != "failed", task
            if state == "success":
                return {"counts": True}
            asking = f"{_questions(task['dag_run_id'])}&task_id={task['task_id']}"
            return {"counts": False} if self._call("GET", asking)["hitl_details"] else None

        return awaited(became)["counts"]

    def runs(self, dag=COMPARISON):
        return self._call("GET", f"/dags/{dag}/dagRuns?order_by=id")["dag_runs"]

    def ended(self, dag, run):
        """The run, once it is over. It may last as long as its tasks move. Airflow may be too busy to answer."""
        states, moved = None, time.monotonic()
        while time.monotonic() < moved + PATIENCE:
            with suppress(AirflowError):
                found = next(each for each in self.runs(dag) if each["dag_run_id"] == run)
                if found["state"] not in ACTIVE:
                    return found
                states, before = self.states(dag, found), states
                moved = time.monotonic() if states != before else moved
            time.sleep(1)
        raise AssertionError(f"{run}: nothing has moved for {PATIENCE} s: {states}")

    def next_run(self, before):
        """The run that started by itself, once it is over and no other is at work."""
        awaited(lambda: len(self.runs()) > before)
        for run in self.runs()[before:]:
            self.ended(COMPARISON, run["dag_run_id"])
        awaited(lambda: not self.active())
        (run,) = self.runs()[before:]
        return run

    def pools(self):
        """How many slots of each pool are taken."""
        return {pool["name"]: pool["occupied_slots"] for pool in self._call("GET", "/pools")["pools"]}

    def states(self, dag, run):
        """The state of every task of a run, by its id; of mapped tasks, all that occur."""
        found = self._call("GET", f"/dags/{dag}/dagRuns/{run['dag_run_id']}/taskInstances?limit=100")["task_instances"]
        states = {}
        for task in found:
            states.setdefault(task["task_id"], set()).add(task["state"] or "none")
        return {task: "/".join(sorted(each)) for task, each in states.items()}


def _questions(run):
    """Where the questions of a run of `promote_champion` are that nobody has answered."""
    return f"/dags/{PROMOTION}/dagRuns/{run}/hitlDetails?state=awaiting_input&response_received=false"


def _place(task):
    return f"/dags/{PROMOTION}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}"


def awaited(look):
    """What `look` finds, once it finds something."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if found := look():
                return found
        except StopIteration:
            pass
        time.sleep(0.2)
    raise AssertionError("waited in vain")
