import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tasks.data.part import Given
from tasks.data.readers import samples
from tasks.errors import DataError, RequestError
from tasks.settings.dataset import Canvas
from tests.support.photographs import as_npz, write
from tests.support.single_images import decoded

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 4, 5), dtype=np.uint8)
LABELS = np.array([2, 0, 1])


def archive(folder: Path, name="data.npz", *, compressed=True, **arrays) -> Given:
    """Arrays in an archive of the snapshot, under a name of its own."""
    path = folder / f"{len(list(folder.iterdir()))}.npz"
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    return Given(name, path)


def facts(*files):
    return [(sample.label, sample.part) for sample in samples("npz", files)]


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 4, 5, 1), (3, 4, 5, 3), (3, 4, 5, 4)])
def test_pixels_come_back_with_their_labels(tmp_path, compressed, shape):
    """Images with and without channels are read one by one, as they were stored, and outlive their file."""
    images = np.resize(IMAGES, shape)
    file = archive(tmp_path, compressed=compressed, images=images, labels=LABELS)
    found = list(samples("npz", [file]))
    file.path.unlink()
    np.testing.assert_array_equal(np.stack([sample.image() for sample in found]), images)
    assert [(sample.name, sample.label) for sample in found] == [
        (f"data.npz, images.npy, row {row}", label) for row, label in enumerate("201")
    ]


@pytest.mark.parametrize(
    ("labels", "texts"),
    [
        (LABELS.astype(np.uint8)[:, None], ["2", "0", "1"]),
        (LABELS.astype(">i2"), ["2", "0", "1"]),
        (np.array(["rose", "lily", "玫瑰"]), ["rose", "lily", "玫瑰"]),
        (np.array([b"rose", b"lily", "é".encode()]), ["rose", "lily", "é"]),
        (np.array([True, False, True]), ["true", "false", "true"]),
    ],
)
def test_labels_are_numbers_or_texts(tmp_path, labels, texts):
    """Whole numbers of any size, texts, bytes and truth values label images, also with a second dimension of one."""
    assert [label for label, _ in facts(archive(tmp_path, images=IMAGES, labels=labels))] == texts


def test_names_of_keras_and_medmnist_give_the_parts(tmp_path):
    """x_train and train_images are one part's images, and so on; other arrays do not matter."""
    one, two = {"images": IMAGES[:1], "labels": LABELS[:1]}, {"images": IMAGES[:2], "labels": LABELS[:2, None]}
    keras = archive(
        tmp_path, "k.npz", x_train=two["images"], y_train=two["labels"], x_test=one["images"], y_test=one["labels"],
        x_val=one["images"], y_val=one["labels"], notes=np.array(["x"], object),
    )  # fmt: skip
    medmnist = archive(
        tmp_path,
        "m.npz",
        **{f"{part}_{kind}": array for part in ("train", "val", "test") for kind, array in two.items()},
    )
    assert facts(keras) == [("2", "test"), ("2", "train"), ("0", "train"), ("2", "validation")]
    assert [part for _, part in facts(medmnist)] == ["test"] * 2 + ["train"] * 2 + ["validation"] * 2


def test_arrays_may_lie_in_files_of_their_own(tmp_path):
    """images.npy and labels.npy in one folder belong together; the folder may name the part."""
    np.save(tmp_path / "a", IMAGES)
    np.save(tmp_path / "b", LABELS)
    files = [
        Given(f"{folder}/{name}.npy", tmp_path / f"{path}.npy")
        for folder in ("test", "x")
        for name, path in (("images", "a"), ("labels", "b"))
    ]
    assert facts(*files) == [(label, part) for part in ("test", None) for label in "201"]
    assert facts(archive(tmp_path, "my-train.npz", images=IMAGES, labels=LABELS))[0] == ("2", "train")


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"images": IMAGES}, "data.npz, images.npy: expected an array labels beside it, received images"),
        ({"x_test": IMAGES, "y_train": LABELS}, "expected an array y_test beside it, received x_test, y_train"),
        (
            {"pictures": IMAGES, "labels": LABELS},
            "^data.npz: expected .* images and labels, .* received pictures, labels",
        ),
        ({"images": IMAGES / 255, "labels": LABELS}, "images.npy: expected images of uint8, received float64"),
        ({"images": IMAGES[0], "labels": LABELS}, r"expected images \[n, h, w\] or .*, received \[4, 5\]"),
        ({"images": np.resize(IMAGES, (3, 3, 8, 8)), "labels": LABELS}, r"1, 3 or 4 channels, received \[3, 3, 8, 8\]"),
        ({"images": np.resize(IMAGES, (3, 4, 5, 2)), "labels": LABELS}, r"1, 3 or 4 channels, received \[3, 4, 5, 2\]"),
        ({"images": np.asfortranarray(IMAGES), "labels": LABELS}, "in the order C, received uint8 .* in the order F"),
        ({"images": IMAGES[:2], "labels": LABELS}, "expected as many images as labels, received 2 for 3"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, r"labels.npy: expected an array of plain values .* int64 \[0\]"),
        ({"images": IMAGES[:, :0], "labels": LABELS}, r"images.npy: expected an array of plain values .*\[3, 0, 5\]"),
        (
            {"images": IMAGES, "labels": LABELS / 2},
            "labels.npy: expected labels that are whole numbers or texts, .*float64",
        ),
        ({"images": IMAGES, "labels": np.eye(3, dtype=int)}, r"expected labels \[n\] or \[n, 1\], received \[3, 3\]"),
        ({"images": IMAGES, "labels": LABELS[0]}, "labels.npy: expected an array of plain values"),
        (
            {"images": IMAGES, "labels": np.array(["a", 1, 2], object)},
            "expected an array of plain values .* received object",
        ),
        (
            {"images": IMAGES, "labels": LABELS - 1},
            "images.npy, row 1: expected a text or a whole number from 0, .*'-1'",
        ),
        ({"images": IMAGES, "labels": np.array([b"a", b"\xff", b"c"])}, "row 1: 'utf-8' codec can't decode"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, arrays, words):
    """Another type, order or number of dimensions, labels that are missing, too few or none: the array is named."""
    with pytest.raises(DataError, match=words) as caught:
        facts(archive(tmp_path, **arrays))
    assert str(caught.value).isprintable()


def npy(header: str, body: bytes = b"", version: bytes = b"\1\0") -> bytes:
    """A .npy file of this header, true or not."""
    size = struct.pack("<H" if version == b"\1\0" else "<I", len(header) + 1)
    return b"\x93NUMPY" + version + size + header.encode() + b"\n" + body


def said(shape, kind="|u1") -> str:
    return f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape}}}"


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (npy(said((2**40, 1024, 1024)), b"12"), "expected 1,152,921,504,606,846,976 bytes for uint8 .*, received 2"),
        (npy(said((3, 2**20, 2**20)), bytes(9)), "expected 3,298,534,883,328 bytes"),
        (npy(said((3, 4, -5)), bytes(60)), "expected an array of plain values"),
        (npy(said((3, 4, 5)), bytes(59)), "expected 60 bytes for uint8 .*, received 59"),
        (npy(said((3, 4, 5)), bytes(61)), "expected 60 bytes for uint8 .*, received 61"),
        (npy(said((3, 4, 5)), bytes(60), b"\2\0"), r"NumPy's format \(1, 0\), received none \(another version\)"),
        (npy(said((3, 4, 5), "|O"), bytes(480)), "expected an array of plain values .* received object"),
        (npy("{'descr': " + "[" * 9000), "expected an array of NumPy's format"),
        (npy("__import__('os').system('x')"), "expected an array of NumPy's format"),
        (b"\x80\x04pickle", "expected an array of NumPy's format"),
        (b"", "expected an array of NumPy's format"),
    ],
    ids=["huge", "large", "negative", "short", "long", "version", "pickled", "deep", "code", "pickle", "empty"],
)
def test_no_header_is_believed(tmp_path, images, words):
    """A header that claims 2**60 bytes is compared with the file before any memory is taken; code is not run."""
    labels = io.BytesIO()
    np.save(labels, LABELS)
    with zipfile.ZipFile(tmp_path / "a", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("images.npy", images)
        made.writestr("labels.npy", labels.getvalue())
    (tmp_path / "images").write_bytes(images)
    (tmp_path / "labels").write_bytes(labels.getvalue())
    loose = [Given(f"{name}.npy", tmp_path / name) for name in ("images", "labels")]
    for files in ([Given("a.npz", tmp_path / "a")], loose):
        with pytest.raises(DataError, match=words) as caught:
            facts(*files)
        assert str(caught.value).isprintable()


def test_an_image_of_more_than_all_others_is_refused(tmp_path):
    """One image may have 2**28 bytes, which a header and a file agree on, and no more."""
    path = tmp_path / "images"
    with path.open("wb") as file:
        file.write(npy(said((1, 2**14, 2**14 + 1))))
        file.truncate(file.tell() + 2**14 * (2**14 + 1))  # a hole, which takes no place on the disk
    np.save(tmp_path / "labels.npy", LABELS[:1])
    with pytest.raises(DataError, match="expected at most 268,435,456 bytes"):
        facts(Given("images.npy", path), Given("labels.npy", tmp_path / "labels.npy"))


def test_a_damaged_archive_is_refused(tmp_path):
    """Foreign, cut, flipped or encrypted: a clear line."""
    whole = archive(tmp_path, images=IMAGES, labels=LABELS).path.read_bytes()
    entry, local = whole.rfind(b"PK\1\2"), whole.find(b"PK\3\4")
    encrypted = bytearray(whole)
    encrypted[local + 6] |= 1
    encrypted[whole.find(b"PK\1\2") + 8] |= 1
    flipped = whole[:80] + bytes([whole[80] ^ 255]) + whole[81:]
    for body in (b"", b"no archive", whole[:-30], whole[:entry], flipped, bytes(encrypted)):
        (tmp_path / "x").write_bytes(body)
        with pytest.raises(DataError, match=r"^a\.npz"):
            facts(Given("a.npz", tmp_path / "x"))


def test_a_location_without_arrays_is_refused(tmp_path):
    """Files of other kinds are passed over, and nothing is left."""
    with pytest.raises(DataError, match=r"^a\.txt: expected \.npz or \.npy files .* received none"):
        facts(Given("a.txt", tmp_path / "a.txt"))
    with pytest.raises(RequestError, match=r"labels: expected none, .* received 'fine'"):
        list(samples("npz", [], "fine"))


def test_made_pixels_are_those_of_the_folder(tmp_path):
    """The photographs of a folder and their pixels in an archive become the same arrays on that canvas."""
    folder, canvas = tmp_path / "photographs", Canvas(24, 32, "rgb", "crop")
    write(folder, images=12, classes=3)
    files = [Given("p.npz", as_npz(folder, tmp_path / "p.npz", canvas))]
    made = [(each.label, decoded(each.image(), canvas).tobytes()) for each in samples("npz", files)]
    paths = sorted(path for path in folder.glob("*/*") if "corrupt" not in path.name)
    assert made == [(path.parent.name, decoded(path.read_bytes(), canvas).tobytes()) for path in paths]
