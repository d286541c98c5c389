"""`predict`: what a dataset's champion, or another trained model, says of images."""

import argparse
import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.commands.store import named_store
from tasks.errors import DataError, DiscreetError, RequestError, shown
from tasks.registry.packages import require
from tasks.runs.numerics import make_known
from tasks.runs.scratch import scratch
from tasks.storage.contract import Store

if TYPE_CHECKING:
    from tasks.registry.champions.documents import NamedModel
    from tasks.registry.prediction.answers import Answer, Engine

PREDICT = "say which class images belong to, by the champion of a dataset or by another trained model"
PATHS = "an image, a folder, an archive, s3://bucket/prefix/, or - for names on standard input, one a line"
MODEL = re.compile(r"(?P<run>[^/]+)/(?P<family>[a-z][a-z0-9_]*)(?:/(?P<budget>\d{1,9}))?")
BATCH = 512  # as `evaluate` predicts, and so with the same roundings
MOST = 65_536  # images of a batch


class NoMemoryError(DiscreetError):
    """The images of a batch, or one large image, do not fit into the memory."""

    exit_code = 1


class Chosen(NamedTuple):
    """The model to ask: the key of its export, where it has one, and what to call it."""

    model: "NamedModel"
    export: str | None
    words: str


class Count:
    """How many files are done, and how many of them could not be read."""

    def __init__(self) -> None:
        self.files = self.failed = 0

    def add(self, answers: "list[Answer]") -> None:
        """Count these."""
        self.files += len(answers)
        self.failed += sum(answer.error is not None for answer in answers)

    def words(self) -> str:
        """The same for people."""
        done = f"{self.files:,} files are done, {self.failed:,} of them could not be read"
        return done if self.files else "reading the first images"


def add(commands: Any) -> None:
    """Add it to the commands of a parser."""
    predict = commands.add_parser("predict", help=PREDICT, description=PREDICT)
    predict.add_argument("dataset", metavar="DATASET", help="a dataset with a champion, or with a result of --model")
    predict.add_argument("paths", metavar="PATH", nargs="+", help=PATHS)
    predict.add_argument("--model", metavar="RUN/FAMILY[/BUDGET]", help="a model of a run, in place of the champion")
    predict.add_argument("--ensemble", action="store_true", help="the mean of the models of all seeds, not one of them")
    predict.add_argument("--engine", choices=("keras", "onnx"), default="keras", help="onnx needs no TensorFlow")
    predict.add_argument("--output", metavar="FILE", type=Path, help="write a .csv, .jsonl or .parquet file")
    predict.add_argument("--batch", metavar="N", type=_batch, default=BATCH, help="images at a time (default: 512)")
    predict.set_defaults(run_command=_predict, log=sys.stderr)


def _batch(text: str) -> int:
    """A number of images.

    Raises:
        ArgumentTypeError: it is none that can be.
    """
    if not (text.isdecimal() and 1 <= int(text) <= MOST):
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to {MOST:,}, received {shown(text, 20)}")
    return int(text)


def _predict(options: argparse.Namespace) -> None:
    require(("numpy", "PIL"))
    from tasks.registry.prediction import outputs
    from tasks.registry.prediction.answers import answers
    from tasks.registry.prediction.paths import asked
    from tasks.registry.trained import task
    from tasks.report.progress_bar import ProgressBar

    _check(options)
    store = named_store()
    with scratch() as folder, ProgressBar(sys.stderr, "loading the model") as bar:
        chosen = _chosen(store, options)
        print(f"asking {chosen.words}", file=sys.stderr, flush=True)
        known, engine = task(store, chosen.model), _engine(store, chosen, options, folder)
        count = Count()
        bar.tell(count.words)
        names = sys.stdin.buffer if sys.stdin else io.BytesIO()  # none: standard input is closed
        with outputs.opened(options.output, sys.stdout, known.classes) as write, _in_the_memory(options.batch):
            for found in answers(asked(options.paths, names), known, engine, options.batch):
                count.add(found)
                write(found)
    if options.output:
        print(f"{options.output}: {count.files:,} files, {count.files - count.failed:,} answers")
    if not count.files:
        raise DataError("expected files, received no name of one; name images, folders or archives")
    if count.failed:
        raise DataError(f"{count.failed:,} of {count.files:,} files could not be read")


@contextmanager
def _in_the_memory(batch: int) -> Iterator[None]:
    """During the block, too little memory is an error that says what helps."""
    try:
        yield
    except MemoryError:
        raise NoMemoryError(
            f"expected memory for a batch of {batch:,} images, found too little; lower --batch"
        ) from None


def _check(options: argparse.Namespace) -> None:
    """Refuse what cannot be, before anything is loaded.

    Raises:
        RequestError: an option that is wrong, or does not go with another one.
    """
    if options.output:
        from tasks.registry.prediction.outputs import check

        check(options.output)
    elif sys.stdout is None:
        raise RequestError("expected an open standard output for the answers, found a closed one; add --output FILE")
    if "" in options.paths:
        expected = "PATH: expected the name of a file or a folder, received an empty one"
        raise RequestError(f"{expected}; `make predict` takes it as FROM=")
    if options.engine == "onnx" and (options.model or options.ensemble):
        other = "--model" if options.model else "--ensemble"
        raise RequestError(f"--engine onnx: expected no {other}, as one model of the champion alone is exported")


def _chosen(store: Store, options: argparse.Namespace) -> Chosen:
    """The model that is named, or the champion.

    Raises:
        RequestError: there is none.
    """
    from tasks.registry.champions import ledger

    if options.model:
        model = _named(store, options)
        return Chosen(model, None, f"{model.family} of {model.run} ({model.budget:,} parameters)")
    try:
        entry = ledger.required(store, options.dataset)
    except RequestError as error:
        raise RequestError(f"{error}; or name a model by --model RUN/FAMILY") from None
    model = entry.model
    words = f"champion {entry.number} of {model.dataset}: {model.family} of {model.run}"
    return Chosen(model, entry.export, f"{words} ({model.budget:,} parameters)")


def _named(store: Store, options: argparse.Namespace) -> "NamedModel":
    from tasks.registry.champions.candidates import named
    from tasks.report.bundle import run_named

    asked = MODEL.fullmatch(options.model)
    if asked is None:
        raise RequestError(f"--model: expected RUN/FAMILY or RUN/FAMILY/BUDGET, received {shown(options.model)}")
    budget = int(asked["budget"]) if asked["budget"] else None
    return named(store, run_named(store, asked["run"]), options.dataset, asked["family"], budget)


def _engine(store: Store, chosen: Chosen, options: argparse.Namespace, folder: Path) -> "Engine":
    """What computes the probabilities. The numeric libraries start as they do in a stage.

    Raises:
        RequestError: the champion has no export, and one is needed.
    """
    from tasks.registry.prediction.engines import keras_engine, onnx_engine

    known = make_known(os.environ, folder)
    if known.removed:
        print(f"not used, as they could change results: {', '.join(known.removed)}", file=sys.stderr)
    if options.engine == "keras":
        seeds = chosen.model.seeds if options.ensemble else (chosen.model.replicate,)
        is_exported = chosen.export and not options.model and not options.ensemble
        return keras_engine(store, chosen.model, seeds, ", or use --engine onnx" if is_exported else "")
    if chosen.export is None:
        raise RequestError(f"--engine onnx: expected an export beside {chosen.words}, found none; use --engine keras")
    return onnx_engine(store, chosen.export)
