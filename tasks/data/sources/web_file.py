"""One file over HTTP, which may change."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tasks.data.sources.faults import DownloadError, explaining
from tasks.data.sources.locations import Entry, Listing, file_name
from tasks.data.sources.transfer import Answer, ask, receive
from tasks.errors import UnsettledError
from tasks.settings.perimeter import Perimeter
from tasks.storage.retries import PATIENT

Result = TypeVar("Result")
WAIT_SECONDS = 20.0  # for one connection, and for one answer without a body
MAX_BYTES = 2**37  # 128 GiB: an archive of the owner's own choice


class WebFile:
    """The file at an http(s):// address. The server's ETag is its mark, or else the time of change that it tells."""

    def __init__(self, address: str, perimeter: Perimeter, progress: Callable[[str], None]):
        self._address, self._perimeter, self._progress = address, perimeter, progress
        self.where = f"location {address}"

    def listing(self) -> Listing:
        """See Location."""
        answer = self._patiently(lambda: ask(self._address, self._perimeter, WAIT_SECONDS))
        return Listing([self._entry(answer)], is_file=True)

    def _entry(self, answer: Answer) -> Entry:
        return Entry(file_name(self._address) or "file", answer.size or 0, answer.etag or answer.modified or "")

    def bring(self, entry: Entry, target: Path, count: Callable[[int], None]) -> None:
        """See Location. The progress of a download is told by itself."""
        answer = self._patiently(
            lambda: receive(self._address, target, self._perimeter, self._progress, at_most=MAX_BYTES)
        )
        count(answer.size or 0)
        if self._entry(answer).mark != entry.mark or (entry.size and answer.size != entry.size):
            raise UnsettledError(f"{self.where}: the file changed while it was read")

    def _patiently(self, action: Callable[[], Result]) -> Result:
        """The result of `action`; an outage is waited for.

        Raises:
            DataError: no later attempt can succeed.
            DownloadError: the last one failed.
        """
        return PATIENT.call(lambda: self._explained(action), _may_pass, self.where)

    def _explained(self, action: Callable[[], Result]) -> Result:
        with explaining(self._address):
            return action()


def _may_pass(error: Exception) -> bool:
    return isinstance(error, DownloadError)
