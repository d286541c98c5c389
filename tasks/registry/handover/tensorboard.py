"""A run as files of events for TensorBoard: a folder for each trained model, with its hyper-parameters.

The same bundle always gives the same files: no moment of the writing is in them, and their names are fixed. So a second
hand-over changes nothing, and one that was killed is completed.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.registry.handover.bundle import Bundle
from tasks.registry.handover.content import BranchRun, Content, SeedRun, content
from tasks.registry.packages import require
from tasks.runs.scratch import scratch_folder

FILE = "events.out.tfevents.0000000001.like-for-like"  # TensorBoard knows its files by the middle of their names
UNFINISHED = ".like-for-like-events-"  # begins the name of a folder in the one of the logs


def hand_over(bundle: Bundle, folder: Path) -> str:
    """Write the run into a folder of its name below `folder`, and say where that is.

    Raises:
        RequestError: TensorBoard is not installed.
        OSError: the folder cannot be written to.
    """
    require(("tensorboard",))
    run = content(bundle.comparison)
    home = folder / run.run
    files = {home / place / FILE: body for place, body in _files(run)}
    folder.mkdir(parents=True, exist_ok=True)
    with scratch_folder(folder, UNFINISHED) as scratch:
        for path, body in files.items():
            _write(path, body, scratch / "file")
    for path in home.rglob(FILE):  # of a report of this run that another one has replaced
        if path not in files:
            path.unlink(missing_ok=True)  # another hand-over at once takes away the same
    return f"{home}: {len(files)} files of events; to see them: tensorboard --logdir {folder}"


def _write(path: Path, body: bytes, unfinished: Path) -> None:
    """Give a file its whole content at once, by way of `unfinished`; one that has it already stays untouched."""
    if path.exists() and path.read_bytes() == body:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished.write_bytes(body)
    unfinished.replace(path)


def _files(run: Content) -> Iterator[tuple[str, bytes]]:
    """The content of every file, by its place."""
    yield ".", _recorded(run.created, [(run.created, 0, _text("verdict", "\n\n".join(run.verdicts)))])
    for branch in run.branches:
        yield branch.place, _recorded(run.created, list(_of_branch(run.created, branch)))
        for seed in branch.seeds:
            yield seed.place, _recorded(run.created, list(_of_seed(run.created, seed)))


def _of_branch(created: float, branch: BranchRun) -> Iterator[tuple[float, int, Any]]:
    if branch.error:
        yield created, 0, _text("error", branch.error)
    for name, number in branch.numbers.items():
        yield created, 0, _scalar(name, number)


def _of_seed(created: float, seed: SeedRun) -> Iterator[tuple[float, int, Any]]:
    """Hyper-parameters first, then every epoch, then what the trained model reaches."""
    yield created, 0, _hyperparameters(created, seed)
    for moment in seed.moments:
        for name, number in moment.numbers.items():
            yield created + moment.after, moment.epoch, _scalar(name, number)
    last = seed.moments[-1] if seed.moments else None
    for name, number in seed.final.items():
        yield created + (last.after if last else 0), last.epoch if last else 0, _scalar(name, number)


def _hyperparameters(created: float, seed: SeedRun) -> Any:
    """Those of a seed, in an order that is the same in every process."""
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb

    summary = hparams_pb(seed.parameters, trial_id=seed.place, start_time_secs=created)
    told = summary.value[0].metadata.plugin_data
    told.content = HParamsPluginData.FromString(told.content).SerializeToString(deterministic=True)
    return summary


def _scalar(name: str, number: float) -> Any:
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb

    return scalar_pb(name, float(number))


def _text(name: str, text: str) -> Any:
    from tensorboard.plugins.text.summary_v2 import text_pb

    return text_pb(name, text)


def _recorded(created: float, events: list[tuple[float, int, Any]]) -> bytes:
    """A file of events: what TensorBoard's own writer begins one with, then each event with its moment and step."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    stream = io.BytesIO()
    writer = RecordWriter(stream)
    writer.write(Event(wall_time=created, file_version="brain.Event:2").SerializeToString(deterministic=True))
    for moment, step, summary in events:
        event = Event(wall_time=moment, step=step, summary=summary)
        writer.write(event.SerializeToString(deterministic=True))
    return stream.getvalue()
