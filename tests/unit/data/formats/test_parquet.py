import json

import pyarrow as pa
import pytest
from pyarrow import parquet

from tasks.data.part import Given
from tasks.data.readers import samples
from tasks.errors import DataError
from tests.support.photographs import as_parquet, write

IMAGES = pa.array([{"bytes": b"one", "path": "1.png"}, {"bytes": b"two", "path": None}])
LABELS = pa.array(["rose", "lily"])


def stored(folder, name="data.parquet", metadata=None, **columns):
    """A table in a file of the snapshot, under a name of its own."""
    made = pa.table(columns)
    path = folder / f"{len(list(folder.iterdir()))}"
    parquet.write_table(made.replace_schema_metadata(metadata) if metadata else made, path, row_group_size=1)
    return Given(name, path)


def facts(files, labels=None):
    return [(sample.image(), sample.label, sample.part, sample.group) for sample in samples("parquet", files, labels)]


PLAIN = [(b"one", "rose", None, None), (b"two", "lily", None, None)]


@pytest.mark.parametrize(
    "columns",
    [
        {"image": IMAGES, "label": LABELS},
        {"img": IMAGES, "labels": LABELS, "thumbnail": pa.array([b"x", b"y"])},
        {"picture": IMAGES, "class": LABELS, "note": pa.array([1.5, None])},
        {"image": pa.array([b"one", b"two"]), "label": LABELS.dictionary_encode()},
        {"image": pa.array([b"one", b"two"], pa.large_binary()), "label": LABELS.cast(pa.large_string())},
        {"image": IMAGES, "img": IMAGES, "label": LABELS},
    ],
)
def test_images_and_labels_are_found_by_type_and_name(tmp_path, columns):
    """Hugging Face's struct or plain bytes, under a common name or as the only column that fits, and texts."""
    assert facts([stored(tmp_path, **columns)]) == PLAIN


def class_label(column: str, names: object) -> dict[str, str]:
    """The metadata in which Hugging Face keeps the names of classes."""
    return {"huggingface": json.dumps({"info": {"features": {column: {"names": names, "_type": "ClassLabel"}}}})}


def test_numbers_get_the_names_that_the_file_has(tmp_path):
    """A ClassLabel column gives names, each file by its own numbering; without names the numbers are labels."""
    numbers = pa.array([0, 1])
    named = stored(tmp_path, "a.parquet", class_label("label", ["rose", "lily"]), image=IMAGES, label=numbers)
    turned = stored(tmp_path, "b.parquet", class_label("label", ["lily", "rose"]), image=IMAGES, label=numbers)
    plain = stored(tmp_path, "c.parquet", image=IMAGES, label=numbers)
    found = [[label for _, label, _, _ in facts([file])] for file in (named, turned, plain)]
    assert found == [["rose", "lily"], ["lily", "rose"], ["0", "1"]]


@pytest.mark.parametrize(
    "metadata",
    [
        {"huggingface": "{"}, {"huggingface": "[" * 50_000}, {"huggingface": "7"}, class_label("label", 3),
        class_label("label", [1]), class_label("other", ["a"]),
    ],
)  # fmt: skip
def test_names_that_are_none_do_not_count(tmp_path, metadata):
    """Damaged metadata, or those of another column, leave the numbers as labels."""
    file = stored(tmp_path, metadata=metadata, image=IMAGES, label=pa.array([0, 1]))
    assert [label for _, label, _, _ in facts([file])] == ["0", "1"]


def test_the_dataset_says_which_labels_count(tmp_path):
    """`labels` names the column, as CIFAR-100's fine ones; the group is a column too."""
    file = stored(
        tmp_path, img=IMAGES, fine_label=pa.array([5, 6]), coarse_label=pa.array([0, 1]), group=pa.array([7, None])
    )
    assert facts([file], "fine_label") == [(b"one", "5", None, "7"), (b"two", "6", None, None)]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("train-00000-of-00002.parquet", "train"),
        ("data/test-00001-of-00002-0a1b.parquet", "test"),
        ("validation.parquet", "validation"),
        ("my_data.val.parquet", "validation"),
        ("default/train/0000.parquet", "train"),
        ("data-00000-of-00002.parquet", None),
        ("testimony.parquet", None),
    ],
)
def test_the_name_of_a_file_may_say_its_part(tmp_path, name, part):
    """Shards are named as Hugging Face names them; a word that only begins like a part's says nothing."""
    assert {found for _, _, found, _ in facts([stored(tmp_path, name, image=IMAGES, label=LABELS)])} == {part}


def test_shards_are_read_by_name_and_held_by_their_samples(tmp_path):
    """All files come one after the other, whatever order they are listed in; other files are passed over."""
    second = stored(tmp_path, "b.parquet", image=IMAGES, label=pa.array(["x", "y"]))
    first = stored(tmp_path, "a.parquet", image=IMAGES, label=LABELS)
    found = list(samples("parquet", [second, Given("README.md", tmp_path), first]))
    for file in (first, second):
        file.path.unlink()
    assert [(each.name, each.label, each.image()) for each in found] == [
        ("a.parquet, row 1", "rose", b"one"),
        ("a.parquet, row 2", "lily", b"two"),
        ("b.parquet, row 1", "x", b"one"),
        ("b.parquet, row 2", "y", b"two"),
    ]


@pytest.mark.parametrize(
    ("columns", "labels", "words"),
    [
        (
            {"image": IMAGES, "kind": LABELS},
            None,
            r"data.parquet: expected a column of labels \(label, labels, class\), rec",
        ),
        ({"image": IMAGES, "label": LABELS}, "kind", r"expected a column of labels \(kind\), received image, label;"),
        ({"label": LABELS}, None, "expected one column of images, .* received label"),
        ({"a": IMAGES, "b": IMAGES, "label": LABELS}, None, "expected one column of images, .* received a, b, label"),
        ({"image": pa.array([[1], [2]]), "label": LABELS}, None, "expected one column of images"),
        (
            {"image": IMAGES, "label": pa.array([0.5, 1])},
            None,
            "expected texts or whole numbers in label, received double",
        ),
        (
            {"image": IMAGES, "label": pa.array([[1], [2]])},
            None,
            "expected texts or whole numbers in label, received list",
        ),
        ({"image": IMAGES, "label": pa.array([None, None])}, None, "in label, received null"),
        ({"image": IMAGES, "label": pa.array(["a", None])}, None, "data.parquet, row 2: expected a text or .* 'None'"),
        (
            {"image": IMAGES, "label": pa.array([0, -1])},
            None,
            "row 2: expected a text or a whole number from 0, received '-1'",
        ),
        (
            {"image": pa.array([b"x", None]), "label": LABELS},
            None,
            "row 2: expected the bytes of an image, received none",
        ),
        (
            {"image": pa.array([IMAGES[0].as_py(), {"bytes": None, "path": "/x/\n2.png"}]), "label": LABELS},
            None,
            r"row 2: expected the bytes of an image, received only its path /x/\\n2.png",
        ),
    ],
)
def test_a_table_without_images_or_labels_is_refused(tmp_path, columns, labels, words):
    """No column of labels, none or several of images, images by path only, empty cells: file and row are named."""
    with pytest.raises(DataError, match=words) as caught:
        facts([stored(tmp_path, **columns)], labels)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("number", [-1, 2])
def test_a_number_without_a_name_is_refused(tmp_path, number):
    """Hugging Face's -1 for `no label`, and a number beyond the names."""
    file = stored(tmp_path, metadata=class_label("label", ["a", "b"]), image=IMAGES, label=pa.array([0, number]))
    with pytest.raises(DataError, match=f"row 2: expected a label from 0 to 1, received {number}"):
        facts([file])


def test_what_is_no_parquet_is_refused(tmp_path):
    """Empty, foreign or cut files are named, and so is a location without any such file."""
    whole = stored(tmp_path, image=IMAGES, label=LABELS).path.read_bytes()
    for body in (b"", b"PAR1", b"no table at all", whole[:-20], whole[:60] + bytes(60) + whole[120:]):
        (tmp_path / "x").write_bytes(body)
        with pytest.raises(DataError, match=r"^a.parquet"):
            facts([Given("a.parquet", tmp_path / "x")])
    with pytest.raises(DataError, match=r"^a.csv: expected .parquet files, received none"):
        facts([Given("a.csv", tmp_path / "x")])


def test_a_large_table_is_read_piece_by_piece(tmp_path):
    """Of a row group of 64 MB only the pages of some rows are in memory at a time."""
    bodies = pa.array([bytes([number % 256]) * 100_000 for number in range(640)])
    parquet.write_table(
        pa.table({"image": bodies, "label": pa.array(["a"] * 640)}),
        tmp_path / "x",
        use_dictionary=False,
        compression="none",
        write_batch_size=8,  # a page has at least so many rows, and is read whole
    )
    del bodies
    before, peak = pa.total_allocated_bytes(), 0
    for _ in samples("parquet", [Given("a.parquet", tmp_path / "x")]):
        peak = max(peak, pa.total_allocated_bytes() - before)
    assert peak < 32e6


def test_a_made_table_has_what_its_folder_has(tmp_path):
    """The same photographs come from a folder and from Parquet, with the same labels."""
    folder = tmp_path / "photographs"
    write(folder, images=12, classes=3)
    files = [Given(path.name, path) for path in as_parquet(folder, tmp_path / "shards")]
    found = sorted((sample.label, sample.image()) for sample in samples("parquet", files))
    assert found == sorted((path.parent.name, path.read_bytes()) for path in folder.glob("*/*"))
