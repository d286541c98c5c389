"""The files of one published report: which there must be, what SHA256SUMS says of them, and what they are made of."""

import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from hashlib import sha256

import numpy as np
from pydantic import ValidationError

from tasks.comparison.schema.models import Earlier, Replicate
from tasks.comparison.schema.report import SCHEMA_VERSION, Comparison
from tasks.learning.metrics import measure
from tasks.report.audit import Audit
from tasks.report.documents import (
    CHECKSUMS,
    DOCUMENTS,
    LATER,
    all_parts,
    made_by,
    part_names,
    part_page,
    prediction_files,
    render,
    renderer,
)
from tasks.settings.reading.messages import complaints
from tasks.settings.workflow import report_key
from tasks.storage.contract import ObjectMissing

Read = Callable[[str], bytes]
LINE = re.compile(r"(?P<digest>[0-9a-f]{64})  (?P<name>[\w-]+(\.[\w-]+)*(/[\w-]+(\.[\w-]+)*)?)", re.ASCII)


class PublishedReport:
    """The files of a report, by name. What is missing, extra, or not as it should be becomes a finding of `audit`."""

    def __init__(self, read: Read, names: Iterable[str], audit: Audit):
        self._read, self._names, self._audit = read, {*names}, audit
        self._bodies: dict[str, bytes | None] = {}

    def body(self, name: str) -> bytes | None:
        """A file's bytes, or None when it is missing, which is a finding at the first call."""
        if name not in self._bodies:
            try:
                self._bodies[name] = self._read(name)
            except (OSError, ObjectMissing):  # a folder in its place, a link to itself
                self._bodies[name] = None
                self._audit.findings.append(f"{name}: missing")
        return self._bodies[name]

    def comparison(self) -> Comparison | None:
        """The content of report.json, or None, with a finding, when it is no report of this version."""
        document = self.body("report.json")
        return None if document is None else self._comparison("report.json", document)

    def parts(self, comparison: Comparison) -> dict[str, Comparison]:
        """By dataset the comparisons that a report of many has of each; what cannot be read is a finding."""
        names = [dataset.name for dataset in comparison.request.datasets if comparison.request.has_pages]
        bodies = ((name, self.body(part_names(name)[0])) for name in names)
        read = ((name, self._comparison(part_names(name)[0], body)) for name, body in bodies if body is not None)
        return {name: part for name, part in read if part}

    def _comparison(self, name: str, document: bytes) -> Comparison | None:
        try:
            return Comparison.model_validate_json(document)
        except ValidationError as error:
            self._audit.findings.append(f"{name}: {reason(error)}")
            return None

    def check_files(self, comparison: Comparison | None) -> None:
        """Check that the report has its files and no others, and that SHA256SUMS names each once, with its digest.

        Without a `comparison` nothing says which predictions there must be: then every one that is there may be.
        """
        predictions = self._predictions() if comparison is None else prediction_files(comparison)
        lines = self._lines()
        listed = Counter(name for _, name in lines)
        parts = all_parts(comparison.request) if comparison else ()
        expected = {*DOCUMENTS, *parts, *predictions} - self._lacking(comparison, listed)
        for name in sorted(self._names - expected - {CHECKSUMS}):
            self._audit.findings.append(f"{name}: expected no such file in this report; remove it")
        for name in sorted(expected | listed.keys()):
            self._audit.expect("lines", f"{CHECKSUMS}: lines for {name}", 1, listed[name])
        for digest, name in lines:
            if (body := self.body(name)) is not None:
                self._audit.expect("digests", f"{name}: SHA-256", digest, sha256(body).hexdigest())

    def _lacking(self, comparison: Comparison | None, listed: Collection[str]) -> set[str]:
        """The documents that an earlier release did not make, where one made this report."""
        here, made = renderer(), comparison.environment.renderer if comparison else {}
        earlier = {name for name in LATER if made_by(name, made) != made_by(name, here)}
        return earlier - self._names - {*listed}

    def _predictions(self) -> set[str]:
        return {name for name in self._names if name.startswith("predictions/")}

    def _lines(self) -> list[tuple[str, str]]:
        """Digest and name of every line of SHA256SUMS; a line of another form is a finding."""
        text = (self.body(CHECKSUMS) or b"").decode(errors="replace")
        found = [(line, LINE.fullmatch(line)) for line in text.splitlines()]
        for line in (line for line, match in found if match is None):
            self._audit.findings.append(f"{CHECKSUMS}: expected lines of a digest and a name, received {line!r:.200}")
        return [(match["digest"], match["name"]) for _, match in found if match]

    def check_views(self, comparison: Comparison) -> None:
        """Make every document again from `comparison`, and compare the bytes.

        Other releases may render the same content in other bytes: what they made is unchecked, not wrong.
        """
        self._check_documents("report.json", comparison, render)

    def check_page(self, part: Comparison) -> None:
        """As `check_views`, for the page of one dataset of many."""
        (dataset,) = part.request.datasets
        document, page = part_names(dataset.name)
        self._check_documents(document, part, lambda known: {page: part_page(known).encode()})

    def _check_documents(self, source: str, known: Comparison, make: Callable[[Comparison], dict[str, bytes]]) -> None:
        try:
            documents = make(known)
        except Exception as error:  # forged content makes its reader raise errors of any kind
            self._audit.findings.append(f"{source}: cannot be rendered: {type(error).__name__}: {error}")
            return
        here = renderer()
        for name, body in documents.items():
            made = made_by(name, known.environment.renderer)
            others = [
                f"{part} {made[part]} made it, and here is {here[part]}" for part in made if made[part] != here[part]
            ]
            if not others:
                self._check_view(name, body)
            elif name in self._names or name not in LATER:
                self._audit.unchecked.append(f"{name}: not made again: {'; '.join(others)}")

    def _check_view(self, name: str, made: bytes) -> None:
        """Compare a document with the bytes that were `made` again."""
        received = self.body(name)
        if received is None:
            return
        self._audit.checked["documents made again"] += 1
        if received != made:
            found = _first(made, received)
            self._audit.findings.append(f"{name}: expected the bytes that report.json gives, {found}")

    def predictions(self, run: str, model: Replicate | Earlier) -> dict[str, np.ndarray] | None:
        """The arrays of a model's predictions, or None when they cannot be used."""
        name = str(model.predictions).removeprefix(report_key(run))
        if not re.fullmatch(r"predictions/[\w-]+\.npz", name, re.ASCII):
            self._audit.findings.append(f"{name}: expected a file predictions/NAME.npz of this report")
            return None
        body = self.body(name)
        if body is None:
            return None
        self._audit.expect("digests", f"{name}: SHA-256", model.predictions_sha256, sha256(body).hexdigest())
        try:
            with np.load(io.BytesIO(body), allow_pickle=False) as stored:
                arrays = {array: stored[array] for array in ("y_true", "y_pred", "y_prob")}
            measure(arrays["y_true"], arrays["y_prob"])
        except Exception as error:  # a damaged file makes its reader raise errors of any kind
            self._audit.findings.append(f"{name}: cannot be read: {error}")
            return None
        same = np.array_equal(arrays["y_pred"], arrays["y_prob"].argmax(axis=1))
        self._audit.expect("predictions", f"{name}: y_pred is the most probable class", True, same)
        return arrays


def reason(error: ValidationError) -> str:
    """The first fault of a report.json in one line."""
    first = error.errors(include_url=False)[0]
    place, received = ".".join(map(str, first["loc"])), f"{first['input']!r:.80}"
    if not place and first["type"] != "value_error":
        return f"expected a report, received {received}"
    if place == "schema_version":
        return f"expected schema version {SCHEMA_VERSION}, received {received}; the release that made it reads it"
    return str(next(complaints(Comparison, [first])))


def _first(expected: bytes, received: bytes) -> str:
    """The first line in which two texts differ, in words."""
    pairs = zip(expected.splitlines(), received.splitlines(), strict=False)
    for number, (own, other) in enumerate(pairs, 1):
        if own != other:
            return f"received another line {number}: {other!r:.120}"
    return f"received {len(received):,} bytes in place of {len(expected):,}"
