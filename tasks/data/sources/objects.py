"""The objects under an s3:// prefix, or one object. Their keys may hold any characters, unlike those of a store."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks.data.sources.locations import CORRECT, Entry, Listing
from tasks.errors import DataError, UnsettledError, shown
from tasks.storage.bucket import BucketAccess
from tasks.storage.contract import MIB, ObjectMissing
from tasks.storage.faults import code_of, is_temporary
from tasks.storage.retries import PATIENT, RetryPolicy

CHANGED = ("PreconditionFailed", "412")


class Objects(BucketAccess):
    """What lies at s3://bucket/prefix/, or the object s3://bucket/key, through the standard AWS variables.

    An address without a slash at its end is a prefix too, when there are objects below it.
    """

    def __init__(self, address: str, retries: RetryPolicy = PATIENT):
        bucket, _, key = address.removeprefix("s3://").partition("/")
        super().__init__(bucket, retries=retries)
        self.where, self._place, self._top = f"location {address}", key, ""

    def listing(self) -> Listing:
        """See Location."""
        self._top = self._place if self._place.endswith("/") or not self._place else f"{self._place}/"
        items = self._listed("list_objects_v2", "Contents", self._top)
        if items or self._top == self._place:
            return Listing([self._entry(item) for item in items if not item["Key"].endswith("/")], is_file=False)
        self._top = self._place[: self._place.rfind("/") + 1]
        items = self._listed("list_objects_v2", "Contents", self._place)
        return Listing([self._entry(item) for item in items if item["Key"] == self._place], is_file=True)

    def _entry(self, item: dict[str, Any]) -> Entry:
        return Entry(item["Key"].removeprefix(self._top), item["Size"], item["ETag"])

    def bring(self, entry: Entry, target: Path, count: Callable[[int], None]) -> None:
        """See Location. The server gives the object only as long as it has the ETag that was listed."""
        key = self._top + entry.name

        def download() -> None:
            answer = self._client.get_object(Bucket=self._bucket, Key=key, IfMatch=entry.mark)
            with target.open("wb") as file:
                for piece in answer["Body"].iter_chunks(MIB):
                    file.write(piece)
                    count(len(piece))

        self._with_retries(key, download)

    def _fault(self, key: str, error: Exception) -> Exception:
        """As for a store; but what time does not mend is in the data's address or rights, and no outage."""
        if code_of(error) in CHANGED:
            return UnsettledError(f"{self.where}: {shown(key)} changed while it was read")
        fault = super()._fault(key, error)
        if isinstance(fault, ObjectMissing):
            return UnsettledError(f"{self.where}: {shown(key)} vanished while it was read")
        return fault if is_temporary(error) else DataError(str(fault).replace("correct STORE", CORRECT))
