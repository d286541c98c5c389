"""The champions of a dataset for people: the present one in some lines, and all that happened as a table."""

from textwrap import wrap
from typing import NamedTuple

from tasks.comparison.schema.promotion import Judgement
from tasks.comparison.words.wording import count, percent
from tasks.registry.champions import decisions, ledger
from tasks.registry.champions.decisions import Case
from tasks.registry.champions.documents import Entry, NamedModel
from tasks.storage.contract import Store

GATE = "the gate"
SHORT, WIDE, INDENT = 60, 112, " " * 8  # characters of what stands in the last column, and of a line below it
TITLES = ("NUMBER", "WHEN (UTC)", "WHO", "RUN", "MODEL", "ACCURACY", "WHAT")


class _Event(NamedTuple):
    """One line of the table, in the order of its columns."""

    number: str
    when: str
    who: str
    run: str
    model: str
    accuracy: str
    what: str


def portrait(store: Store, dataset: str) -> list[str]:
    """The present champion of a dataset in some lines.

    Raises:
        RequestError: `dataset` cannot be the name of one.
        DataError: the ledger or a decision is damaged.
    """
    entry = ledger.present(store, dataset)
    if entry is None:
        return [_now(dataset, None)]
    model, promotion = entry.model, ledger.promotion_of(store, entry)
    judged = decisions.decision(store, dataset, promotion.decision) if promotion.decision else None
    restored = f" (rollback to number {entry.restores})" if entry.restores else ""
    return [
        _now(dataset, entry),
        *([f"  accuracy   {_accuracy(judged.judgement)}"] if judged else []),
        f"  number     {entry.number}{restored}, since {_minute(entry.when)} UTC",
        f"  who, why   {entry.who}: {entry.why}",
        f"  model      seed {model.replicate}, the best of {count(len(model.seeds))} by validation accuracy",
        f"  export     {f'artifacts/export/{entry.export}' if entry.export else 'none'}",
    ]


def chronicle(store: Store, dataset: str) -> list[str]:
    """The present champion, then every entry of the ledger, decision and answer, in the order of their times.

    Raises: as `portrait`.
    """
    entries, cases = ledger.entries(store, dataset), decisions.cases(store, dataset)
    judged = {case.decision.asked: case.decision.judgement for case in cases}
    led = {entry.number: judged.get(entry.decision or "") for entry in entries}
    promoted = {entry.decision for entry in entries}
    events = [event for case in cases for event in _of_case(case, is_promoted=case.decision.asked in promoted)]
    events += [_of_entry(entry, led.get(entry.restores or entry.number)) for entry in entries]
    if not events:
        return []
    return [_now(dataset, entries[-1] if entries else None), *_table(sorted(events, key=lambda event: event.when))]


def _of_case(case: Case, *, is_promoted: bool) -> list[_Event]:
    """A decision, and what became of it where that is no entry of the ledger."""
    decision, answer = case
    model, judgement = decision.candidate, decision.judgement
    accuracy = percent(judgement.accuracy)
    is_open = judgement.passed and decision.approval == "human" and not answer and not is_promoted
    sentence = f"{judgement.sentence} Nobody has answered yet." if is_open else judgement.sentence
    events = [_Event("", decision.when, GATE, model.run, _title(model), accuracy, sentence)]
    if answer and answer.answer != "promoted":
        who = (answer.who if answer.answer == "rejected" else None) or ""
        events.append(_Event("", answer.when, who, model.run, _title(model), accuracy, answer.sentence))
    return events


def _of_entry(entry: Entry, judgement: Judgement | None) -> _Event:
    said = "" if judgement and entry.why == judgement.sentence else f": {entry.why}"
    what = f"back to number {entry.restores}" if entry.kind == "rollback" else "promoted"
    accuracy = percent(judgement.accuracy) if judgement else ""
    model = entry.model
    return _Event(str(entry.number), entry.when, entry.who, model.run, _title(model), accuracy, f"{what}{said}")


def _now(dataset: str, present: Entry | None) -> str:
    """What the champion is."""
    return (
        f"{dataset}: {_title(present.model)}, of run {present.model.run}" if present else f"{dataset}: no champion yet"
    )


def _table(events: list[_Event]) -> list[str]:
    """Lines in columns. What is too long for the last one stands below, in lines that a terminal does not break."""
    rows = [TITLES, *(event._replace(when=_minute(event.when)) for event in events)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    lines: list[str] = []
    for row in rows:
        is_short = len(row[-1]) <= SHORT
        lines.append("  ".join([*map(str.ljust, row, widths), row[-1] if is_short else ""]).rstrip())
        if not is_short:
            lines += wrap(row[-1], WIDE, initial_indent=INDENT, subsequent_indent=INDENT)
    return lines


def _title(model: NamedModel) -> str:
    return f"{model.family} {model.budget:,}"


def _accuracy(judgement: Judgement) -> str:
    interval = f"{percent(judgement.interval.low)} to {percent(judgement.interval.high)}"
    return f"{percent(judgement.accuracy)} ({interval}) on {count(judgement.examples)} images, when it was judged"


def _minute(moment: str) -> str:
    """A moment in ISO 8601, to the minute."""
    return moment[:16].replace("T", " ")
