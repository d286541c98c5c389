"""The `local` runner: a stage is a process of the worker's machine."""

import os
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from dags.gpus import GPU_EXPECTED, VISIBLE
from dags.stage_command import RunnerError, StageOperator, command_among
from dags.store_access import store_environment
from tasks.errors import RequestError
from tasks.project import PROJECT
from tasks.settings.loading import configured
from tasks.settings.orchestration import Orchestration

# What a stage does not get of the worker: Airflow's own settings, its keys among them, and other people's credentials.
AIRFLOWS = ("AIRFLOW__", "AIRFLOW_CONN_", "AIRFLOW_VAR_", "_AIRFLOW_")
# With it Python does not look for the stages in the folder that it starts in.
UNSAFE = ("PYTHONSAFEPATH",)
# Where the worker's interpreter looks for packages, which are not those of another one.
SEARCHED = ("PYTHONPATH", "PYTHONHOME")
# A worker's standard input is a socket. Bash takes that for a login over a network, and a shell of the first level then
# runs the person's ~/.bashrc (`run_startup_files` in its shell.c). So this one is of the second level.
NOT_THE_FIRST_SHELL = {"SHLVL": "1"}


class LocalStage(StageOperator, BashOperator):
    """A stage as a process of this machine, in the project's folder.

    The command is a fixed string. The run's id and the form's values are data: they reach it as environment variables,
    so that no character in them means anything to the shell. The store's address and credentials are looked up when
    the task runs, and stand in no field that Airflow stores or shows.
    """

    def __init__(self, *, env: Mapping[str, str] | None = None, **options: Any) -> None:
        words = command_among(options).arguments('"$RUN_ID"')
        command = " ".join(['exec "$STAGE_PYTHON" -m tasks', *words])
        env = {"RUN_ID": "{{ run_id }}"} | dict(env or {})
        self._gpu: dict[str, str] = {}
        super().__init__(bash_command=command, env=env, append_env=False, cwd=str(PROJECT), **options)

    def get_env(self, context: Any) -> dict:
        """The worker's environment with the way to the store, and without what belongs to Airflow alone.

        STAGE_PYTHON, where nobody set it, is the configured interpreter, or else the one that runs Airflow.

        Raises:
            RunnerError: the store cannot be found.
        """
        given = {**store_environment(), **super().get_env(context)}
        python = given.get("STAGE_PYTHON") or configured(given).orchestration.python
        leave = AIRFLOWS + UNSAFE + (SEARCHED if python else ())
        kept = {name: value for name, value in given.items() if not name.startswith(leave)}
        return kept | self._gpu | NOT_THE_FIRST_SHELL | {"STAGE_PYTHON": python or sys.executable}

    def execute(self, context: Any) -> None:
        """Run the command; an exit code that no retry can mend fails the task at once.

        Raises:
            AirflowSkipException: the run does not ask for this stage.
            AirflowFailException: the request, the configuration or the data is wrong, or the store cannot be found.
            AirflowException: the stage failed for another reason.
        """
        try:
            self.on_a_gpu(partial(self._run, context))
        except (RunnerError, RequestError) as error:
            raise AirflowFailException(f"{self.stage}: {error}") from error

    def _run(self, context: Any, gpu: str | None) -> None:
        """Run the command, which sees that GPU alone, or what the worker sees."""
        self._gpu = {VISIBLE: gpu, **GPU_EXPECTED} if gpu else {}
        try:
            super().execute(context)
        except AirflowException:
            process = self.subprocess_hook.sub_process
            self.fail_as_said(process and process.returncode)
            raise


OPERATOR = LocalStage


def options(stage: str, orchestration: Orchestration) -> dict[str, Any]:
    """What this runner adds to an operator of `stage`."""
    return {}


def check(orchestration: Orchestration) -> None:
    """Look for the configured interpreter; a process can always be started.

    Raises:
        RunnerError: it is not there.
    """
    if orchestration.python and not os.access(orchestration.python, os.X_OK):
        raise RunnerError(
            f"python: expected the interpreter of the environment that trains, found none at {orchestration.python}"
        )
