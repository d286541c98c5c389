import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from tasks.data.part import Given
from tasks.data.readers import samples
from tasks.errors import DataError
from tests.support.photographs import write


def placed(folder: Path, *names: str, **tables: bytes | str) -> list[Given]:
    """Files of that name whose content is their name; tables by their own content."""
    bodies = {name: name.encode() for name in names} | {
        name: body.encode() if isinstance(body, str) else body for name, body in tables.items()
    }
    found = []
    for number, (name, body) in enumerate(bodies.items()):
        (folder / f"{number}").write_bytes(body)  # a snapshot's files lie under other names than their own
        found.append(Given(name, folder / f"{number}"))
    return found


def facts(files, labels=None):
    return [(sample.name, sample.label, sample.part, sample.group) for sample in samples("folder", files, labels)]


def test_the_folder_that_holds_an_image_is_its_class(tmp_path):
    """Images come by name, with the class that holds them; other and hidden files are passed over."""
    names = [
        "tulip/2.JPG",
        "rose/1.png",
        "rose/notes.txt",
        ".DS_Store",
        "__MACOSX/rose/._1.png",
        "rose/.2.png",
        "README.md",
    ]
    assert facts(placed(tmp_path, *names)) == [("rose/1.png", "rose", None, None), ("tulip/2.JPG", "tulip", None, None)]


@pytest.mark.parametrize(
    ("word", "part"),
    [
        *((word, "train") for word in ("train", "training", "Train")),
        *((word, "validation") for word in ("validation", "valid", "val", "dev")),
        *((word, "test") for word in ("test", "testing", "eval", "TEST")),
        ("flowers", None),
    ],
)
def test_a_folder_above_the_classes_names_the_part(tmp_path, word, part):
    """The words of Hugging Face's imagefolder name the part, wherever they are above the class; others say nothing."""
    files = placed(tmp_path, f"{word}/rose/1.png", f"a/{word}/b/rose/2.png")
    assert {(label, found) for _, label, found, _ in facts(files)} == {("rose", part)}


def test_an_image_is_read_when_it_is_asked_for(tmp_path):
    """Listing reads no image: a sample gives the bytes that its file has at that time."""
    files = placed(tmp_path, "rose/1.png")
    (sample,) = samples("folder", files)
    files[0].path.write_bytes(b"later")
    assert sample.image() == b"later"


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "expected image files .* received none"),
        (["rose/notes.txt"], "expected image files .* received none"),
        (["1.png", "rose/2.png"], r"^1\.png: expected each image in a folder of its class.* received 1 images"),
        (["train/1.png", "test/2.png"], r"^test/2\.png, train/1\.png: expected each image in a folder of its class"),
        ([f"{n}.png" for n in range(9)], "0.png, 1.png, 2.png, 3.png, 4.png and 4 more"),
    ],
)
def test_images_without_a_class_are_refused(tmp_path, names, words):
    """No images at all, or some outside a folder of a class: one line says so, with the first names."""
    with pytest.raises(DataError, match=words):
        facts(placed(tmp_path, *names))


ROWS = [{"file_name": "1.png", "label": "rose", "group": "a"}, {"file_name": "x/2.png", "label": 7, "group": None}]


def table(kind: str, rows=ROWS) -> bytes:
    """The rows as a metadata file of that kind."""
    if kind == "csv":
        lines = [",".join(rows[0]), *(",".join(str(cell or "") for cell in row.values()) for row in rows)]
        return "\r\n".join(lines).encode("utf-8-sig")
    if kind == "jsonl":
        return "\n\n".join(json.dumps(row) for row in rows).encode()
    sink = pa.BufferOutputStream()
    text = [row | {"label": str(row["label"])} if isinstance(rows[0]["label"], str) else row for row in rows]
    parquet.write_table(pa.Table.from_pylist(text), sink)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_table_names_labels_and_groups(tmp_path, kind):
    """metadata.csv, .jsonl and .parquet give the label and the group of each file, from the table's own folder on."""
    files = placed(tmp_path, "train/1.png", "train/x/2.png", **{f"train/metadata.{kind}": table(kind)})
    assert facts(files) == [("train/1.png", "rose", "train", "a"), ("train/x/2.png", "7", "train", None)]


def test_each_part_may_have_a_table_of_its_own(tmp_path):
    """The tables of several folders are taken together, each from its own folder on."""
    rows = "file_name,label\n./1.png,rose\n"
    files = placed(
        tmp_path,
        "train/1.png",
        "test/1.png",
        **{"train/metadata.csv": rows, "test/metadata.csv": rows.replace("rose", "lily")},
    )
    assert facts(files) == [("test/1.png", "lily", "test", None), ("train/1.png", "rose", "train", None)]


def test_the_dataset_says_which_column_counts(tmp_path):
    """`labels` names the column of the labels."""
    body = "file_name,label,species\n1.png,rose,gallica\n"
    assert facts(placed(tmp_path, "1.png", **{"metadata.csv": body}), "species") == [("1.png", "gallica", None, None)]


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        (
            "metadata.csv",
            "file_name,kind\n1.png,rose\n",
            "metadata.csv, row 1: expected a column 'label', received file_n",
        ),
        ("metadata.csv", "name,label\n1.png,rose\n", "row 1: expected a column 'file_name', received name, label"),
        ("metadata.csv", "file_name,label\n1.png,\n", "row 1: expected a value in the column 'label', received none"),
        ("metadata.csv", "file_name,label\n1.png\n", "row 1: expected a value in the column 'label', received none"),
        ("metadata.csv", "file_name,label\n1.png,a\n1.png,a\n", "row 2: expected each file once, received 1.png again"),
        ("metadata.csv", "file_name,label\n1.png,a\n2.png,a\n", "^2.png: expected the files that the metadata name"),
        (
            "metadata.csv",
            "file_name,label\n1.png,a\n../2.png,a\n",
            r"^\.\./2.png: expected the files that the metadata",
        ),
        ("metadata.csv", "file_name,label\n", "^1.png: expected every image in the metadata, received 1"),
        (
            "metadata.csv",
            b"file_name,label\n\xff,a\n",
            "metadata.csv: expected a table, received one that cannot be read",
        ),
        ("metadata.csv", 'file_name,label\n"1.png,a\n', "expected a table, received one that cannot be read"),
        (
            "metadata.jsonl",
            '{"file_name": "1.png", "label": 0.5}',
            "row 1: label: expected a text or a whole number .* '0.5'",
        ),
        (
            "metadata.jsonl",
            '{"file_name": "1.png", "label": -1}',
            "expected a text or a whole number from 0, received '-1'",
        ),
        ("metadata.jsonl", '{"file_name": "1.png", "label": {}}', "expected a text or a whole number"),
        (
            "metadata.jsonl",
            '{"file_name": "1.png", "label": 1, "group": []}',
            "row 1: expected a text or a whole number",
        ),
        ("metadata.jsonl", '{"file_name": "1.png", "label": 1, "group": "\\ud800"}', r"1.png: its group: .* U\+D800"),
        ("metadata.jsonl", "[1]", "expected a table, .*row 1 is no object"),
        ("metadata.jsonl", "[" * 100_000, "expected a table, received one that cannot be read"),
        ("metadata.jsonl", "{", "expected a table, received one that cannot be read"),
        ("metadata.parquet", "PAR1", "metadata.parquet: expected a table, received one that cannot be read"),
        ("metadata.parquet", table("parquet")[:-20], "expected a table, received one that cannot be read"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path, name, body, words):
    """A missing column, an empty cell, a file that is not there or is not named, a broken table: one clear line."""
    with pytest.raises(DataError, match=words) as caught:
        facts(placed(tmp_path, "1.png", **{name: body}))
    assert str(caught.value).isprintable()


def test_names_of_files_are_shown_on_one_line(tmp_path):
    """A file name with a newline or a right-to-left mark reaches people escaped; the file is read all the same."""
    (sample,) = samples("folder", placed(tmp_path, "rose/a\n\u202eb.png"))
    assert (sample.name, sample.image()) == (r"rose/a\n\u202eb.png", "rose/a\n\u202eb.png".encode())


def test_a_made_folder_is_read_whole(tmp_path):
    """What the script of photographs makes is found: each class with its images, also corrupt and double ones."""
    write(tmp_path / "photographs", images=12, classes=3)
    paths = sorted((tmp_path / "photographs").glob("*/*"))
    files = [Given(path.relative_to(tmp_path / "photographs").as_posix(), path) for path in paths]
    found = facts(files)
    assert len(found) == 12 + 3 + 5
    assert {label for _, label, _, _ in found} == {"bricks", "checks", "dots"}
