"""The Makefile explains itself."""

import re
import subprocess

from tasks.project import PROJECT


def said(*arguments):
    """What `make` prints."""
    return subprocess.run(
        ["make", "--no-print-directory", *arguments], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout


def test_make_alone_lists_every_target_with_what_it_does():
    """A line each, with a sentence, and an indented line for long options; nothing is installed or started for it."""
    lines = said().splitlines()
    assert lines == said("help").splitlines()
    assert max(map(len, lines)) <= 120
    listed = dict(line.removeprefix("make ").split(maxsplit=1) for line in lines if not line.startswith(" "))
    (public,) = re.findall(r"^\.PHONY: (.+)$", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert set(listed) == set(public.split())
    assert all(len(words.split()) > 1 for words in listed.values()), listed
