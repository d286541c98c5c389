"""Errors with a cause that a person must remove, or that mean "skip", each with its exit code.

The codes follow BSD's sysexits.h (64 EX_USAGE, 65 EX_DATAERR); 99 is Airflow's default for "skip this task".
Any other failure exits with 1 and may be retried.
"""


class RequestError(ValueError):
    """The configuration or the request is wrong; retrying cannot help."""

    exit_code = 64


class DataError(ValueError):
    """The data are not what the configuration promises; retrying cannot help."""

    exit_code = 65


class NotAskedForError(Exception):
    """This run's request does not include this dataset, family, budget or seed."""

    exit_code = 99


class BlockedError(Exception):
    """An earlier stage, whose result this one needs, has not done its work in this run."""

    exit_code = 99
