"""A dataset of single images whose location may change, for the configurations of tests."""

from pathlib import Path

TOML = """
title = "{title}"
reader = "{reader}"
image_size = [8, 8]
budget = 5_000
location = "{location}"
"""


def add_living(config: Path, name: str, location: Path | str, reader: str = "folder") -> Path:
    """Write the TOML of the dataset `name`, whose files lie at `location`, into the configuration; returns the TOML."""
    path = config / "datasets" / f"{name}.toml"
    path.write_text(TOML.format(title=name.capitalize(), reader=reader, location=location), encoding="utf-8")
    return path
