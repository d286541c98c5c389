"""A process that SIGKILLs itself just before a chosen change of a folder store: an instant that no busy machine misses.

`python -m tests.support.dying INSTANT ARGUMENT ...` is `python -m tasks ARGUMENT ...`, and dies at the INSTANT.
An INSTANT is a function of this module, or a number N: just before the Nth change of an object of the store.
The instants are told by Python's audit events: https://docs.python.org/3/library/audit_events.html.
"""

import os
import runpy
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

from tasks.settings.addresses import store_place

CHANGED = {"os.rename": 1, "os.link": 1, "os.remove": 0}  # which detail of the event is the path that changes


def a_checkpoint_is_being_written(event: str, path: Path) -> bool:
    """Its bytes are there, under a name that is no key."""
    return event == "os.rename" and "checkpoints" in path.parts


def the_files_are_written(event: str, path: Path) -> bool:
    """All files of an artifact are there, and its manifest under a name that is no key."""
    return event == "os.link" and path.name == "manifest.json" and "artifacts" in path.parts


def the_manifest_stands(event: str, path: Path) -> bool:
    """The artifact of one stage is committed, and none of its checkpoints is deleted."""
    if event != "os.remove" or "checkpoints" not in path.parts:
        return False
    *_, stage, key, _ = path.parts
    return (path.parents[3] / "artifacts" / stage / key / "manifest.json").exists()


def the_change(number: int) -> Callable[[str, Path], bool]:
    """Objects of the store were written or removed `number` - 1 times, and one more is about to be."""
    root, changes = str(store_place(os.environ["STORE"])), count(1)

    def instant(event: str, path: Path) -> bool:
        is_object = str(path).startswith(root) and not path.name.startswith("~")
        return is_object and next(changes) == number

    return instant


def a_second_seed_gets_its_events(event: str, path: Path) -> bool:
    """Files of events for TensorBoard stand, and the next one has its bytes under another name."""
    return event == "os.rename" and "tfevents" in path.name and "seed-1" in path.parts


def die_before(instant: Callable[[str, Path], bool]) -> None:
    """Kill this process by SIGKILL before the first rename, link or removal of which `instant` is true.

    `instant` gets the event's name and the path that is about to change: the new name, or the removed one.
    """

    def watch(event: str, details: tuple) -> None:
        if event in CHANGED and instant(event, Path(os.fsdecode(details[CHANGED[event]]))):
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


if __name__ == "__main__":
    die_before(the_change(int(sys.argv[1])) if sys.argv[1].isdigit() else globals()[sys.argv[1]])
    sys.argv[:2] = sys.argv[:1]
    runpy.run_module("tasks", run_name="__main__", alter_sys=True)
