"""A real browser, where the machine has one: what a page is after its scripts, if any, have run, and on paper."""

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

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
    line = [*_command(profile), *options, address]
    return subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout


def _command(profile: Path) -> list[str]:
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's own sandbox refuses root
    return [str(BROWSER), "--headless", "--disable-gpu", f"--user-data-dir={profile}", *sandbox]


class Browser:
    """A person at a browser: opens pages, types, clicks, and waits for what comes.

    Chromium reads commands of its DevTools protocol from one pipe, and answers through another one; a zero byte ends
    each message (https://chromium.googlesource.com/chromium/src/+/main/content/public/browser/devtools_agent_host.h).
    """

    def __init__(self, profile: Path, width: int = 1280, height: int = 900):
        asked, self._asks = os.pipe()
        self._hears, told = os.pipe()
        # The shell puts the pipes where Chromium looks for them, under the numbers 3 and 4. Not every `sh` can.
        line = ["bash", "-c", f'exec "$@" 3<&{asked} 4>&{told}', "bash", *_command(profile), "--remote-debugging-pipe"]
        self._process = subprocess.Popen(
            [*line, f"--window-size={width},{height}"], pass_fds=(asked, told), stderr=subprocess.DEVNULL
        )
        os.close(asked)
        os.close(told)
        self._number, self._rest, self._session = 0, b"", {}
        page = self._ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self._ask("Target.attachToTarget", targetId=page, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._asks)
        os.close(self._hears)

    def open(self, address: str) -> None:
        """Go to an address; what the page shows then comes in its own time."""
        self._ask("Page.navigate", url=address)

    def sees(self, text: str) -> None:
        """Wait until the page shows a text."""
        self._awaited(f"document.body && document.body.innerText.includes({json.dumps(text)})", text)

    def fill(self, selector: str, text: str) -> None:
        """Type into a field, once it is there."""
        self._awaited(f"(() => {{ const it = {_found(selector)}; it && it.focus(); return !!it; }})()", selector)
        self._ask("Input.insertText", text=text)

    def click(self, selector: str, text: str = "") -> None:
        """Click on what a selector finds, and what shows just this text if one is given, once it can be clicked."""
        chosen = f"[...document.querySelectorAll({json.dumps(selector)})].find("
        chosen += f"it => !it.disabled && (!{json.dumps(text)} || it.innerText.trim() === {json.dumps(text)}))"
        self._awaited(f"(() => {{ const it = {chosen}; it && it.click(); return !!it; }})()", f"{selector} {text}")

    def link(self, text: str) -> str:
        """Where a link leads, by what it shows."""
        wanted = f"[...document.links].find(it => it.innerText.trim() === {json.dumps(text)})"
        return self._awaited(f"({wanted} || {{}}).href", text)

    def picture_of(self, text: str, to: Path) -> Path:
        """A PNG of what the window shows, once it shows a text."""
        self.sees(text)
        to.write_bytes(base64.b64decode(self._ask("Page.captureScreenshot")["data"]))
        return to

    def _awaited(self, script: str, what: str) -> Any:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = self._ask("Runtime.evaluate", expression=script, returnByValue=True)
            if value := found["result"].get("value"):
                return value
            time.sleep(0.1)
        raise AssertionError(f"waited in vain for {what}")

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command; what comes back for it. Events of the browser are passed over."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters} | self._session
        os.write(self._asks, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = os.read(self._hears, 1 << 16)
            assert more, "the browser ended"
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)


def _found(selector: str) -> str:
    return f"document.querySelector({json.dumps(selector)})"
