"""Files of datasets that cannot be used, each for another reason."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from tasks.settings.reading.toml_file import MAX_SIZE

GOOD = """\
title = "Good"
reader = "folder"
location = "/photos"
image_size = [32, 32]
budget = 50_000
"""
PASSWORD = "hunter2secret"


def _changed(old: str, new: str) -> bytes:
    assert old in GOOD
    return GOOD.replace(old, new).encode()


TEXTS = {  # by name: the bytes of the file, and what its reason says
    "not_toml": (b"title = \n", "not valid TOML"),
    "not_utf8": (b'title = "\xff"\n', "not valid TOML"),
    "empty": (b"", "title: expected"),
    "twice": (GOOD.encode() + b'title = "Other"\n', "not valid TOML"),
    "zero_bytes": (bytes(100), "not valid TOML"),
    "deep": (b"title = " + b"[" * 5000 + b"]" * 5000, "not valid TOML"),
    "long_number": (_changed("50_000", "9" * 5000), "not valid TOML"),
    "huge": (b"#" * (MAX_SIZE + 1), "bytes"),
    "a_date": (_changed('"Good"', "2026-11-28"), "title: expected"),
    "unknown_key": (GOOD.encode() + b"colour = 1\n", "colour"),
    "unknown_reader": (_changed('"folder"', '"photos"'), "reader: expected one of"),
    "named": (GOOD.encode() + b'name = "x"\n', "name: expected none"),
    "nan": (GOOD.encode() + b"[parts]\ntest = nan\n", "parts.test"),
    "no_room": (GOOD.encode() + b"[parts]\ntest = 0.9\nvalidation = 0.9\n", "parts"),
    "one_class": (GOOD.encode() + b'classes = ["a"]\n', "classes: expected at least two"),
    "both": (GOOD.encode() + b"shape = [1, 1, 1]\n", "expected either shape"),
    "password": (_changed("/photos", f"https://me:{PASSWORD}@example.org/x.zip"), "location: expected no user name"),
    "token": (_changed("/photos", f"https://example.org/x.zip?token={PASSWORD}"), "location: expected no token"),
    "a-hyphen": (GOOD.encode(), "name: expected a name"),
}


def _folder(path: Path) -> None:
    path.mkdir()


def _to_nowhere(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


def _to_itself(path: Path) -> None:
    path.symlink_to(path)


def _pipe(path: Path) -> None:
    os.mkfifo(path)


KINDS: dict[str, tuple[Callable[[Path], None], str]] = {  # the same for what is no file
    "a_folder": (_folder, "expected a file, received a folder"),
    "a_link_to_nowhere": (_to_nowhere, "found none"),
    "a_link_to_itself": (_to_itself, "symbolic links"),
    "a_pipe": (_pipe, "expected a file"),
}


def broken_datasets(folder: Path) -> Iterator[tuple[str, str]]:
    """Write one of each kind into `folder`; yields the name and a part of the reason."""
    for name, (body, reason) in TEXTS.items():
        (folder / f"{name}.toml").write_bytes(body)
        yield name, reason
    for name, (make, reason) in KINDS.items():
        make(folder / f"{name}.toml")
        yield name, reason
    (folder / os.fsdecode(b"no\xffname.toml")).write_text(GOOD, encoding="utf-8")
    yield "no\\udcffname", "name: expected a name"
