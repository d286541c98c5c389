"""A real browser, where the machine has one: what a page is after its scripts, if any, have run, and on paper."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine (Debian: apt install chromium)")


def loaded(address: str, profile: Path, *, dark: bool = False) -> str:
    """The document at `address` as markup, two seconds of its own time after it was opened; `dark` is the scheme."""
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    shown = _browse(address, profile, "--virtual-time-budget=2000", "--hide-scrollbars", scheme, "--dump-dom")
    assert "</html>" in shown, shown
    return shown


def printed(address: str, profile: Path, to: Path) -> Path:
    """The PDF `to` of the document at `address`, as the browser prints it."""
    _browse(address, profile, "--no-pdf-header-footer", f"--print-to-pdf={to}")
    return to


def _browse(address: str, profile: Path, *options: str) -> str:
    line = [str(BROWSER), "--headless", "--disable-gpu", f"--user-data-dir={profile}", *options]
    line += ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's own sandbox refuses root
    return subprocess.run([*line, address], capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
