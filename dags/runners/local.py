"""The `local` runner: a stage is a process of the worker's machine."""

import sys
from collections.abc import Mapping
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from dags.runners.stage_command import FINAL, StageCommand
from tasks.orchestration import Orchestration
from tasks.request import PROJECT


class LocalStage(BashOperator):
    """A stage as a process of this machine, in the project's folder.

    The command is a fixed string. The run's id and the form's values are data: they reach it as environment variables,
    so that no character in them means anything to the shell. The store's address and credentials are inherited from
    the worker, and stand in no field that Airflow stores or shows.
    """

    def __init__(  # noqa: PLR0913 - what tasks are mapped over has to be named here
        self,
        *,
        stage: str,
        dataset: str | None = None,
        family: str | None = None,
        budget: int | None = None,
        seed: int | None = None,
        shard: int | None = None,
        env: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        self.stage, self.dataset, self.family = stage, dataset, family
        self.budget, self.seed, self.shard = budget, seed, shard
        words = StageCommand(stage, dataset, family, budget, seed, shard).arguments('"$RUN_ID"')
        command = " ".join(['exec "$STAGE_PYTHON" -m tasks', *words])
        env = {"RUN_ID": "{{ run_id }}"} | dict(env or {})
        super().__init__(bash_command=command, env=env, append_env=True, cwd=str(PROJECT), **settings)

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
