"""The `local` runner: a stage is a process of the worker's machine."""

import sys
from collections.abc import Mapping
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from dags.stage_command import FINAL, StageOperator, command_among
from tasks.project import PROJECT
from tasks.settings.orchestration import Orchestration


class LocalStage(StageOperator, BashOperator):
    """A stage as a process of this machine, in the project's folder.

    The command is a fixed string. The run's id and the form's values are data: they reach it as environment variables,
    so that no character in them means anything to the shell. The store's address and credentials are inherited from
    the worker, and stand in no field that Airflow stores or shows.
    """

    def __init__(self, *, env: Mapping[str, str] | None = None, **options: Any) -> None:
        words = command_among(options).arguments('"$RUN_ID"')
        command = " ".join(['exec "$STAGE_PYTHON" -m tasks', *words])
        env = {"RUN_ID": "{{ run_id }}"} | dict(env or {})
        super().__init__(bash_command=command, env=env, append_env=True, cwd=str(PROJECT), **options)

    def get_env(self, context: Any) -> dict:
        """The worker's environment without Airflow's own settings, among them its keys, which no stage needs.

        STAGE_PYTHON, where nobody set it, is the interpreter that runs Airflow.
        """
        given = {name: value for name, value in super().get_env(context).items() if not name.startswith("AIRFLOW__")}
        return {"STAGE_PYTHON": sys.executable} | given

    def execute(self, context: Any) -> None:
        """Run the command; an exit code that no retry can mend fails the task at once.

        Raises:
            AirflowSkipException: the run does not ask for this stage.
            AirflowFailException: the request, the configuration or the data is wrong.
            AirflowException: the stage failed for another reason.
        """
        try:
            super().execute(context)
        except AirflowException as error:
            code = self.subprocess_hook.sub_process and self.subprocess_hook.sub_process.returncode
            if code in FINAL:
                raise AirflowFailException(f"{self.stage}: exit code {code}: {FINAL[code]}; see the log") from error
            raise


OPERATOR = LocalStage


def options(stage: str, orchestration: Orchestration) -> dict[str, Any]:
    """What this runner adds to an operator of `stage`."""
    return {}


def check(orchestration: Orchestration) -> None:
    """A process can always be started."""
