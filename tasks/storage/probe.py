"""A probe of the store: does it keep the promise that every commit relies on?"""

import uuid

from tasks.errors import RequestError
from tasks.storage.contract import Store

PROBES = "probe/"  # of a probe that was killed, an object may stay there; the sweep takes it


def require_conditional_writes(store: Store) -> None:
    """Check that the store refuses a second conditional write, and keeps what the first one wrote.

    Without that, the later of two writers overwrites the other's result, and nobody notices. Some S3 servers and
    gateways ignore the header If-None-Match: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html

    Raises:
        RequestError: it does not.
        StoreError: it cannot be reached, or refuses any such write.
    """
    key = f"{PROBES}{uuid.uuid4().hex}"
    answers = [store.write(key, body, if_absent=True) for body in (b"first", b"second")]
    kept = store.read(key)
    store.delete(key)
    if (answers, kept) != ([True, False], b"first"):
        raise RequestError(
            f"{store.uri}: expected the server to refuse a second write under `If-None-Match: *`, and it did not: it "
            "ignores S3's conditional writes, so two writers would overwrite each other unnoticed; use another S3 "
            "server, a release of this one that keeps them, or STORE=file:///folder"
        )
