"""Where the project lies: the folder that holds `tasks`, `dags` and `config`, in a checkout, an image or a wheel."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
CONFIG = PROJECT / "config"
