"""Fuzzing: whatever comes in, what goes out is a value or one of our clear errors, and nothing is written elsewhere.

    python -m tests.fuzz [SECONDS]      so long for each target; the property tests run a few hundred cases of each

A target is a strategy that makes inputs, most of them nearly right, and a check that raises when a promise is broken.
"""

import bz2
import gzip
import json
import lzma
import sys
import tarfile
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pyarrow import parquet

from tasks.data.images import CorruptImageError
from tasks.data.part import Given
from tasks.data.readers import read, samples
from tasks.data.sources.downloads import bring
from tasks.errors import DataError, RequestError
from tasks.settings.addresses import checked_address, folder_of
from tasks.settings.dataset import Canvas, Source
from tasks.settings.loading import load_configuration, resolve
from tasks.settings.perimeter import Perimeter
from tasks.settings.request import Parameters, RunId, slug
from tasks.settings.values import MOST_LINES, parse
from tasks.stages.plan import _from_json
from tasks.storage.contract import is_key
from tasks.storage.location import open_store
from tests.support.single_images import decoded
from tests.support.tiny_data import cifar_bytes, idx_bytes, images_and_labels, make_configuration, sha256

TEXT = st.text(st.characters(), max_size=80)  # lone surrogates and control characters too
SCRAP = st.binary(max_size=20)
NAMES = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=80)
IMAGES, LABELS = images_and_labels(4, 1, seed=0)
CANVAS = Canvas(6, 7, "rgb", "pad")
SCRATCH = tempfile.TemporaryDirectory(prefix="fuzz-")  # goes with the process
FOLDER = Path(SCRATCH.name)
CONFIG = make_configuration(FOLDER / "config")
WORKFLOW = (CONFIG / "workflow.toml").read_bytes()
DATASET = (CONFIG / "datasets" / "cifar10.toml").read_bytes()
CONFIGURATION = load_configuration(CONFIG)
ARCHIVE = Source(
    name="a.tar.gz", urls=("https://example.org/a",), members={"top/one": sha256(b"one"), "top/two": sha256(b"two")}
)


def mutated(valid: bytes, filler: st.SearchStrategy[bytes] = SCRAP) -> st.SearchStrategy[bytes]:
    """`valid` with a few pieces cut out, put in or overwritten."""
    edits = st.tuples(st.integers(0, len(valid)), st.integers(0, 20), filler)

    def edited(changes: list[tuple[int, int, bytes]]) -> bytes:
        body = valid
        for place, cut, put in changes:
            body = body[:place] + put + body[place + cut :]
        return body

    return st.lists(edits, max_size=5).map(edited)


def zipped(body: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """A gzip file of `body`, whole or damaged itself."""
    whole = body.map(lambda data: gzip.compress(data, mtime=0))
    return st.one_of(whole, whole.flatmap(mutated))


def check_idx(files: tuple[bytes, bytes]) -> None:
    """A part of the right shape, or DataError."""
    _check_reader("idx", files)


def check_cifar(files: tuple[bytes, ...]) -> None:
    """The same, of one file or several."""
    _check_reader("cifar", files)


def _check_reader(reader: str, files: tuple[bytes, ...]) -> None:
    paths = [FOLDER / f"{reader}-{number}" for number in range(len(files))]
    for path, body in zip(paths, files, strict=True):
        path.write_bytes(body)
    with suppress(DataError):
        part = read(reader, paths, (8, 8, 1), 3)
        assert part.images.shape == (len(part.labels), 8, 8, 1)
        assert part.labels.max() < 3


def check_image(body: bytes) -> None:
    """An array of the canvas' shape, or a short reason why the bytes are no image."""
    try:
        assert decoded(body, CANVAS).shape == CANVAS.shape
    except CorruptImageError as error:
        _check_lines(DataError(str(error)))


def check_samples(files: tuple[str, dict[str, bytes]]) -> None:
    """Labelled images that can be shown to people, or DataError."""
    reader, bodies = files
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        found = [Given(name, Path(folder, str(number))) for number, name in enumerate(bodies)]
        for file in found:
            file.path.write_bytes(bodies[file.name])
        try:
            for sample in samples(reader, found):
                assert (sample.name + sample.label).isprintable()
                assert isinstance(sample.image(), bytes | np.ndarray)
        except DataError as error:
            _check_lines(error)


def image_files() -> st.SearchStrategy[bytes]:
    """Image files of every format and many kinds of colour, most of them damaged."""
    return st.sampled_from([*_image_files()]).flatmap(mutated)


def _image_files() -> Iterator[bytes]:
    picture = Image.fromarray(IMAGES[0, ..., 0]).resize((20, 30))
    kinds = {"1": "PNG TIFF", "P": "PNG GIF", "LA": "PNG TIFF", "RGB": "JPEG WEBP BMP TIFF", "CMYK": "JPEG TIFF"}
    for mode, formats in {**kinds, "RGBA": "PNG WEBP TIFF", "I;16": "PNG TIFF", "F": "TIFF"}.items():
        for kind in formats.split():
            stream, exif = BytesIO(), Image.Exif()
            exif[0x0112] = 6
            picture.convert(mode).save(stream, kind, **({"exif": exif} if kind in ("JPEG", "WEBP") else {}))
            yield stream.getvalue()


def files_of(reader: str) -> st.SearchStrategy[tuple[str, dict[str, bytes]]]:
    """Files that a format of single images reads, one of which may be damaged."""
    whole = {
        "folder": [{"a/1.png": b"", f"a/metadata.{kind}": body} for kind, body in _tables().items()],
        "parquet": [{"a.parquet": _tables()["parquet"]}],
        "npz": [{"a.npz": _archive(np.savez)}, {"a.npz": _archive(np.savez_compressed)}, _loose()],
    }[reader]
    pairs = st.sampled_from([(files, name) for files in whole for name in files])
    return pairs.flatmap(lambda pair: mutated(pair[0][pair[1]]).map(lambda body: (reader, {**pair[0], pair[1]: body})))


def _tables() -> dict[str, bytes]:
    rows = [{"file_name": "1.png", "label": "one", "group": "g", "image": {"bytes": b"1", "path": "1.png"}}]
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.Table.from_pylist(rows), sink)
    return {
        "csv": b"file_name,label,group\r\n1.png,one,g\r\n",
        "jsonl": b'{"file_name": "1.png", "label": 1, "group": "g"}\n',
        "parquet": sink.getvalue().to_pybytes(),
    }


def _archive(save: Callable[..., None]) -> bytes:
    stream = BytesIO()
    save(stream, x_train=IMAGES, y_train=LABELS)
    return stream.getvalue()


def _loose() -> dict[str, bytes]:
    found = {}
    for name, array in (("images", IMAGES), ("labels", LABELS.astype(str))):
        np.save(stream := BytesIO(), array)
        found[f"{name}.npy"] = stream.getvalue()
    return found


def archives() -> st.SearchStrategy[bytes]:
    """Archives whose members have honest and hostile names, types, sizes and owners; some damaged afterwards."""
    names = st.sampled_from(["top/one", "top/two", "/top/one", "../one", "top/../../two", "top", ".", ""]) | TEXT
    kinds = st.sampled_from([tarfile.REGTYPE] * 5 + [bytes([kind]) for kind in b"123456LKSxgVZ"])
    bodies = st.sampled_from([b"one", b"two"]) | st.binary(max_size=600)
    sizes = st.none() | st.integers(0, 2**40)
    formats = st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    return st.lists(st.tuples(names, kinds, bodies, sizes, formats), max_size=6).map(_packed).flatmap(mutated)


def packed() -> st.SearchStrategy[bytes]:
    """Archives of every kind, some of them damaged."""
    plain = archives()
    kinds = [plain, zipped(plain), plain.map(bz2.compress), plain.map(partial(lzma.compress, preset=0)), zips()]
    return st.one_of(kinds + [kind.flatmap(mutated) for kind in kinds[2:]])


def zips() -> st.SearchStrategy[bytes]:
    """Zip files with honest and hostile names, modes, flags and sizes."""
    names = st.sampled_from(["top/one", "top/two", "./top/one", "/top/one", "../one", "top/", "a"]) | NAMES
    fields = st.fixed_dictionaries(
        {},
        optional={
            "external_attr": st.integers(0, 2**32 - 1) | st.just(0o120777 << 16),
            "flag_bits": st.integers(0, 2**16 - 1),
            "compress_type": st.sampled_from([0, 8, 12, 14, 99]),
            "file_size": st.integers(0, 2**33),
            "header_offset": st.integers(0, 2**33),
        },
    )
    return st.lists(st.tuples(names, st.sampled_from([b"one", b"two", b""]), fields), max_size=5).map(_zip)


def _zip(members: list[tuple[str, bytes, dict[str, int]]]) -> bytes:
    stream = BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body, fields in members:
            archive.writestr(name, body)
            for field, value in fields.items():
                setattr(archive.infolist()[-1], field, value)
    return stream.getvalue()


def _packed(members: list[tuple[str, bytes, bytes, int | None, int]]) -> bytes:
    stream = BytesIO()
    for name, kind, body, size, form in members:
        info = tarfile.TarInfo(name)
        info.type, info.size, info.linkname = kind, len(body) if size is None else size, "/etc/passwd"
        with suppress(ValueError):  # a name that this format cannot say
            stream.write(info.tobuf(form, errors="surrogateescape" if form != tarfile.PAX_FORMAT else "strict"))
            stream.write(body + bytes(-len(body) % 512))
    return stream.getvalue() + bytes(1024)


def check_archive(body: bytes) -> None:
    """The members that were asked for, with their bytes, or DataError; nothing is written beside them."""
    with tempfile.TemporaryDirectory(dir=FOLDER) as name:
        root, out = Path(name), Path(name, "a", "out")
        out.mkdir(parents=True)
        (root / "mirror").mkdir()
        (root / "mirror" / ARCHIVE.name).write_bytes(body)
        try:
            bring(ARCHIVE, str(root / "mirror"), out, lambda line: None, allowed_addresses=(str(root),))
        except DataError as error:
            _check_lines(error)
        else:
            assert {path.name: path.read_bytes() for path in out.iterdir()} == {"one": b"one", "two": b"two"}
        found = {path.relative_to(root).as_posix() for path in root.rglob("*")}
        assert found <= {"mirror", "mirror/a.tar.gz", "a", "a/out", "a/out/one", "a/out/two"}


def check_parameters(text: str) -> None:
    """A request, or RequestError in printable lines."""
    try:
        params = parse(Parameters, _from_json(text), "parameters")
        request = resolve(CONFIGURATION, params, "r")
    except RequestError as error:
        _check_lines(error)
    else:
        assert request.mirror is None or folder_of(request.mirror) is None
        assert type(request).model_validate_json(request.model_dump_json()) == request


def check_toml(body: tuple[bytes, bytes]) -> None:
    """A configuration, or RequestError in printable lines; a broken dataset has its own."""
    (CONFIG / "workflow.toml").write_bytes(body[0])
    (CONFIG / "datasets" / "cifar10.toml").write_bytes(body[1])
    try:
        for reason in load_configuration(CONFIG).unusable["datasets"].values():
            _check_lines(RequestError(reason))
    except RequestError as error:
        _check_lines(error)


def _check_lines(error: RequestError | DataError) -> None:
    lines = str(error).splitlines()
    assert 0 < len(lines) <= MOST_LINES + 1
    assert all(line.isprintable() and 0 < len(line) < 2000 for line in lines)


def check_names(text: str) -> None:
    """A slug is a run's id and part of a key; a key stays below the store's folder; an address is one or none."""
    assert parse(_Run, {"run": slug(text)}, "slug").run == slug(text) == slug(slug(text))
    assert is_key(f"runs/{slug(text)}/request.json")
    store = FOLDER / "store"
    if is_key(text):
        assert (store / text).resolve().is_relative_to(store)
    else:
        with suppress(ValueError):
            open_store(store.as_uri()).write(text, b"")
            raise AssertionError(f"{text!r} was taken for a key")
    with suppress(ValueError):
        address = checked_address(text)
        with suppress(RequestError):
            Perimeter(("/nowhere",)).check(address)
            folder = folder_of(address)
            assert folder is None or folder.is_relative_to("/nowhere")


class _Run(Parameters):
    run: RunId


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXT
    | st.sampled_from(["quick", "cifar10", "ann", "/etc"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
FORMS = st.dictionaries(st.sampled_from(list(Parameters.model_fields)) | TEXT, JSON, max_size=4).map(json.dumps)
DEEP = [b"\na = " + b"[" * 2000, b"\na = " + b"9" * 5000]
TOML = SCRAP | st.sampled_from([b"[", b"]", b'"', b"\n", b"=", b"[[", b"9", b"-", b".", b"{", b"'''", b"\xff", *DEEP])
SCRAPS = st.text("abAZ09._-/\\:@~% {}$\0\n?#[]", max_size=60)
SCHEMES = st.sampled_from(["", "http://", "https://", "s3://", "file://", "file:", "/", "../"])

TARGETS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], None]]] = {
    "idx": (
        st.tuples(
            zipped(mutated(gzip.decompress(idx_bytes(IMAGES[..., 0])))),
            zipped(mutated(gzip.decompress(idx_bytes(LABELS)))),
        ),
        check_idx,
    ),
    "cifar": (st.lists(mutated(cifar_bytes(IMAGES, LABELS)), min_size=1, max_size=3).map(tuple), check_cifar),
    "image": (image_files(), check_image),
    **{reader: (files_of(reader), check_samples) for reader in ("folder", "parquet", "npz")},
    "archive": (packed(), check_archive),
    "parameters": (
        FORMS | FORMS.map(str.encode).flatmap(mutated).map(lambda b: b.decode(errors="replace")),
        check_parameters,
    ),
    "toml": (st.tuples(mutated(WORKFLOW, TOML), mutated(DATASET, TOML)), check_toml),
    "names": (TEXT | SCRAPS | st.tuples(SCHEMES, SCRAPS).map("".join), check_names),
}


def fuzz(name: str, cases: int) -> int:
    """Run a target on about so many inputs; how many it were. The first broken promise is raised, made small."""
    strategy, check = TARGETS[name]
    seen = 0

    @settings(max_examples=cases, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def keeps_its_promise(value):
        nonlocal seen
        seen += 1
        check(value)

    keeps_its_promise()
    return seen


def main(seconds: float) -> None:
    """Every target for `seconds`, new inputs each time."""
    for name in TARGETS:
        cases, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            cases += fuzz(name, 500)
        print(f"{name}: {cases:,} cases", flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60)
