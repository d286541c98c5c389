"""Errors that a person must mend, or that mean "skip", with their exit codes; and how messages hide secrets.

The codes follow BSD's sysexits.h (64 EX_USAGE, 65 EX_DATAERR, 75 EX_TEMPFAIL). 99 is Airflow's default for "skip this
task". Any other failure exits with 1 and may be retried.

An error of this project hides secrets in its message when it is made. So it may be shown anywhere. What others say
passes `redacted` on its way into a log or a record.
"""

import logging
import re

HIDDEN = "***"
SECRET_NAME = re.compile(
    r"passw(?:or)?d|secret|token|signature|credential|authorization|api[-_]?key|access[-_]?key|\bsig\b|\bpwd\b", re.I
)
# `name=value`, or a quoted name with a value as in JSON and Python.
_NAMED = re.compile(
    rf"""((?:{SECRET_NAME.pattern})[\w-]{{0,40}}(?:\s?=\s?|['"]\s?[:=]\s?))('[^']*'|"[^"]*"|[^\s'"&;,]+)""", re.I
)
_HEADER = re.compile(r"(authorization:\s?)(?:\w+\s)?[^\s'\"]+", re.I)
_WORD = re.compile(r"""'[^']*'|"[^"]*"|\S+""")  # text in quotes is one word: a password may hold a blank
# A password with a blank in it, which is no word: what follows the colon is no port.
_BLANK = re.compile(r"""(://)[^/\s'"@:]{0,200}:(?!\d+[\s/])[^/'"\n@]{0,200}@""")
_DIGEST = "sha256:"  # of an image, after its name: no host
_BEFORE, _AFTER = "'\"([{", "'\"):;,.]}"  # what may stand around an address


def redacted(text: str) -> str:
    """`text` without passwords, tokens and signatures, as far as their place or their name shows them.

    It hides the login of an address (`https://user:password@host`), its query, and every value that is named like a
    secret. Redact before you cut: half a password cannot be recognised.
    """
    text = _BLANK.sub(rf"\1{HIDDEN}@", text)
    text = _WORD.sub(lambda word: _without_query(_without_login(word[0])), text)
    return _HEADER.sub(rf"\1{HIDDEN}", _NAMED.sub(rf"\1{HIDDEN}", text))


def shown(value: object, length: int = 200) -> str:
    """`value` as a message shows it: on one line, without secrets, cut to `length` characters."""
    return redacted(repr(value))[:length]


def _without_login(word: str) -> str:
    """`word` without the login of an address, with or without its scheme."""
    start, scheme, rest = word.partition("://")
    if scheme:
        return f"{start}{scheme}{_without_authority_login(rest)}"
    before, at, host = word.rpartition("@")
    if not at or ":" not in before or host.startswith(_DIGEST):
        return word
    return f"{before[: len(before) - len(before.lstrip(_BEFORE))]}{HIDDEN}@{host}"


def _without_authority_login(rest: str) -> str:
    """What follows `://`, without its login. A key of a store may hold `@` too, and that one stays."""
    authority, _, path = rest.partition("/")
    _, colon, port = authority.partition(":")
    if "@" in authority or (colon and not port.isdigit() and "@" in path):  # the password may have a slash in it
        return f"{HIDDEN}@{rest.rpartition('@')[2]}"
    return rest


def _without_query(word: str) -> str:
    """`word` without what stands after the `?` of an address, or of a part of one."""
    place, mark, query = word.partition("?")
    query = query.rstrip(_AFTER)
    if not query or not ("://" in place or "=" in query):
        return word
    return f"{place}{mark}{HIDDEN}{word[len(place) + len(mark) + len(query) :]}"


class DiscreetFormatter(logging.Formatter):
    """Log lines, tracebacks among them, without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """The text of a record."""
        return redacted(super().format(record))


class DiscreetError(Exception):
    """An error whose message holds no secret, whoever shows it."""

    def __init__(self, *arguments: object):
        super().__init__(*(redacted(part) if isinstance(part, str) else part for part in arguments))


class RequestError(DiscreetError, ValueError):
    """The configuration or the request is wrong; retrying cannot help."""

    exit_code = 64


class DataError(DiscreetError, ValueError):
    """The data are not what the configuration promises; retrying cannot help."""

    exit_code = 65


class OutOfMemoryError(DiscreetError):
    """The memory of the machine, or of its GPU, did not suffice; alone on it, the same work may succeed."""

    exit_code = 75


class UncheckedError(DiscreetError):
    """A verification could not check everything. Nothing that it did check disagrees."""

    exit_code = 1


class UnsettledError(DiscreetError):
    """What is read changes meanwhile, again and again. Once it is at rest, a retry succeeds."""

    exit_code = 1


class UnchangedError(DiscreetError):
    """What was looked at is as it was, so there is nothing to do."""

    exit_code = 99


class NotAskedForError(DiscreetError):
    """This run's request does not include this dataset, family, budget or seed."""

    exit_code = 99


class BlockedError(DiscreetError):
    """An earlier stage, whose result this one needs, has not done its work in this run."""

    exit_code = 99
