"""A real browser, where the machine has one: what a page is after its scripts, if any, have run."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine (Debian: apt install chromium)")


def loaded(address: str, profile: Path) -> str:
    """The document at `address` as markup, two seconds of its own time after it was opened."""
    line = [str(BROWSER), "--headless", "--disable-gpu", f"--user-data-dir={profile}", "--virtual-time-budget=2000"]
    line += ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's own sandbox refuses root
    done = subprocess.run([*line, "--dump-dom", address], capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert "</html>" in done.stdout, done.stderr
    return done.stdout
