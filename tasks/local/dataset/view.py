"""What a person sees of a dataset: what was found in its images, how long runs may take, and the list of all."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tasks.data.collected.gate import TINY, Finding
from tasks.data.part import listed
from tasks.local.dataset.estimate import Estimate
from tasks.local.dataset.survey import Look, Survey
from tasks.settings.dataset import Dataset
from tasks.settings.loading import Configuration

BAR = 24  # characters of the longest bar
MANY = 25  # classes, beyond which only the largest and the smallest are shown
ENDS = 8  # of each
NAMED = 3  # files of a finding
BEAT = 5.0  # seconds between two lines where no terminal shows a bar
WORDS = {  # what a finding is about; {limit} is a key of [gate]
    "corrupt": "cannot be decoded",
    "conflicting": "stand under two labels, and are left out",
    "crossing": "stand in two parts; the test part keeps them",
    "alike": "nearly equal images of another part, and are left out",
    "repeated": "stand twice, and are taken once",
    "imbalance": "times as many images in the largest class as in the smallest",
    "tiny": f"classes with fewer than {TINY} images",
    "untrained": "classes without an image in the training part",
}
Thing = TypeVar("Thing")


@contextmanager
def tracking(console: Console, task: str) -> Iterator[Callable[[Iterable[Thing], int | None], Iterable[Thing]]]:
    """During the block, whoever passes things through what is yielded shows how many of them have passed."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:

        def tracked(things: Iterable[Thing], total: int | None) -> Iterable[Thing]:
            row, said = progress.add_task(task, total=total), time.monotonic()
            for number, thing in enumerate(things, 1):
                yield thing
                progress.advance(row)
                if not console.is_terminal and time.monotonic() - said > BEAT:
                    said = time.monotonic()
                    console.print(f"{task}: {number:,}{f' of {total:,}' if total else ''}", highlight=False)

        yield tracked


def describe(console: Console, dataset: Dataset) -> None:
    """What the TOML of a dataset says."""
    size = " x ".join(map(str, dataset.image_shape))
    fit = f", made to fit by `{dataset.fit}`" if dataset.canvas else ""
    print_line(console, f"{dataset.title}: images of {size}{fit}; models of {dataset.budget:,} parameters")
    source = dataset.location or ", ".join(source.name for source in dataset.sources)
    print_line(console, f"read as `{dataset.reader}` from {source}")
    if dataset.classes:
        print_line(console, f"{len(dataset.classes):,} classes: {listed(dataset.classes, MANY)}")


def show(console: Console, dataset: Dataset, survey: Survey) -> None:
    """What was found."""
    look = survey.look
    print_line(
        console, f"{look.labels.total():,} images in {len(survey.classes):,} classes: {_sizes(look)}; {_formats(look)}"
    )
    console.print(_classes(survey))
    print_line(console, _parts(survey, dataset))
    for finding in survey.findings:
        print_line(console, _finding(finding), style="bold yellow" if finding.is_too_much else "")


def print_line(console: Console, line: str, style: str = "") -> None:
    """One line as it is: what it quotes is nobody's markup. A terminal breaks it between words."""
    console.print(line, markup=False, highlight=False, soft_wrap=not console.is_terminal, style=style)


def _sizes(look: Look) -> str:
    heights, widths = look.sizes[:, 0], look.sizes[:, 1]
    if (look.sizes == look.sizes[0]).all():
        return f"all {heights[0]} x {widths[0]} pixels"
    middle = f"{int(np.median(heights))} x {int(np.median(widths))}"
    return f"{heights.min()} to {heights.max()} pixels high, {widths.min()} to {widths.max()} wide, median {middle}"


def _formats(look: Look) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in look.formats.most_common())


def _classes(survey: Survey) -> Table:
    """The classes with their counts as bars; of many, the largest and the smallest."""
    totals = {
        name: sum(counts)
        for name, counts in zip(survey.classes, zip(*survey.counts.values(), strict=True), strict=True)
    }
    shown = Counter(totals).most_common()
    greatest = max(1, shown[0][1])
    table = Table("class", *survey.counts, "all", "", title_justify="left")
    for column in table.columns[1:-1]:
        column.justify = "right"
    left_out = len(shown) - 2 * ENDS if len(shown) > MANY else 0
    order = {name: place for place, name in enumerate(survey.classes)}
    for place, (name, number) in enumerate(shown):
        if left_out and ENDS <= place < ENDS + left_out:
            if place == ENDS:
                table.add_row(f"... {left_out:,} more", *[""] * (len(survey.counts) + 2))
            continue
        by_part = (f"{counts[order[name]]:,}" for counts in survey.counts.values())
        table.add_row(escape(name), *by_part, f"{number:,}", "█" * max(1, round(BAR * number / greatest)))
    return table


def _parts(survey: Survey, dataset: Dataset) -> str:
    counts = ", ".join(f"{name} {sum(counts):,}" for name, counts in survey.counts.items())
    if survey.look.parts.keys() == {None}:
        return f"parts: {counts}; by each image's content, since the source gives none"
    given = ", ".join(str(name) for name in survey.look.parts if name)
    return f"parts: {counts}; the source gives {given}"


def _finding(finding: Finding) -> str:
    names = f": {', '.join(finding.files[:NAMED])}" if finding.files else ""
    more = ", ..." if len(finding.files) > NAMED else ""
    number = f"{finding.share:.3g}" if finding.name == "imbalance" else f"{finding.found:,} of {finding.of:,}"
    line = f"{number} {WORDS[finding.name]}{names}{more}"
    if not finding.is_too_much:
        return line
    return (
        f"{line}. A run would refuse this: correct the data, or raise `{finding.name}` under [gate], "
        f"now {finding.limit:g}, above {finding.share:.3g}"
    )


def show_estimates(console: Console, estimates: Mapping[str, Estimate], cores: int) -> None:
    """About how long a run of each profile takes."""
    table = Table("profile", "time, about", "memory", "arrays on disk", title=f"A run on {cores} cores, by estimate")
    table.title_justify = "left"
    for name, each in estimates.items():
        table.add_row(name, _duration(each.seconds), _bytes(each.memory), _bytes(each.disk))
    console.print(table)


def _duration(seconds: float) -> str:
    if seconds < 5400:
        return f"{max(1, round(seconds / 60))} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"


def _bytes(number: float) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e8 else f"{max(0.1, number / 1e6):.1f} MB"


def show_all(console: Console, configuration: Configuration, own: Sequence[str]) -> None:
    """A table of all datasets; `own` are those of the site's folder."""
    table = Table("name", "title", "reader", "image size", "source", "")
    table.columns[4].overflow = "fold"
    for name, dataset in configuration.datasets.items():
        size = " x ".join(map(str, dataset.image_shape))
        source = dataset.location or f"pinned: {len(dataset.sources)} file{'s' * (len(dataset.sources) > 1)}"
        table.add_row(name, escape(dataset.title), dataset.reader, size, escape(source), "yours" if name in own else "")
    console.print(table)
    for name, reason in configuration.unusable.get("datasets", {}).items():
        print_line(console, f"{name} cannot be used: {reason}", style="yellow")
