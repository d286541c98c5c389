import gzip
import re
import sys
import tracemalloc
import types
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.data import readers
from tasks.data.part import Given, Part, Sample
from tasks.data.readers import classes_of, read, samples
from tasks.errors import DataError, RequestError
from tests.support.tiny_data import cifar_bytes, idx_bytes, images_and_labels


def write(folder, **files):
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in files]


def test_a_format_that_is_not_there_is_no_passing_fault(tmp_path):
    """An image without the dataset's format is refused at once, and not tried again."""
    with pytest.raises(RequestError, match=r"reader: expected a file of tasks/data/formats/, received 'nobody_s'"):
        read("nobody_s", write(tmp_path, a=b""), (8, 8, 1), 3)


def test_idx_files_become_images_with_a_channel_and_labels(tmp_path):
    """What was written as gzipped IDX is read back pixel for pixel."""
    images, labels = images_and_labels(30, 1, seed=0)
    part = read("idx", write(tmp_path, images=idx_bytes(images[..., 0]), labels=idx_bytes(labels)), (8, 8, 1), 3)
    np.testing.assert_array_equal(part.images, images)
    np.testing.assert_array_equal(part.labels, labels)


def test_cifar_batches_become_channel_last_images_in_order(tmp_path):
    """Channel-first records of several batches are read back pixel for pixel, in reading order."""
    images, labels = images_and_labels(30, 3, seed=0)
    batches = write(tmp_path, a=cifar_bytes(images[:20], labels[:20]), b=cifar_bytes(images[20:], labels[20:]))
    part = read("cifar", batches, (8, 8, 3), 3)
    np.testing.assert_array_equal(part.images, images)
    np.testing.assert_array_equal(part.labels, labels)


IMAGES, LABELS = images_and_labels(30, 1, seed=0)


@pytest.mark.parametrize(
    ("images", "labels", "expected"),
    [
        (b"not gzip", idx_bytes(LABELS), "expected a gzipped IDX file"),
        (idx_bytes(IMAGES)[:-20], idx_bytes(LABELS), "expected a gzipped IDX file"),
        (gzip.compress(b"\0\0\x0d\x03" + b"\0" * 20), idx_bytes(LABELS), "expected an IDX file of unsigned bytes"),
        (gzip.compress(gzip.decompress(idx_bytes(IMAGES)) + b"x"), idx_bytes(LABELS), "or more"),
        (gzip.compress(b"\0\0\x08\x04" + b"\xff" * 16), idx_bytes(LABELS), "expected 1 to 1,073,741,824"),
        (gzip.compress(b"\0\0\x08\x04" + bytes(4) + b"\xff" * 12), idx_bytes(LABELS), "expected 1 to 1,073,741,824"),
        (gzip.compress(b"\0\0\x08\x03" + b"\0\0\x04\0" * 3 + bytes(9)), idx_bytes(LABELS), "expected 1,073,741,824"),
        (idx_bytes(IMAGES[:, :7]), idx_bytes(LABELS), r"expected images of \(8, 8, 1\)"),
        (idx_bytes(IMAGES[:-1]), idx_bytes(LABELS), "as many labels as images"),
        (idx_bytes(IMAGES), idx_bytes(LABELS + 1), "expected labels 0 to 2, received 3"),
    ],
    ids=[
        "foreign",
        "cut",
        "other type",
        "too long",
        "endless",
        "nothing beside much",
        "empty promise",
        "other shape",
        "unpaired",
        "mislabelled",
    ],
)
def test_a_wrong_idx_file_is_a_clear_error(tmp_path, images, labels, expected):
    """Cut, foreign, too long, of another shape, unpaired or mislabelled: one line says what was expected."""
    with pytest.raises(DataError, match=expected):
        read("idx", write(tmp_path, images=images, labels=labels), (8, 8, 1), 3)


@pytest.mark.parametrize(
    ("stored", "declared", "words"),
    [
        ((20, 30), (30, 20, 1), r"received \(20, 30, 1\); height and width are exchanged"),
        ((3, 8, 6), (8, 6, 3), r"received \(3, 8, 6\); the channels come first"),
        ((1, 8, 8), (8, 8, 1), r"received \(1, 8, 8\); the channels come first"),
        ((6, 3, 8), (8, 6, 3), r"received \(6, 3, 8\)"),
        ((4, 16, 1), (8, 8, 1), r"received \(4, 16, 1\)"),
        ((8, 24), (8, 8, 3), r"received \(8, 24, 1\)"),
        ((64,), (8, 8, 1), r"received \(64,\)"),
    ],
)
def test_every_dimension_of_an_idx_file_is_compared(tmp_path, stored, declared, words):
    """As many pixels in another order are refused, and the words say which order the file has."""
    images = np.zeros((30, *stored), np.uint8)
    with pytest.raises(DataError, match=rf"expected images of {re.escape(str(declared))}.*{words}"):
        read("idx", write(tmp_path, images=idx_bytes(images), labels=idx_bytes(LABELS)), declared, 3)


@pytest.mark.parametrize("declared", [(16, 4, 3), (4, 4, 12), (8, 24, 1), (16, 16, 4)])
def test_records_whose_size_does_not_tell_their_dimensions_are_refused(tmp_path, declared):
    """Records have no header, so `cifar` takes only shapes that the size of a record tells: square, 1 or 3 channels."""
    images, labels = images_and_labels(30, 3, seed=0)
    with pytest.raises(DataError, match=r"expected square images of 1 or 3 channels, .*received \("):
        read("cifar", write(tmp_path, a=cifar_bytes(images, labels)), declared, 3)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (Part(IMAGES.astype(np.float32), LABELS), "expected images of uint8, received float32"),
        (Part(IMAGES[..., 0], LABELS), r"expected images of \(8, 8, 1\), received \(8, 8\)"),
        (Part(IMAGES, LABELS[:, None]), "expected labels in one dimension, received 2"),
        (Part(IMAGES, LABELS.astype(np.int64)), "expected labels of uint8, received int64"),
        (Part(IMAGES, LABELS[1:]), "expected as many labels as images, received 29 for 30"),
        (Part(IMAGES[:0], LABELS[:0]), "expected as many labels as images, received 0 for 0"),
        (Part(IMAGES, LABELS + 1), "expected labels 0 to 2, received 3"),
        ((IMAGES.tolist(), LABELS), "expected images of uint8, received list"),
    ],
)
def test_whatever_a_format_returns_is_checked(tmp_path, monkeypatch, part, expected):
    """A new format cannot forget a check: type, every dimension, lengths and class numbers are checked for it."""
    new = types.SimpleNamespace(read=lambda paths, shape, labels: part)
    monkeypatch.setitem(sys.modules, readers.format_module("jpeg"), new)
    with pytest.raises(DataError, match=expected):
        read("jpeg", [tmp_path / "a"], (8, 8, 1), 3)


def test_no_more_is_unpacked_than_the_header_promises(tmp_path):
    """64 MiB of zeros behind a header that promises a few bytes are refused without a place in memory for them."""
    bomb = gzip.compress(gzip.decompress(idx_bytes(IMAGES)) + bytes(64 * 2**20))
    paths = write(tmp_path, images=bomb, labels=idx_bytes(LABELS))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="or more"):
            read("idx", paths, (8, 8, 1), 3)
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


@settings(max_examples=200)
@given(data=st.binary(max_size=200), zipped=st.booleans(), reader=st.sampled_from(["idx", "cifar"]))
def test_random_bytes_never_crash_a_reader(tmp_path_factory, data, zipped, reader):
    """Whatever the bytes, a reader returns a part of the right shape or raises DataError."""
    folder = tmp_path_factory.mktemp("bytes")
    body = gzip.compress(data) if zipped else data
    paths = write(folder, a=body, b=body) if reader == "idx" else write(folder, a=body)
    try:
        part = read(reader, paths, (2, 2, 1), 10)
    except DataError:
        return
    assert part.images.shape == (len(part.labels), 2, 2, 1)


def of_labels(monkeypatch, *labels):
    """The samples of a format that has these labels, one image each."""
    made = [Sample(f"{number}.png", label, lambda: b"") for number, label in enumerate(labels)]
    new = types.SimpleNamespace(samples=lambda files, labels: iter(made))
    monkeypatch.setitem(sys.modules, readers.format_module("mine"), new)
    return [sample.label for sample in samples("mine", [Given("a.bin", Path("a.bin"))])]


@pytest.mark.parametrize("label", ["<script>alert(1)</script>", "rose & lily", "玫瑰", "0", "a" * 200, 'x"y'])
def test_what_people_can_see_may_name_a_class(monkeypatch, label):
    """Markup, other scripts and numbers name a class as they stand."""
    assert of_labels(monkeypatch, label, label) == [label, label]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["two\nlines"], r"0.png: the name of its class: expected visible characters only, received U\+000A"),
        (["\u202egnp"], r"expected visible characters only, received U\+202E \(RIGHT-TO-LEFT OVERRIDE\)"),
        (["ro\u200bse"], r"received U\+200B \(ZERO WIDTH SPACE\)"),
        (["\ud800"], r"received U\+D800"),
        (["  "], "expected 1 to 200 characters that are not all blank"),
        ([""], "expected 1 to 200 characters"),
        (["x" * 201], "expected 1 to 200 characters"),
        (
            ["rose", "lily", "rose "],
            "2.png: expected names of classes that look different, received 'rose' and 'rose '",
        ),
        (["file", "\ufb01le"], "look different, received 'file' and"),
        ([], "^a.bin: expected images, received none"),
        ([str(number) for number in range(10_001)], "expected at most 10,000 classes, received more"),
    ],
)
def test_a_class_name_that_misleads_is_refused(monkeypatch, labels, words):
    """Names that are blank, invisible, turned around or alike are refused for every format, as is a class too many."""
    with pytest.raises(DataError, match=words) as caught:
        of_labels(monkeypatch, *labels)
    assert str(caught.value).isprintable()


def test_ten_thousand_classes_are_taken(monkeypatch):
    """The limit itself is allowed, and letters of another case make another class."""
    assert len(of_labels(monkeypatch, "a", "A", *map(str, range(9_998)))) == 10_000


@pytest.mark.parametrize(
    ("reader", "call", "words"),
    [
        ("folder", lambda: read("folder", [], (8, 8, 1), 3), "expected a format of arrays, .* received 'folder'"),
        ("idx", lambda: list(samples("idx", [])), "expected a format of single images, .* received 'idx'"),
        ("idx", lambda: read("idx", [], (8, 8, 1), 3, "fine"), "labels: expected none, .* received 'fine'"),
        ("cifar", lambda: read("cifar", [], (8, 8, 3), 3, "x"), "labels: expected 'coarse' or 'fine' .* received 'x'"),
    ],
)
def test_a_format_that_has_not_what_is_asked_for_is_refused(reader, call, words):
    """Single images of a format of arrays, the other way round, or labels that it does not know: a wrong request."""
    with pytest.raises(RequestError, match=words):
        call()


@pytest.mark.parametrize(("labels", "which"), [("coarse", 0), ("fine", 1)])
def test_cifar_100_has_two_labels(tmp_path, labels, which):
    """Records with a coarse and a fine label are read pixel for pixel, with the labels that are asked for."""
    images, coarse = images_and_labels(30, 3, seed=0)
    fine = np.arange(100, 130, dtype=np.uint8)
    records = np.concatenate([coarse[:, None], fine[:, None], images.transpose(0, 3, 1, 2).reshape(30, -1)], axis=1)
    part = read("cifar", write(tmp_path, a=records.tobytes()), (8, 8, 3), 130, labels)
    np.testing.assert_array_equal(part.images, images)
    np.testing.assert_array_equal(part.labels, (coarse, fine)[which])
    with pytest.raises(DataError, match="expected records of 193 bytes"):
        read("cifar", write(tmp_path, a=records.tobytes()), (8, 8, 3), 130)


@pytest.mark.parametrize(
    ("labels", "declared", "numbers", "names"),
    [
        ({"rose", "lily"}, (), {"lily": 0, "rose": 1}, ("lily", "rose")),
        ({"10", "9", "x", "1"}, (), {"1": 0, "9": 1, "10": 2, "x": 3}, ("1", "9", "10", "x")),
        ({"rose"}, ("rose", "lily"), {"rose": 0}, ("rose", "lily")),
        ({"0", "1"}, ("rose", "lily"), {"0": 0, "1": 1}, ("rose", "lily")),
        ({"1", "2"}, ("rose", "lily"), {"1": 0, "2": 1}, ("rose", "lily")),
        ({"1"}, ("rose", "lily"), {"1": 1}, ("rose", "lily")),
        ({"2", "1"}, ("2", "1"), {"2": 0, "1": 1}, ("2", "1")),
    ],
)
def test_labels_find_their_classes(labels, declared, numbers, names):
    """Declared names win; numbers count from 0 or from 1; without declared names the labels are the classes, sorted."""
    assert classes_of(labels, declared) == (numbers, names)


@pytest.mark.parametrize("labels", [{"0", "2"}, {"3"}, {"1", "3"}, {"tulip"}, {"Rose"}, {"-1"}, {"٢"}, {"9" * 5000}])
def test_a_label_of_no_class_is_refused(labels):
    """A number or a name that stands for no declared class is named."""
    with pytest.raises(DataError, match="classes: expected labels among rose, lily, or numbers from"):
        classes_of(labels, ("rose", "lily"))


@given(st.sets(st.text(min_size=1) | st.integers(0, 99).map(str), min_size=1))
def test_discovered_classes_are_numbered_without_gaps(labels):
    """Every label has a number of its own, which finds its name; the order of the labels does not matter."""
    numbers, names = classes_of(labels)
    assert sorted(numbers.values()) == list(range(len(labels)))
    assert all(names[number] == label for label, number in numbers.items())


@given(
    st.integers(2, 50).flatmap(
        lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1), min_size=1), st.booleans())
    )
)
def test_numbers_of_declared_classes_keep_their_order(case):
    """Whole numbers from 0, or all up to the last from 1, mean the classes in the declared order."""
    classes, wanted, from_one = case
    wanted |= {classes - 1} if from_one else {0}
    labels = {str(number + from_one): number for number in wanted}
    assert classes_of(set(labels), [f"class {number}" for number in range(classes)])[0] == labels
