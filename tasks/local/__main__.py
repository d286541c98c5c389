"""The workflow on this machine: `python -m tasks.local run|up|down|dataset|tasks` (see `make`)."""

import argparse
import os
import signal
import sys
from functools import partial
from pathlib import Path

from rich.console import Console

from tasks.environment import speak_any_text
from tasks.errors import DiscreetError, RequestError, shown
from tasks.local import store_command, workflow
from tasks.local.server import serve
from tasks.local.startup import state_folder
from tasks.settings.request import Parameters
from tasks.settings.values import parse

INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says.

    Returns:
        0 done, 1 failed, 64 a bad request, 65 bad data, 130 interrupted.
    """
    speak_any_text()
    options = _parser().parse_args(arguments)
    console = Console()
    if options.command == "serve":
        return serve(state_folder(), options.owner)
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup's wish stands
        terminals = [stream for stream in (1, 2) if os.isatty(stream)]  # nobody can tell when they have gone
        signal.signal(signal.SIGHUP, partial(_hang_up, terminals))
    try:
        return _command(options, console)
    except DiscreetError as error:
        print(error, file=sys.stderr)
        return getattr(error, "exit_code", 1)
    except KeyboardInterrupt:
        print("interrupted; what was finished is kept, and the next run reuses it", file=sys.stderr)
        return INTERRUPTED


def _command(options: argparse.Namespace, console: Console) -> int:
    if options.command == "dataset":
        return _dataset(options, console)
    if options.command == "tasks":
        return store_command.run(options.words)
    if options.command == "run":
        return workflow.run(_parameters(options), console)
    return {"up": workflow.up, "down": workflow.down}[options.command](console)


def _dataset(options: argparse.Namespace, console: Console) -> int:
    from tasks.local.dataset import command  # it imports what reads images, which the other commands do without

    if options.action == "add":
        command.add(options.name, options.source, options.labels, console)
    elif options.action == "list":
        command.list_all(console)
    else:
        {"show": command.show, "remove": command.remove}[options.action](options.name, console)
    return 0


def _parameters(options: argparse.Namespace) -> Parameters:
    """The parameters that the options make."""
    names = {name: _names(getattr(options, name)) for name in ("datasets", "families")}
    budgets = {"budgets": [_number(text) for text in _names(options.budgets) or ()]}
    numbers = {name: getattr(options, name) for name in ("trials", "epochs", "replicates")}
    profile = {"profile": options.profile} if options.profile else {}
    mirror = _mirror(options.mirror or os.environ.get("DATASET_MIRROR"))
    given = {"mirror": mirror, "force": True if options.force == "1" else _names(options.force)}
    return parse(Parameters, profile | names | budgets | numbers | given, "command line")


def _mirror(text: str | None) -> str | None:
    """An address, or nothing, as it is; a folder named from the root, for the stages.

    Raises:
        RequestError: it is neither, such as an address without its https://.
    """
    if not text or "://" in text:
        return text
    folder = Path(text).expanduser().resolve()
    if not folder.is_dir():
        raise RequestError(f"mirror: expected an address, or a folder that exists; received {shown(text)}")
    return str(folder)


def _names(text: str | None) -> list[str] | None:
    return [name.strip() for name in text.split(",") if name.strip()] if text else None


def _number(text: str) -> int | str:
    """A whole number; any other text as it is, for whoever checks the parameters."""
    try:
        return int(text)
    except ValueError:
        return text


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _hang_up(terminals: list[int], number: int, frame: object) -> None:
    """The terminal has gone: stop as after Ctrl-C, and say the rest to nobody, as writing there fails."""
    nobody = os.open(os.devnull, os.O_WRONLY)
    for stream in terminals:
        os.dup2(nobody, stream)
    os.close(nobody)
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tasks.local", description="The workflow on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run the workflow once and bring the report home")
    run.add_argument("--profile", help="smoke, quick (the default), full or gpu")
    run.add_argument("--datasets", help="names, separated by commas; all by default")
    run.add_argument("--families", help="names, separated by commas; all by default")
    run.add_argument("--mirror", help="a folder or address in place of the official sites (or DATASET_MIRROR)")
    run.add_argument("--budgets", help="parameter counts, separated by commas; each dataset's own by default")
    for name in ("trials", "epochs", "replicates"):
        run.add_argument(f"--{name}", type=int, help="in place of the configured number")
    run.add_argument("--force", help="stages to do again, separated by commas, or 1 for all; none by default")
    _add_dataset(commands.add_parser("dataset", help="your own images as a dataset: add, show, list, remove"))
    command = commands.add_parser("tasks", help="a command of `python -m tasks`, on the store of this machine")
    command.add_argument(
        "words", nargs=argparse.REMAINDER, metavar="COMMAND ...", help="as `python -m tasks` takes them"
    )
    commands.add_parser("up", help="start the server and leave it running")
    commands.add_parser("down", help="stop the server")
    serve = commands.add_parser("serve", help="be the server (what `run` and `up` start)")
    serve.add_argument("--owner", type=int, help="the process whose end is the server's end")
    return parser


def _add_dataset(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="look at images and write the TOML of a dataset")
    add.add_argument("name", help="lower-case letters, digits and _")
    add.add_argument(
        "--from", dest="source", required=True, help="a folder, an archive, a Parquet file, .npz, s3:// or https://"
    )
    add.add_argument("--labels", help="the column that tells the classes, of a table with several")
    actions.add_parser("show", help="what a dataset is, and what lies at its location now").add_argument("name")
    actions.add_parser("list", help="all datasets")
    actions.add_parser("remove", help="remove the TOML of your own dataset").add_argument("name")


if __name__ == "__main__":
    sys.exit(main())
