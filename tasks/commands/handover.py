"""`hand-over`: a finished run for the tools of other people."""

import argparse
import os
from pathlib import Path
from typing import Any

from tasks.commands.store import named_store
from tasks.errors import RequestError

HAND_OVER = "bring a finished run to MLflow, or write it for TensorBoard; a second time changes nothing"
EXPERIMENT = "like-for-like"
TO = "mlflow: its address (default: MLFLOW_TRACKING_URI); tensorboard: its folder of logs (default: tensorboard)"


def add(commands: Any) -> None:
    """Add it to the commands of a parser."""
    parser = commands.add_parser("hand-over", help=HAND_OVER, description=HAND_OVER)
    parser.add_argument("tool", choices=sorted(TOOLS))
    parser.add_argument(
        "report", metavar="RUN", help="a folder with a downloaded report, the name of a run in the store, or `latest`"
    )
    parser.add_argument("--to", metavar="URI", help=TO)
    parser.set_defaults(run_command=_hand_over)


def _hand_over(options: argparse.Namespace) -> None:
    from tasks.registry.handover.bundle import opened

    to = TOOLS[options.tool]
    receiver = to(options.to)
    with opened(options.report, named_store) as bundle:
        print(receiver(bundle))


def _mlflow(to: str | None) -> Any:
    from tasks.registry.handover import mlflow

    uri = to or os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        expected = "expected the address of an MLflow server, such as http://127.0.0.1:5000"
        raise RequestError(f"{expected}, found none in --to or MLFLOW_TRACKING_URI; give one")
    # A server that is away is said to be within seconds, and nothing of a run is told to anybody else.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
    return lambda bundle: mlflow.hand_over(bundle, uri, experiment)


def _tensorboard(to: str | None) -> Any:
    from tasks.registry.handover import tensorboard

    return lambda bundle: tensorboard.hand_over(bundle, Path(to or "tensorboard"))


TOOLS = {"mlflow": _mlflow, "tensorboard": _tensorboard}
