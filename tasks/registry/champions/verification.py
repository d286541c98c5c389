"""What the store keeps of champions, verified: every document, every artifact that is used, every judgement made again.

What is forged, damaged or missing is a finding. A judgement whose reports are gone cannot be made again, and is named
as not checked.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from tasks.comparison.schema.promotion import Judgement
from tasks.errors import DataError, RequestError
from tasks.registry import export
from tasks.registry.champions import decisions, ledger
from tasks.registry.champions.decisions import BY_HAND, KEPT
from tasks.registry.champions.documents import Answer, Decision, Entry
from tasks.registry.champions.judging import judge_again, judging_code
from tasks.registry.champions.promotion import AUTOMATIC
from tasks.report.audit import Audit
from tasks.runs.requests import read_request
from tasks.settings.workflow import ANSWER, JUDGE, decision_key
from tasks.storage.artifacts import find, verify
from tasks.storage.contract import Store
from tasks.storage.documents import DamagedError

Document = TypeVar("Document")
LONGEST = timedelta(days=1)  # no judging takes longer


def verify_champions(store: Store, audit: Audit, run: str | None = None) -> None:
    """Verify the champions of all datasets; or the documents of the datasets of `run`, and what is of its candidates.

    Raises:
        StoreError: the store cannot be reached.
    """
    verified: set[tuple[str, str]] = set()
    for dataset in _datasets(store, run):
        documents = _Documents(store, dataset, audit)
        for entry in documents.entries.values():
            if entry and run in (None, entry.model.run):
                _check_entry(documents, entry)
                _check_artifacts(documents, _used(entry), verified)
        for decision in documents.decisions.values():
            if run in (None, decision.candidate.run):
                _check_decision(documents, decision)
                keys = {(JUDGE.name, key) for key in decision.predictions.values()}
                _check_artifacts(documents, keys, verified)


def _datasets(store: Store, run: str | None) -> list[str]:
    """The datasets with champions: those of `run`, or all where no run is meant, or where its request is unreadable."""
    found = ledger.datasets(store)
    if run is None:
        return found
    try:
        asked = {each.name for each in read_request(store, run).datasets}
    except (RequestError, DataError):
        return found
    return [name for name in found if name in asked]


class _Documents:
    """The documents of a dataset; one that cannot be read is a finding, and so is one that nobody knows.

    Attributes:
        entries: by number, without gaps; None for one that cannot be read.
        decisions, answers: by the name of who asked; those that can be read.
    """

    def __init__(self, store: Store, dataset: str, audit: Audit):
        self.store, self.dataset, self.audit = store, dataset, audit
        keys = sorted(store.list(ledger.folder(dataset)))
        numbers = [int(match["number"]) for key in keys if (match := ledger.NUMBERED.fullmatch(key))]
        named = [match for key in keys if (match := KEPT.fullmatch(key))]
        self.entries = {
            number: self._read(partial(ledger.entry, store, dataset, number))
            for number in range(1, max(numbers, default=0) + 1)
        }
        asked = {match["asked"] for match in named}
        self.decisions = dict(self._asked(asked, decisions.decision))
        self.answers = dict(self._asked(asked, decisions.answer))
        for key in keys:
            if not ledger.NUMBERED.fullmatch(key) and not KEPT.fullmatch(key):
                audit.findings.append(f"{key}: expected no such document among the champions; remove it")
        for match in named:
            if match["answer"] and match["asked"] not in self.decisions:
                audit.findings.append(f"{match.string}: expected an answer to a decision, found no such decision")

    def where(self, document: Entry | Decision | Answer) -> str:
        """What a finding calls a document."""
        if isinstance(document, Entry):
            return f"{ledger.folder(self.dataset)}{document.number:04d}.json"
        return decision_key(self.dataset, document.asked, ANSWER if isinstance(document, Answer) else "")

    def _asked(
        self, names: set[str], read: Callable[[Store, str, str], Document | None]
    ) -> Iterator[tuple[str, Document]]:
        for name in sorted(names):
            if found := self._read(partial(read, self.store, self.dataset, name)):
                yield name, found

    def _read(self, read: Callable[[], Document | None]) -> Document | None:
        self.audit.checked["documents of champions"] += 1
        try:
            return read()
        except (RequestError, DataError) as error:
            self.audit.findings.append(str(error))
            return None


def _used(entry: Entry) -> set[tuple[str, str]]:
    """Stage and key of every artifact that a champion is made of."""
    made = {(name.partition("/")[0], key) for name, key in entry.model.artifacts.items()}
    return made | ({(export.STAGE, entry.export)} if entry.export else set())


def _check_artifacts(documents: _Documents, named: set[tuple[str, str]], verified: set[tuple[str, str]]) -> None:
    """Read every file of artifacts that were not read before."""
    for stage, key in sorted(named - verified):
        verified.add((stage, key))
        documents.audit.checked["artifacts of champions"] += 1
        try:
            manifest = find(documents.store, stage, key)
            if manifest is None:
                documents.audit.findings.append(f"artifacts/{stage}/{key}: missing")
            else:
                verify(documents.store, manifest)
        except DamagedError as error:
            documents.audit.findings.append(str(error))


def _check_entry(documents: _Documents, entry: Entry) -> None:
    """Check that an entry follows from what it names: a decision, or the promotion that it restores."""
    where, audit = documents.where(entry), documents.audit
    if entry.kind == "rollback":
        restored = documents.entries.get(entry.restores or 0)
        if restored is None or restored.number >= entry.number:
            audit.findings.append(f"{where}: expected an earlier entry that it restores, found none: {entry.restores}")
            return
        audit.expect("values of entries", f"{where}: model", restored.model, entry.model)
        audit.expect("values of entries", f"{where}: export", restored.export, entry.export)
        return
    decision = documents.decisions.get(entry.decision or "")
    if decision is None:
        audit.findings.append(f"{where}: expected the decision that it names, found none: {entry.decision}")
        return
    audit.expect("values of entries", f"{where}: model", decision.candidate, entry.model)
    audit.expect("values of entries", f"{where}: number", decision.number, entry.number)
    is_allowed = decision.judgement.passed or decision.asked.startswith(BY_HAND)
    audit.expect("values of entries", f"{where}: its candidate passed, or a person chose it", True, is_allowed)
    is_approved = {"automatic": True, "human": entry.who != AUTOMATIC, "never": False}[decision.approval]
    audit.expect("values of entries", f"{where}: approved as its decision asks for", True, is_approved)


def _check_decision(documents: _Documents, decision: Decision) -> None:
    """Check that a decision and its answer follow from what they name, and make the judgement again."""
    where, audit = documents.where(decision), documents.audit
    champion = documents.entries.get(decision.champion or 0)
    if decision.champion is not None and champion is None:
        audit.findings.append(f"{where}: expected the champion number {decision.champion}, found none that can be read")
        return
    if answer := documents.answers.get(decision.asked):
        _check_answer(documents, answer)
    approval = decisions.needed(decision.asked, decision.judgement.rules, is_first=decision.champion is None)
    audit.expect("values of decisions", f"{where}: approval", approval, decision.approval)
    _check_looks(documents, decision)
    try:
        again = judge_again(documents.store, decision, champion)
    except RequestError as error:
        audit.unchecked.append(f"{where}: not judged again: {error}")
    except Exception as error:  # forged content makes its reader raise errors of any kind
        audit.findings.append(f"{where}: cannot be judged again: {type(error).__name__}: {error}")
    else:
        _compare(documents, decision, again)


def _compare(documents: _Documents, decision: Decision, again: Judgement) -> None:
    """Compare a judgement with the one that was made again. Other code may say the same in another sentence."""
    where, found = f"{documents.where(decision)}: judgement", decision.judgement
    if decision.code != judging_code() and found.sentence != again.sentence:
        documents.audit.unchecked.append(f"{where}: sentence: not made again: another release of the project wrote it")
        again = again.model_copy(update={"sentence": found.sentence})
    documents.audit.agree(where, found, again)


def _check_looks(documents: _Documents, decision: Decision) -> None:
    """Check how many candidates were judged till then. One that was judged at the same time may not be counted."""
    begin = datetime.fromisoformat(decision.when) - LONGEST
    till_then = [each for each in documents.decisions.values() if each.when <= decision.when]
    before = [each for each in till_then if datetime.fromisoformat(each.when) < begin]
    least, most = (decisions.looks(judged, decision.candidate, decision.test_part) for judged in (before, till_then))
    documents.audit.checked["values of decisions"] += 1
    where, found = f"{documents.where(decision)}: judgement: looks", decision.judgement.looks
    if found < least:
        documents.audit.findings.append(f"{where}: expected {least} to {most}, received {found}")
    if found > most:
        gone = f"expected {least} to {most}, received {found}; a decision may be gone"
        documents.audit.unchecked.append(f"{where}: {gone}")


def _check_answer(documents: _Documents, answer: Answer) -> None:
    """Check that exactly the candidates that were promoted have an entry."""
    made = [entry.number for entry in documents.entries.values() if entry and entry.decision == answer.asked]
    expected = [answer.number] if answer.answer == "promoted" else []
    documents.audit.expect("values of answers", f"{documents.where(answer)}: entries of its decision", expected, made)
