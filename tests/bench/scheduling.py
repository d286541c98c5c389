"""What Airflow takes for a run of many datasets: the real scheduler, and stand-ins for the stages, which do nothing.

Only `plan` does its work, so nearly all of the time is that of Airflow and of its tasks. The same run goes over SQLite,
as on one machine, and over PostgreSQL, as in an installation.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import psutil
from sqlalchemy import Column, DateTime, Integer, create_engine, text

from tasks.local import processes
from tasks.local.airflow import COMPONENTS, Airflow, AirflowError, Secrets, claimed_port
from tasks.local.airflow_api import ACTIVE, AirflowApi
from tasks.settings.workflow import DAG_ID, PROMOTE_DAG_ID
from tasks.storage.provenance import cores
from tests.bench.clock import timed
from tests.bench.growth import Memory
from tests.bench.section import Row, Section
from tests.bench.surroundings import busy
from tests.support.machine import SMALL_RUNS, Machine
from tests.support.postgres import private_cluster, programs

SEEDS = 3
RUN = "measured"
SCHEDULER = "scheduler"
STAND_IN = """#!/bin/sh
case "$3" in plan) exec "{python}" "$@" ;; esac
"""
NO_POSTGRES = "PostgreSQL is not installed here, so its rows are missing; `apt-get install postgresql` installs it."
# One pass of the scheduler over the run: for each waiting task it asks whether it may start, every time.
PASS = f"""
import time
from sqlalchemy import select
from airflow.models.dagbag import DBDagBag
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
with create_session() as session:
    run = session.scalars(select(DagRun).where(DagRun.run_id == "{RUN}")).one()
    run.dag = DBDagBag().get_dag_for_run(run, session=session)
    start = time.perf_counter()
    run.task_instance_scheduling_decisions(session=session)
    print(time.perf_counter() - start)
    session.rollback()
"""
# What a process executed: mapped tasks that were skipped at once, and empty ones, cost the scheduler alone.
EXECUTED = text(
    "SELECT count(*), min(start_date), max(end_date) FROM task_instance WHERE dag_id = :dag AND pid IS NOT NULL"
).columns(Column("tasks", Integer), Column("start", DateTime), Column("end", DateTime))
FAILED = text("SELECT count(*) FROM task_instance WHERE dag_id = :dag AND state IN ('failed', 'upstream_failed')")


@dataclass(frozen=True)
class MeasuredAirflow(Airflow):
    """This machine's Airflow, over the database at an `address` where there is one."""

    address: str = ""

    @cached_property
    def environment(self) -> dict[str, str]:
        """That of the components."""
        database = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.address} if self.address else {}
        return {**super().environment, **database}

    @contextmanager
    def running(self) -> Iterator["MeasuredApi"]:
        """Its API, once it has read the DAGs; its scheduler does not run yet."""
        self.prepare()
        started = [self.start(component) for component in COMPONENTS if component != SCHEDULER]
        api = MeasuredApi(self.url, Secrets.load(self.folder).password)
        try:
            while not (api.is_up() and api.dag() and api.pause_promotion()):
                time.sleep(1)
            yield api
        finally:
            processes.stop([process.pid for process in started])

    @contextmanager
    def scheduling(self) -> Iterator[None]:
        """With its scheduler."""
        process = self.start(SCHEDULER)
        try:
            yield
        finally:
            processes.stop([process.pid])

    def pass_seconds(self) -> float:
        """How long the scheduler takes to look once at all tasks of the run, none of which has begun."""
        command = [sys.executable, "-c", PASS]
        looked = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True)
        return float(looked.stdout.splitlines()[-1])


class MeasuredApi(AirflowApi):
    """What the bench asks of Airflow besides."""

    def pause_promotion(self) -> bool:
        """Let no promotion follow the run; whether its DAG was read by now."""
        try:
            self._call("PATCH", f"/dags/{PROMOTE_DAG_ID}?update_mask=is_paused", {"is_paused": True})
        except AirflowError:
            return False
        return True

    def pages(self) -> Row:
        """How long Airflow takes to answer what the UI asks for: the form, the grid, and the tasks' states."""
        asked = {
            "form, s": f"/api/v2/dags/{DAG_ID}/details",
            "grid, s": f"/ui/grid/structure/{DAG_ID}",
            "states, s": f"/ui/grid/ti_summaries/{DAG_ID}?run_ids={RUN}",
        }
        return {name: timed(partial(self._send, "GET", path))[1].seconds for name, path in asked.items()}


def scheduling(sizes: Sequence[int]) -> Iterator[Section]:
    """A table for each database."""
    yield Section("A run of many datasets in Airflow, over SQLite", [_row(size) for size in sizes])
    if found := programs():
        rows = []
        for size in sizes:
            with private_cluster(found) as database:
                rows.append(_row(size, database.address))
        yield Section("A run of many datasets in Airflow, over PostgreSQL", rows)
    else:
        yield Section("A run of many datasets in Airflow, over PostgreSQL", [], [NO_POSTGRES])


def _row(datasets: int, address: str = "") -> Row:
    with tempfile.TemporaryDirectory(prefix="bench-") as name, claimed_port() as port:
        machine = Machine.of_a_site(Path(name), SMALL_RUNS, STAND_IN)
        _configure(Path(machine.environment["WORKFLOW_CONFIG"]), datasets)
        inherited = machine.environment | {"STORE": Path(name, "store").as_uri()}
        airflow = MeasuredAirflow(machine.state / "airflow", port, inherited, scheduled=False, address=address)
        with airflow.running() as api, Memory(machine) as memory:
            api.unpause()
            api.trigger(RUN, {"profile": "smoke", "replicates": SEEDS})
            looked = airflow.pass_seconds()
            before = busy(psutil.cpu_times())
            with airflow.scheduling():
                while api.state(RUN) in ACTIVE:
                    time.sleep(10)  # for each answer Airflow reads all tasks of the run
            used = busy(psutil.cpu_times()) - before
            shown = api.pages()
            tasks, seconds = _executed(address or f"sqlite:///{airflow.database}")
    return {
        "datasets": datasets,
        "tasks": tasks,
        "a pass of the scheduler, s": looked,
        "first task to last, s": seconds,
        "seconds of a core a task": cores() * seconds / tasks,
        "CPU seconds a task": used / tasks,
        **shown,
        "peak memory, MB": memory.peak / 1e6,
    }


def _configure(config: Path, datasets: int) -> None:
    """So many datasets of the same few images, and no other."""
    pattern = config / "datasets" / "cifar10.toml"
    for number in range(datasets):
        shutil.copy(pattern, pattern.with_name(f"set{number:03}.toml"))
    for name in ("cifar10", "fashion_mnist"):
        (config / "datasets" / f"{name}.toml").unlink()


def _executed(address: str) -> tuple[int, float]:
    """The tasks of the run that a process executed, and the seconds from the first start to the last end."""
    with create_engine(address).connect() as connection:
        tasks, start, end = connection.execute(EXECUTED, {"dag": DAG_ID}).one()
        failed = connection.execute(FAILED, {"dag": DAG_ID}).scalar_one()
    assert failed == 0, f"{failed} tasks failed"
    return tasks, (end - start).total_seconds()
