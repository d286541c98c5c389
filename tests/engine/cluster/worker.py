"""A stage's task in a namespace, and a worker's process that does it: `worker NAMESPACE SCRIPT TRY`."""

import sys
import threading
from typing import Any

from dags.stage_operators import settings
from tasks.settings.loading import load_configuration
from tests.support.lazy import Lazy
from tests.support.stage_tasks import context

runner = Lazy("dags.runners.kubernetes")


def stage(namespace: str, script: str = "", **given: Any) -> Any:
    """The task of a `fetch`; with a `script` of the shell in place of the stage's own work."""
    orchestration = load_configuration().with_runner("kubernetes").orchestration
    task = runner.KubernetesStage(
        task_id="fetch", **settings("fetch", orchestration) | {"namespace": namespace} | given
    )
    if script:
        task.cmds, task.arguments = ["sh", "-c", script], []
    return task


def execute(task: Any, try_number: int = 1) -> None:
    """Do what Airflow's worker does with it."""
    task.execute(context(task, try_number=try_number))


def in_background(task: Any, try_number: int = 1) -> list[BaseException | None]:
    """Do it in a thread; the list gets how it ended."""
    ended: list[BaseException | None] = []

    def work() -> None:
        try:
            execute(task, try_number)
            ended.append(None)
        except BaseException as error:
            ended.append(error)

    threading.Thread(target=work, daemon=True).start()
    return ended


if __name__ == "__main__":
    execute(stage(sys.argv[1], sys.argv[2]), int(sys.argv[3]))
