"""What a person sees of a dataset."""

import io
from collections import Counter

import numpy as np
import pytest
from rich.console import Console

from tasks.data.collected.gate import Finding
from tasks.local.dataset import view
from tasks.local.dataset.survey import Look, Survey
from tasks.settings.dataset import Dataset


def shown(survey, width=80):
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    dataset = Dataset(name="x", title="X", reader="folder", location="/x", image_size=(32, 32), budget=50_000)
    view.show(console, dataset, survey)
    return console.file.getvalue()


def survey(names, finding=None):
    """The class number k has 2 k + 1 images."""
    counts = [2 * number + 1 for number in range(len(names))]
    look = Look(
        "folder",
        Counter(dict(zip(names, counts, strict=True))),
        Counter({None: sum(counts)}),
        Counter({"PNG": sum(counts)}),
        np.array([[32, 32]] * sum(counts)),
        False,
    )
    parts = {"train": counts, "validation": [0] * len(counts), "test": [0] * len(counts)}
    return Survey(look, tuple(names), parts, [finding] if finding else [], ())


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_wider_than_the_screen(width):
    """Long names of classes are broken, not cut off."""
    name = "a rather long name of a class " * 6
    text = shown(survey([name, "b"]), width)
    assert max(map(len, text.splitlines())) <= width
    letters = "".join(line.split("│")[1].strip() for line in text.splitlines() if line.startswith("│"))
    assert name.replace(" ", "") in letters.replace(" ", "")


def test_of_many_classes_the_ends_are_shown():
    """The eight largest and the eight smallest, and how many lie between."""
    text = shown(survey([f"class{number}" for number in range(1_000)]))
    named = [line.split("│")[1].strip() for line in text.splitlines() if line.startswith("│")]
    assert named == [
        *(f"class{number}" for number in range(999, 991, -1)),
        "... 984 more",
        *(f"class{number}" for number in range(7, -1, -1)),
    ]


def test_what_the_data_say_is_nobodys_markup():
    """A class named like markup, or like HTML, is shown as it is."""
    text = shown(survey(["[red]rose[/red]", "<script>", "[/]"]))
    for name in ("[red]rose[/red]", "<script>", "[/]"):
        assert f"│ {name} " in text


@pytest.mark.parametrize(("share", "refused"), [(0.04, False), (0.06, True)])
def test_a_finding_beyond_its_limit_says_what_to_do(share, refused):
    """Which key of the gate stands against it, its value, and what it would have to be."""
    finding = Finding("corrupt", found=6, of=100, share=share, limit=0.05, files=("a", "b", "c", "d"))
    text = " ".join(shown(survey(["a", "b"], finding)).split())
    assert "6 of 100 cannot be decoded: a, b, c, ..." in text
    assert ("A run would refuse this: correct the data, or raise `corrupt` under [gate], now 0.05" in text) == refused


def test_without_a_terminal_a_long_reading_says_how_far_it_is(monkeypatch):
    """A line every few seconds, with the number so far."""
    monkeypatch.setattr(view, "BEAT", 0.0)
    console = Console(file=io.StringIO(), width=80)
    with view.tracking(console, "looking at images") as track:
        assert list(track(range(3), 3)) == [0, 1, 2]
    assert console.file.getvalue().splitlines()[-1] == "looking at images: 3 of 3"
