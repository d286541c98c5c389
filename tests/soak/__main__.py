"""A soak: rounds of the smoke workflow, through the real scheduler, with one random fault in each.

    python -m tests.soak ROUNDS [--seed S] [--datasets cifar10] [--folder .state/soak]

A round is a person's machine with an empty store. A stage, the worker that watches over it, the scheduler or a process
of the store's server dies by SIGKILL, the way to the store is cut, or the disk under it fills up; where that ends the
run, the command is typed again. Then the report must say what the undisturbed one says, number by number, with nothing
left running, one artifact at each place, and nothing that `verify` finds.

FOLDER/rounds.jsonl keeps every round as it ends: the same command goes on where an earlier one was ended. A round that
went wrong leaves its machine there to look at. Exit status 1 when one did.
"""

import argparse
import json
import random
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.soak.faults import KINDS, Nothing, Plan, plans, possible_kinds
from tests.soak.rounds import START, Moment, Result, Round
from tests.soak.table import differences, line, table


class Soak:
    """The rounds of one folder: those of earlier commands, and those that are played now."""

    def __init__(self, folder: Path, seed: int | None, datasets: str):
        self._folder, self._ledger, self._datasets = folder, folder / "rounds.jsonl", datasets
        kept = [json.loads(text) for text in self._ledger.read_text().splitlines()] if self._ledger.exists() else []
        self.start: dict[str, Any] = kept[0] if kept else self._begun(random.randrange(10**6) if seed is None else seed)
        self.rounds: list[dict[str, Any]] = kept[1:]
        if self.start["datasets"] != datasets or seed not in (None, self.start["seed"]):
            begun = f"begun with --seed {self.start['seed']} --datasets {self.start['datasets']!r}"
            sys.exit(f"{self._ledger}: {begun}; go on with these, or name another --folder")

    def _begun(self, seed: int) -> dict[str, Any]:
        """Two undisturbed rounds: what they do not agree in is nothing to measure by."""
        first, second = self._played("prepared", Nothing()), self._played("undisturbed", Nothing(), prepared="prepared")
        if wrong := first.wrong + second.wrong + differences(first.numbers, second.numbers):
            sys.exit("\n".join([f"the undisturbed round went wrong; see {self._folder}", *wrong]))
        shutil.rmtree(self._folder / "undisturbed")
        return self._kept({"seed": seed, "datasets": self._datasets} | asdict(second))

    def play(self, number: int, plan: Plan) -> None:
        """Play round `number`, keep what it brought, and say it in a line."""
        name, moment = f"{number:03d}-{plan.kind}", Moment.at(plan.moment, self.start["finished"])
        result = self._played(name, KINDS[plan.kind](plan), moment, prepared="prepared")
        if result.numbers:
            result.wrong += differences(self.start["numbers"], result.numbers)
        if not result.wrong:
            shutil.rmtree(self._folder / name)
        fault = {"round": number, "kind": plan.kind, "moment": plan.moment, "outage": round(plan.seconds, 1)}
        self.rounds.append(self._kept(fault | asdict(result) | {"numbers": len(result.numbers)}))
        print(line(self.rounds[-1]), flush=True)

    def _played(self, name: str, fault: Nothing, moment: Moment = START, prepared: str | None = None) -> Result:
        folder = self._folder / name
        shutil.rmtree(folder, ignore_errors=True)  # of a command that was ended in its middle
        ready = self._folder / prepared / "state" / "airflow" if prepared else None
        return Round(folder, self._datasets, fault, moment, ready).play()

    def _kept(self, found: dict[str, Any]) -> dict[str, Any]:
        with self._ledger.open("a") as stream:
            stream.write(json.dumps(found) + "\n")
        return found


def main() -> int:
    """Play what is missing of the rounds, and print the table of all."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Random faults, one a round.")
    parser.add_argument("rounds", type=int, help="how many, those of an earlier command in the folder included")
    parser.add_argument("--seed", type=int, help="draws the faults; a random one by default, which is printed")
    parser.add_argument("--datasets", default="", help="names, separated by commas; all by default")
    parser.add_argument("--folder", type=Path, default=Path(".state/soak"), help="where the rounds are kept")
    options = parser.parse_args()
    kinds = possible_kinds()
    if left_out := KINDS.keys() - kinds:
        print(f"left out, as only root can cause it: {', '.join(left_out)}")
    soak = Soak(options.folder.resolve(), options.seed, options.datasets)
    print(f"seed {soak.start['seed']}, undisturbed {soak.start['seconds']} s", flush=True)
    for number, plan in enumerate(plans(options.rounds, soak.start["seed"], kinds), 1):
        if number > len(soak.rounds):
            soak.play(number, plan)
    print(table(soak.rounds, soak.start["seconds"]))
    return 1 if any(each["wrong"] for each in soak.rounds) else 0


if __name__ == "__main__":
    sys.exit(main())
