"""`champion`: the champions of the datasets, as a person shows, promotes, brings back and downloads them."""

import argparse
import logging
import secrets
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.commands.promotion import exporter, rules_of_promotion
from tasks.commands.store import named_store
from tasks.environment import login_name
from tasks.errors import DataError, DiscreetError, RequestError, UnchangedError, UnsettledError
from tasks.settings.values import visible

if TYPE_CHECKING:
    from tasks.registry.champions.documents import NamedModel
    from tasks.storage.contract import Store

CHAMPION = "the champions of the datasets: show them, promote another one, bring an earlier one back"
SHOW = "show the present champion of a dataset, or of all"
HISTORY = "list every champion of a dataset, every decision of the gate and what became of it"
BY_HAND = "judge the candidates of a run, and make those that pass champions; this asks nobody else"
ROLLBACK = "bring an earlier champion of a dataset back; that is one more entry of its history"
DOWNLOAD = "bring the exported model of a champion into a folder: Keras, ONNX, the classes and the model card"
INSIST = "--anyway --why TEXT (make promote: ANYWAY=1 WHY=TEXT)"


def add(commands: Any) -> None:
    """Add it to the commands of a parser."""
    champion = commands.add_parser("champion", help=CHAMPION, description=CHAMPION)
    _add_by_hand(champion.add_subparsers(required=True, metavar="ACTION"))


def _add_by_hand(actions: Any) -> None:
    for name, summary, run_command in (("show", SHOW, _show), ("history", HISTORY, _history)):
        look = actions.add_parser(name, help=summary, description=summary)
        look.add_argument("dataset", metavar="DATASET", nargs="?", help="a dataset (default: all with a champion)")
        look.set_defaults(run_command=run_command)
    download = actions.add_parser("download", help=DOWNLOAD, description=DOWNLOAD)
    download.add_argument("dataset", metavar="DATASET", help="a dataset with a champion")
    download.add_argument("to", metavar="TO", nargs="?", type=Path, help="a folder (default: the dataset's name, here)")
    download.set_defaults(run_command=_download)
    by_hand = actions.add_parser("promote", help=BY_HAND, description=BY_HAND)
    by_hand.add_argument("run", metavar="RUN", help="the name of a run in the store, or `latest`")
    by_hand.add_argument("--dataset", help="one of the run's datasets (default: each of them)")
    by_hand.add_argument("--why", help="the reason, for the history")
    by_hand.add_argument("--anyway", action="store_true", help="promote what the gate refuses; needs --why")
    by_hand.set_defaults(run_command=_promote_by_hand)
    back = actions.add_parser("rollback", help=ROLLBACK, description=ROLLBACK)
    back.add_argument("dataset", metavar="DATASET", help="a dataset with a champion")
    back.add_argument("--to", type=int, metavar="N", help="the number of an entry (default: the champion before)")
    back.add_argument("--why", help="the reason, for the history")
    back.set_defaults(run_command=_rollback)


def _promote_by_hand(options: argparse.Namespace) -> None:
    from tasks.registry.champions import candidates
    from tasks.registry.champions.marks import mark_history
    from tasks.registry.export import require_makers
    from tasks.report.bundle import run_named
    from tasks.report.progress_bar import ProgressBar

    require_makers()  # before the judging, which may measure for long
    why, store = _why(options), named_store()
    if options.anyway and not why:
        raise RequestError("--anyway: expected the reason beside it, for the history; add --why TEXT")
    run = run_named(store, options.run)
    names = [options.dataset] if options.dataset else candidates.datasets_of(store, run)
    if options.anyway and len(names) > 1:
        raise RequestError(f"--anyway: expected one dataset, run {run} has {len(names)}; add --dataset {names[0]}")
    failed: list[DiscreetError] = []
    with ProgressBar(sys.stderr, "judging and exporting"):
        for name in names:
            try:
                _promote_one(store, candidates.candidate_of(store, run, name), why, insist=options.anyway)
            except DiscreetError as error:
                failed.append(error)
    mark_history(store)
    _raise_first(failed, len(names))


def _promote_one(store: "Store", candidate: "NamedModel", why: str | None, *, insist: bool) -> None:
    """Judge a candidate, and make it the champion where it passes, or where a person insists.

    Raises:
        DataError: the gate refuses it.
        UnchangedError: it is the champion already.
        UnsettledError: another one was promoted meanwhile.
    """
    from tasks.registry.champions import candidates, decisions, promotion

    decisions.require_another(store, candidate)
    asked = f"{decisions.BY_HAND}{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    newest = candidates.newest(store, candidate.dataset)
    decision = decisions.decide(store, asked, candidate, newest, rules_of_promotion(), logging.info)
    print(f"{candidate.dataset}: {decision.judgement.sentence}", flush=True)
    if not decision.judgement.passed and not insist:
        raise DataError(f"{candidate.dataset}: the gate refuses run {candidate.run}; to insist, add: {INSIST}")
    consent = promotion.Consent(login_name(), why or decision.judgement.sentence)
    answer = promotion.promote(store, decision, consent, exporter(store))
    if answer.answer != "promoted":
        raise UnsettledError(f"{answer.sentence} Try again")
    print(answer.sentence, flush=True)


def _raise_first(failed: "list[DiscreetError]", datasets: int) -> None:
    """Raise what went wrong, after a line for each other dataset that has no new champion.

    A champion that is one already is nothing wrong, unless there was nothing else to do.
    """
    wrong = [error for error in failed if not isinstance(error, UnchangedError)]
    raised = next(iter(wrong or (failed if len(failed) == datasets else [])), None)
    for error in failed:
        if error is not raised:
            print(error)
    if raised:
        raise raised


def _rollback(options: argparse.Namespace) -> None:
    from tasks.registry.champions import promotion
    from tasks.registry.champions.marks import mark_history

    consent = promotion.Consent(login_name(), _why(options) or "no reason was given")
    store = named_store()
    entry = promotion.rollback(store, options.dataset, options.to, consent)
    mark_history(store)
    back = f"{entry.model.family} at {entry.model.budget:,} parameters of run {entry.model.run}"
    print(f"{entry.model.dataset}: number {entry.number} brings number {entry.restores} back, the {back}")


def _download(options: argparse.Namespace) -> None:
    from tasks.registry.champions import ledger
    from tasks.registry.export import bring, is_whole
    from tasks.report.progress_bar import ProgressBar

    store, dataset, folder = named_store(), options.dataset, options.to or Path(options.dataset)
    with ProgressBar(sys.stderr, "looking for the champion"):
        entry = ledger.required(store, dataset)
        key = entry.export if entry.export and is_whole(store, entry.export) else exporter(store)(entry.model)
        names = bring(store, key, folder)
    print(f"{folder}: champion {entry.number} of {dataset}, all verified: {', '.join(names)}")


def _why(options: argparse.Namespace) -> str | None:
    """The reason that a person gives, or None.

    Raises:
        RequestError: people could not read it.
    """
    try:
        return None if options.why is None else visible(options.why)
    except ValueError as error:
        raise RequestError(f"--why: {error}") from None


def _show(options: argparse.Namespace) -> None:
    from tasks.registry.champions.chronicle import portrait

    _print_each(options.dataset, portrait)


def _history(options: argparse.Namespace) -> None:
    from tasks.registry.champions.chronicle import chronicle

    _print_each(options.dataset, chronicle)


def _print_each(dataset: str | None, lines: "Callable[[Store, str], list[str]]") -> None:
    """Print what there is of one dataset, or of each that has something."""
    from tasks.registry.champions import ledger

    store = named_store()
    names = [dataset] if dataset else ledger.datasets(store)
    found = [text for text in ("\n".join(lines(store, name)) for name in names) if text]
    print("\n\n".join(found) or f"{store.uri}: no dataset has a champion")
