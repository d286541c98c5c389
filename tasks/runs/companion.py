"""A companion: a process beside this one, in which other variables stand before any numeric library is imported."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Generic, NamedTuple, TypeVar

from tasks.errors import DiscreetError

Argument = TypeVar("Argument")
Answer = TypeVar("Answer")


class NoAnswerError(DiscreetError):
    """A companion ended without its answers, for lack of memory say. A retry may succeed."""

    exit_code = 1


class Answers(NamedTuple, Generic[Answer]):
    """What a companion answered, in order, as far as it came; and why it came no further, or None."""

    found: list[Answer]
    fault: str | None = None


def answers(
    function: Callable[[Argument], Answer],
    arguments: Sequence[Argument],
    variables: Mapping[str, str],
    patience: float,
) -> Answers[Answer]:
    """`function` of each of `arguments`, by a companion with these `variables` beside those of this process.

    A companion may fail, for lack of memory say, or take more than `patience` seconds for one answer. Then the answers
    end, and no error is raised. It ends with its work, even if this process is gone by then.
    """
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sender, function, arguments, dict(variables)), daemon=True)
    process.start()
    sender.close()  # so that the end of the process is the end of the pipe
    found: list[Answer] = []
    try:
        for answer in _received(receiver, len(arguments), patience):
            found.append(answer)
    except EOFError:
        process.join()
        return Answers(found, f"its process ended with {process.exitcode}")
    except TimeoutError as error:
        return Answers(found, str(error))
    finally:
        process.kill()
        process.join()
        receiver.close()
    return Answers(found)


def _received(receiver: Connection, number: int, patience: float) -> Iterator[Any]:
    for _ in range(number):
        if not receiver.poll(patience):
            raise TimeoutError(f"its process gave no answer for {patience:,.0f} s")
        yield receiver.recv()


def _answer(
    sender: Connection, function: Callable[[Argument], Any], arguments: Sequence[Argument], variables: dict[str, str]
) -> None:
    """The work of the companion."""
    os.environ.update(variables)
    for argument in arguments:
        sender.send(function(argument))
