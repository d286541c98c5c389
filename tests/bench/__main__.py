"""All that is measured in one command: `python -m tests.bench [PART ...] [--run RUN]`; see `make bench`.

Prints Markdown, and writes it with all digits as JSON: REPORTS/bench.md and REPORTS/bench.json.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from tasks.storage.provenance import machine, versions
from tests.bench import peers, recipes
from tests.bench.cores import cores
from tests.bench.coverage import coverage
from tests.bench.decoding import decoding
from tests.bench.device import device
from tests.bench.growth import growth
from tests.bench.history import history
from tests.bench.hundreds import hundreds
from tests.bench.learning import learning
from tests.bench.memory import memory
from tests.bench.orchestration import orchestration
from tests.bench.own_run import of_own_run
from tests.bench.parsing import parsing
from tests.bench.promotion import promotion
from tests.bench.scheduling import scheduling
from tests.bench.searching import searching
from tests.bench.section import Section
from tests.bench.snapshots import snapshots
from tests.bench.surroundings import Watch, reported
from tests.bench.throughput import throughput

READING = ("orchestration", "cores", "learning")  # they measure nothing themselves
LONG = ("peers", "recipes", "scheduling")  # they take hours, so only who asks gets them


def main() -> None:
    """Measure the parts that are asked for; by default all but those that take hours."""
    parser = _parser()
    options = parser.parse_args()
    report = partial(_report, options.reports / options.run / "report.json")
    parts: Mapping[str, Callable[[], Iterable[Section]]] = {
        "orchestration": lambda: orchestration(options.state, report()),
        "cores": lambda: cores(report()),
        "learning": lambda: learning(report()),
        "throughput": throughput,
        "device": partial(device, options.batch, options.steps, options.rounds),
        "search": searching,
        "growth": partial(growth, options.rounds),
        "coverage": partial(coverage, options.simulations, options.reports),
        "promotion": partial(promotion, options.simulations),
        "parsing": partial(parsing, options.rounds),
        "snapshots": snapshots,
        "history": history,
        "hundreds": hundreds,
        "scheduling": partial(scheduling, options.sizes),
        "decoding": partial(decoding, options.images, options.rounds),
        "memory": partial(memory, options.gigabytes),
        "peers": lambda: chain(peers.training(), of_own_run(peers.searches, options.run)),
        "recipes": partial(of_own_run, recipes.section, options.run),
    }
    if unknown := set(options.parts) - set(parts):
        parser.error(f"expected parts among {', '.join(parts)}, received {', '.join(sorted(unknown))}")
    facts, sections = {"machine": machine(), "versions": versions()}, []
    for part in options.parts or [name for name in parts if name not in LONG]:
        note = partial(reported, report()) if part in READING else Watch().note
        for section in parts[part]():
            sections.append(section._replace(notes=(*section.notes, note())))
            print(sections[-1].markdown(), end="\n\n", flush=True)
            _write(options.reports, facts, sections)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="What it costs, measured.")
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help="one or several, by their names in tests/bench/README.md"
    )
    parser.add_argument("--state", type=Path, default=Path(".state"), help="where Airflow's database of the run is")
    parser.add_argument("--reports", type=Path, default=Path("reports"), help="where the run's report is")
    parser.add_argument(
        "--run",
        default="latest",
        help="the run that parts read, or whose data they use",
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds of growth, parsing, decoding and device")
    parser.add_argument("--simulations", type=int, default=2_000, help="of a cell, for coverage and promotion")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 10, 50, 200], help="datasets, for scheduling")
    parser.add_argument("--images", type=int, default=50_000, help="JPEGs that decoding decodes")
    parser.add_argument("--gigabytes", type=float, default=20, help="of arrays on the disk, for memory")
    parser.add_argument("--batch", type=int, default=512, help="images of a batch, for device")
    parser.add_argument("--steps", type=int, default=8, help="of an epoch, for device; on a GPU 88, as CIFAR-10 has")
    return parser


def _report(path: Path) -> dict[str, Any]:
    if not path.exists():
        sys.exit(f"{path}: expected the report of a run, found none; `make run` first")
    return json.loads(path.read_text(encoding="utf-8"))


def _write(folder: Path, facts: Mapping[str, Any], sections: list[Section]) -> None:
    folder.mkdir(exist_ok=True)
    found = {**facts, "sections": [section._asdict() for section in sections]}
    (folder / "bench.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    (folder / "bench.md").write_text("\n\n".join(section.markdown() for section in sections) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
