"""`judge` and `promote`, which the DAG `promote_champion` runs for each dataset."""

import argparse
import json
import logging
import os
from typing import TYPE_CHECKING, Any

from tasks.commands.store import named_store
from tasks.errors import RequestError, UnchangedError, shown
from tasks.settings.loading import config_folder
from tasks.settings.request import slug
from tasks.settings.values import parse
from tasks.settings.workflow import JUDGE, PROMOTE

if TYPE_CHECKING:
    from tasks.registry.champions.documents import Decision, NamedModel
    from tasks.registry.champions.promotion import Approval, Export
    from tasks.settings.promotion import Promotion
    from tasks.storage.contract import Store

ASKED = "the run of promote_champion that asks, as Airflow names it"


def add(commands: Any) -> None:
    """Add them to the commands of a parser."""
    for row, run_command in ((JUDGE, _judge), (PROMOTE, _promote)):
        asked = commands.add_parser(row.name, help=row.summary, description=row.summary)
        asked.add_argument("--run", required=True, help=ASKED)
        asked.add_argument("--dataset", required=True, help="a dataset with a result")
        asked.set_defaults(run_command=run_command)


def _judge(options: argparse.Namespace) -> None:
    from tasks.registry.champions import decisions, promotion

    asked, dataset, store = slug(options.run), options.dataset, named_store()
    decisions.require_of_airflow(asked)
    decision = decisions.decision(store, dataset, asked) or _judged(store, asked, dataset)
    print(decision.judgement.sentence)
    if became := decisions.answer(store, dataset, asked):
        raise UnchangedError(f"{dataset}: decided already: {became.sentence}")
    if not decision.judgement.passed:
        raise UnchangedError(f"{dataset}: the candidate of run {decision.candidate.run} does not pass")
    if decision.approval == "never":
        raise UnchangedError(f"{dataset}: the candidate of run {decision.candidate.run} passes; `approval` is never")
    if became := promotion.superseded(store, decision):
        raise UnchangedError(became.sentence)


def _judged(store: "Store", asked: str, dataset: str) -> "Decision":
    """The decision on the newest candidate, which is made now."""
    from tasks.registry.champions import candidates, decisions

    candidate, rules = candidates.newest(store, dataset), rules_of_promotion()
    decisions.require_another(store, candidate)
    decisions.require_not_rolled_back(store, candidate)
    decisions.require_undecided(store, candidate, rules)
    return decisions.decide(store, asked, candidate, candidate, rules, logging.info)


def rules_of_promotion() -> "Promotion":
    """The rules of the configuration, by which every candidate is judged.

    Raises:
        RequestError: the configuration is wrong.
    """
    from tasks.settings.loading import load_configuration

    return load_configuration(config_folder(os.environ)).promotion


def _promote(options: argparse.Namespace) -> None:
    from tasks.registry.champions import decisions, promotion
    from tasks.registry.champions.marks import mark_history

    asked, dataset, store = slug(options.run), options.dataset, named_store()
    decision = decisions.decision(store, dataset, asked)
    if decision is None:
        raise RequestError(f"{asked}: expected a decision on {dataset}, found none; run `judge` first")
    answer = promotion.conclude(store, decision, _approval(), exporter(store))
    mark_history(store)
    if answer.answer != "promoted":
        raise UnchangedError(answer.sentence)
    print(answer.sentence)


def _approval() -> "Approval | None":
    """What APPROVAL in the environment says, or None where it says nothing.

    Raises:
        RequestError: it is no approval.
    """
    from tasks.registry.champions.promotion import Approval

    text = os.environ.get("APPROVAL")
    try:
        return parse(Approval, json.loads(text), "APPROVAL") if text else None
    except ValueError as error:
        if isinstance(error, RequestError):
            raise
        raise RequestError(f"APPROVAL: expected JSON, received {shown(text, 60)}") from None


def exporter(store: "Store") -> "Export":
    """What exports a model into the store; its libraries are loaded when it is called."""

    def exported(model: "NamedModel") -> str:
        from tasks.registry.export import export

        return export(store, model, logging.info)

    return exported
