"""The stages: `python -m tasks STAGE --run RUN`, one command for each row of the table of stages."""

import argparse
import importlib
import logging
import os
from collections.abc import Callable
from functools import partial
from typing import Any

from tasks.commands.store import named_store
from tasks.runs.numerics import make_known, prepare
from tasks.runs.scratch import scratch
from tasks.settings.loading import config_folder
from tasks.settings.place import Place
from tasks.settings.request import Request, slug
from tasks.settings.workflow import CONCLUDE, STAGES
from tasks.storage.contract import Store


def add(commands: Any) -> None:
    """Add them to the commands of a parser."""
    for name, row in (STAGES | {CONCLUDE.name: CONCLUDE}).items():
        stage = commands.add_parser(name, help=row.summary.replace("%", "%%"), description=row.summary)
        stage.add_argument("--run", required=True, help="the run's id, as Airflow names it")
        stage.add_argument("--dataset", help="a dataset of the run")
        stage.add_argument("--family", help="a family of the run")
        stage.add_argument("--budget", type=int, help="a budget of the run, where it has several")
        stage.add_argument("--seed", type=int, help="the seed of one replicate")
        stage.add_argument("--shard", type=int, help="the shard of one search, from 0")
        stage.set_defaults(run_command=_stage)


def _stage(options: argparse.Namespace) -> None:
    from tasks.runs import execution, requests

    run, store = slug(options.run), named_store()
    with scratch() as folder:
        known = make_known(os.environ, folder)
        if known.removed:
            logging.info("not used, as they could change results: %s", ", ".join(known.removed))
        prepared = partial(prepare, os.environ, folder.parent)
        if options.command == "plan":
            _plan(run, store, prepared)
            return
        request = requests.read_request(store, run)
        prepared(request)
        module = importlib.import_module(f"tasks.stages.{options.command}")
        if options.command == "report":
            module.report(request, store)
            return
        place = Place(options.dataset, options.family, options.seed, options.shard, budget=options.budget)
        if options.command == CONCLUDE.name:
            module.conclude(request, store, place)
            return
        expects_gpu = os.environ.get("GPU_EXPECTED") == "1"
        execution.execute(module.STAGE, request, place, store, known, expects_gpu=expects_gpu)


def _plan(run: str, store: Store, prepared: Callable[[Request], None]) -> None:
    from tasks.stages.plan import Machine, plan

    is_local = os.environ.get("RUNNER", "local") == "local"
    plan(
        store,
        run,
        parameters=os.environ.get("RUN_PARAMETERS") or "{}",
        config=config_folder(os.environ),
        machine=Machine(
            mirror=os.environ.get("DATASET_MIRROR") or None,
            backend=os.environ.get("KERAS_BACKEND") or None,
            memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if is_local else None,
            prepare=prepared,
        ),
        trigger=os.environ.get("RUN_TRIGGER") or "manual",
    )
