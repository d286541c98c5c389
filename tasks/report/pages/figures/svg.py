"""Matplotlib figures as inline SVG that takes its colours and its font from the page around it.

A figure is drawn in stand-in colours. Here each becomes a CSS variable, so one picture suits the light and the dark
page. Text stays text. The same figure under the same name always gives the same bytes.
"""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle

WIDTH = 340  # points: about the width of a phone's screen
INK, MUTED, GRID, PAPER = "#010101", "#020202", "#030303", "#040404"
# Colours, markers and dashes of families. Their numbers have no common divisor, so that all three rarely meet again.
FAMILIES = tuple(f"#0505{number:02}" for number in range(1, 9))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "<", "*", ">")
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.5)), (0, (6, 1.5, 1.5, 1.5)), (0, (6, 1.5, 1.5, 1.5, 1.5, 1.5)))
VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--grid", PAPER: "--card"} | {
    stand_in: f"--family-{number}" for number, stand_in in enumerate(FAMILIES)
}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a class may be called "$x$"
    "font.size": 10.5,
    "figure.titlesize": 11,
    "xtick.labelsize": 9.5,
    "axes.labelsize": 9.5,
    "figure.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.unicode_minus": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}
PATH = re.compile(r'<path d="([^"]*)"([^>]*)/>')
CLIPPED = r' clip-path="[^"]*"'
GRID_LINE = f"stroke: var({VARIABLES[GRID]}); stroke-width: {STYLE['grid.linewidth']}"


@contextmanager
def style(**more: Any) -> Iterator[None]:
    """The context in which a figure is drawn and saved: STYLE over Matplotlib's defaults; no matplotlibrc counts."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE | more)
        yield


def canvas(height: float, title: str = "") -> Figure:
    """A figure of the common width, its height in points, with nothing but its title.

    The title begins at the edge of the figure: above the axes, long names beside them would push it out of the figure.
    """
    figure = Figure(figsize=(WIDTH / 72, height / 72), layout="constrained")
    if title:
        figure.suptitle(title, x=0, ha="left", color=INK)
    return figure


def icon(marker: str, number: int) -> str:
    """The marker of the family with this position as a small <svg>, which screen readers pass over."""
    shape = MarkerStyle(marker)
    outlines = shape.get_path().transformed(shape.get_transform()).to_polygons()
    points = [" ".join(f"{x:.3f},{-y:.3f}" for x, y in np.asarray(outline)) for outline in outlines]
    paths = " ".join(f"M{each}Z" for each in points)
    fill = f"var(--family-{number % len(FAMILIES)})"
    return f'<svg class="key" aria-hidden="true" viewBox="-.6 -.6 1.2 1.2"><path d="{paths}" fill="{fill}"/></svg>'


def identifier(*parts: object) -> str:
    """The name of a figure, of letters, digits and hyphens, from `parts` that may have underscores."""
    return "-".join(map(str, parts)).replace("_", "-")


def inline(figure: Figure, name: str, label: str) -> str:
    """`figure` as an <svg> element. `name` makes its ids unique on the page; screen readers read `label` instead of it.

    Raises:
        ValueError: `name` is not made of letters, digits and hyphens.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", name):
        raise ValueError(f"expected a name of letters, digits and hyphens, received {name!r}")
    stream = io.StringIO()
    with style(**{"svg.hashsalt": name}), warnings.catch_warnings():
        # Text stays text: the fonts of the reader count, not the fonts of this machine.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _adapted(stream.getvalue(), name, label)


def _adapted(text: str, name: str, label: str) -> str:
    """Matplotlib's SVG without its prologue, size and global style, and with the ids and colours of the page."""
    body = text[text.index("<svg") :]
    body = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.S)
    targets = set(re.findall(r'(?:href="|url\()#([^")]*)', body))
    # Change tags only: the text between them may contain anything, and stays as it is.
    body = re.sub(r"<[^>]+>", lambda tag: _adapted_tag(tag[0], name, targets), body)
    opening = f'<svg role="img" aria-label="{escape(label)}" id="{name}" viewBox="{_view_box(body)}">'
    return opening + _merged(_unwrapped(re.sub(r"\s*\n\s*", "\n", body[body.index(">") + 1 :]).strip()))


def _adapted_tag(tag: str, name: str, targets: set[str]) -> str:
    """The tag in the colours of the page, with one digit after the point, and with its id if something needs that."""
    tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
    tag = re.sub(r' id="([^"]*)"', lambda match: match[0] if match[1] in targets else "", tag)
    tag = re.sub(r'\bid="|(?<=href=")#|(?<=url\()#', lambda match: f"{match[0]}{name}-", tag)
    tag = re.sub(r"(?<=[ \"(,-])\d+\.\d{3,}", lambda match: f"{float(match[0]):.1f}".removesuffix(".0"), tag)
    tag = re.sub(r' transform="rotate\(-?0 [^"]*"', "", tag)
    for stand_in, variable in VARIABLES.items():
        tag = tag.replace(stand_in, f"var({variable})")
    tag = re.sub(r"\s+", " ", tag)
    return re.sub(r'(?<=[ "][MLCQz]) | (?=[MLCQz"])', "", tag) if tag.startswith("<path") else tag


def _unwrapped(body: str) -> str:
    """`body` without groups that say nothing of what is in them, and without frames that nobody sees."""
    kept: list[str] = []
    open_groups: list[bool] = []
    for piece in re.split(r"(</?g\b[^>]*>)", re.sub(r'<path d="[^"]*" style="fill: none"/>\n?', "", body)):
        says = open_groups.pop() if piece == "</g>" else piece not in ("<g>", "<g/>")
        if re.fullmatch(r"<g\b[^>]*[^/]>|<g>", piece):
            open_groups.append(says)
        if says and piece.strip():
            kept.append(piece.strip("\n"))
    return "\n".join(kept)


def _merged(body: str) -> str:
    """`body` with one path for all grid lines, and one for neighbours that look alike and let nothing shine through."""
    kept: list[list[str]] = []  # a path's outlines and its look, or any other line
    places: dict[str, int] = {}
    for line in body.splitlines():
        outline, look = match.groups() if (match := PATH.fullmatch(line)) else (line, "")
        is_grid = GRID_LINE in look
        place = places.get(look, -1) if look and "opacity" not in look else -1
        if place >= 0 and (is_grid or place == len(kept) - 1):
            kept[place][0] += outline
        else:
            places[look] = len(kept)
            kept.append([outline, re.sub(CLIPPED, "", look) if is_grid else look])
    return "\n".join(f'<path d="{outline}"{look}/>' if look else outline for outline, look in kept)


def _view_box(body: str) -> str:
    match = re.search(r'viewBox="([^"]*)"', body)
    if match is None:
        raise ValueError("expected an <svg> with a viewBox from Matplotlib, received none")
    return match[1]


def styled_once(page: str) -> str:
    """The page with the styles of its figures as classes: its first <style> element tells each of them once."""
    names: dict[str, str] = {}

    def classed(match: re.Match[str]) -> str:
        return f'{match[1]} class="{names.setdefault(match[2], f"s{len(names)}")}"'

    body = re.sub(r'(<(?:g|path|text|use)\b[^>]*?) style="([^"]*)"', classed, page)
    rules = "".join(f"\n.{name} {{{style}}}" for style, name in names.items())
    return body.replace("</style>", f"{rules}\n</style>", 1)
