"""How a stage command executes: one operator class a runner, chosen by `orchestration.runner` in the configuration.

A runner takes `stage`, `dataset`, `family`, `seed`, `shard`, and whatever every operator takes. All of them run the
same command line, `python -m tasks STAGE --run RUN ...`, and understand the same exit codes: 0 done, 99 skipped, 64 and
65 wrong for good, anything else worth a retry.
"""

import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from tasks.request import PROJECT, Orchestration

# What a retry cannot mend, by the exit code that says so (tasks/errors.py).
FINAL = {64: "the request or the configuration is wrong", 65: "the data is not what the configuration promises"}
POOL = "training"
# A stage beyond its time hangs; the longest honest one is a search of the full profile on one CPU core.
TIMEOUTS = {
    "plan": timedelta(minutes=5),
    "fetch": timedelta(hours=2),
    "normalize": timedelta(minutes=30),
    "search": timedelta(hours=24),
    "choose": timedelta(minutes=30),
    "train": timedelta(hours=24),
    "evaluate": timedelta(hours=1),
    "report": timedelta(minutes=30),
}
TRAINING = {"search", "train", "evaluate"}
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


class LocalStage(BashOperator):
    """A stage as a process of this machine, in the project's folder.

    The command is a fixed string. The run's id and the form's values are data: they reach it as environment variables,
    so that no character in them means anything to the shell. The store's address and credentials are inherited from
    the worker, and stand in no field that Airflow stores or shows.
    """

    def __init__(
        self,
        *,
        stage: str,
        dataset: str | None = None,
        family: str | None = None,
        seed: int | None = None,
        shard: int | None = None,
        env: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        self.stage, self.dataset, self.family, self.seed, self.shard = stage, dataset, family, seed, shard
        options = {"--dataset": dataset, "--family": family, "--seed": seed, "--shard": shard}
        given = [f"{option} {value}" for option, value in options.items() if value is not None]
        command = " ".join(['exec "$STAGE_PYTHON" -m tasks', stage, '--run "$RUN_ID"', *given])
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


# A runner is one more class here: `docker` (DockerOperator) and `kubernetes` (KubernetesPodOperator) have their place.
RUNNERS = {"local": LocalStage}


def settings(stage: str, orchestration: Orchestration) -> dict[str, Any]:
    """What every task of `stage` shares, whatever the runner."""
    shared: dict[str, Any] = {
        "stage": stage,
        "execution_timeout": TIMEOUTS[stage],
        # Results travel through the store; the last line of a log is none.
        "do_xcom_push": False,
        "env": dict.fromkeys(THREADS, str(orchestration.threads)),
    }
    return shared | ({"pool": POOL} if stage in TRAINING else {})
