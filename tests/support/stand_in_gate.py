"""Stands in for the gate and for an export: `judge` lets the newest run's models pass, `promote` only records.

`python -m tests.support.stand_in_gate FOLDER COMMAND --run RUN --dataset DATASET`. The file `patience` in the folder
says for how many hours an answer is waited for. What nobody approved goes through the real `promote`.
"""

import json
import os
import sys
from pathlib import Path

from tasks.__main__ import main
from tasks.commands.store import named_store
from tasks.registry.champions.decisions import keep_answer, keep_decision
from tasks.runs.order import latest
from tasks.runs.records import now
from tasks.settings.promotion import Promotion
from tasks.settings.request import slug
from tests.support.champions import answer, decision, judgement, model


def stand_in(folder: Path, command: str, run: str, dataset: str) -> int:
    """Do one of the two commands; the exit status."""
    store, asked = named_store(), slug(run)
    if command == "judge":
        rules = Promotion(patience_hours=float((folder / "patience").read_text()))
        candidate = model(latest(store), dataset=dataset)
        keep_decision(store, decision(asked, candidate=candidate, judgement=judgement(rules=rules), when=now()))
        return 0
    approval = json.loads(os.environ["APPROVAL"])
    if approval["answer"] != "approved":
        return main([command, "--run", run, "--dataset", dataset])
    keep_answer(store, dataset, answer(asked, "promoted", who=approval["by"]))
    return 0


if __name__ == "__main__":
    _, place, name, _, its_run, _, its_dataset = sys.argv
    sys.exit(stand_in(Path(place), name, its_run, its_dataset))
