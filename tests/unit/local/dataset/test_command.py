"""`dataset add|show|list|remove` as a person types them: what they write, what they show, what they refuse."""

import re
import shutil

import numpy as np
import pytest
from PIL import Image

from tasks.local.__main__ import main
from tasks.settings.dataset import Canvas
from tasks.settings.loading import load_configuration
from tests.support import photographs
from tests.support.broken_datasets import PASSWORD, broken_datasets
from tests.support.tiny_data import choose_configuration, make_mirror


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """90 good photographs in 3 classes, three corrupt ones, and five that stand twice under different names."""
    folder = tmp_path_factory.mktemp("photos") / "shapes"
    photographs.write(folder, images=90, classes=3)
    return folder


@pytest.fixture
def config(tmp_path, monkeypatch):
    return choose_configuration(tmp_path / "config", monkeypatch)


def written(folder):
    """The names of the datasets that have a file."""
    return sorted(path.stem for path in (folder / "datasets").iterdir())


def test_a_folder_becomes_a_dataset(config, photos, capsys):
    """What is shown is what was found, and the file that is written is a dataset of it."""
    assert main(["dataset", "add", "shapes", "--from", str(photos)]) == 0
    shown = capsys.readouterr().out
    assert "Shapes: images of 64 x 64 x 3, made to fit by `crop`; models of 125,000 parameters" in shown
    assert "98 images in 3 classes: " in shown
    assert re.search(r"│ bricks +│ +\d+ │ +\d+ │ +\d+ │ +\d\d │ █", shown)
    assert "parts: train " in shown
    assert "since the source gives none" in shown
    assert "3 of 98 cannot be decoded: bricks/corrupt-0.jpg (" in shown
    assert "10 of 95 stand under two labels" in shown
    assert "A run would refuse this" in shown
    assert re.search(r"│ smoke +│ \d+ min", shown)
    assert shown.splitlines()[-1] == "next: make run DATASETS=shapes"
    dataset = load_configuration(config).datasets["shapes"]
    assert (dataset.reader, dataset.location, dataset.classes, dataset.color) == ("folder", str(photos), (), "rgb")
    text = (config / "datasets" / "shapes.toml").read_text(encoding="utf-8")
    assert "# The classes come from the data: bricks, checks, dots." in text


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "npz", "parquet", "shards"])
def test_every_kind_of_source_shows_the_same_images(config, photos, tmp_path, capsys, kind):
    """An archive, Parquet and NumPy arrays of the same photographs have the classes and counts of their folder."""
    source = {
        "zip": lambda: photographs.zipped(photos, tmp_path / "a.zip"),
        "tar.gz": lambda: photographs.tarred(photos, tmp_path / "a.tar.gz"),
        "npz": lambda: photographs.as_npz(photos, tmp_path / "a.npz", Canvas(64, 64, "rgb", "crop")),
        "parquet": lambda: photographs.as_parquet(photos, tmp_path / "table", shards=1)[0],
        "shards": lambda: photographs.as_parquet(photos, tmp_path / "table")[0].parent,
    }[kind]()
    main(["dataset", "add", "one", "--from", str(photos)])
    expected = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│ ") and "█" in line]
    assert main(["dataset", "add", "two", "--from", str(source)]) == 0
    counts = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│ ") and "█" in line]
    # The part hangs on the dataset's name too, so only the totals are the same.
    assert [(cells(line)[0], cells(line)[4]) for line in counts] == [
        (cells(line)[0], cells(line)[4]) for line in expected
    ]
    reader = {"npz": "npz", "parquet": "parquet", "shards": "parquet"}.get(kind, "folder")
    assert load_configuration(config).datasets["two"].reader == reader


def cells(line):
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_parts_that_the_source_gives_are_kept(config, photos, tmp_path, capsys):
    """Folders named train and test are parts, not classes."""
    for part in ("train", "test"):
        shutil.copytree(photos, tmp_path / "two" / part)
    shutil.rmtree(tmp_path / "two" / "test" / "dots")
    main(["dataset", "add", "two", "--from", str(tmp_path / "two")])
    assert "the source gives test, train" in capsys.readouterr().out.replace("train, test", "test, train")


def test_the_classes_may_come_from_a_named_column(config, tmp_path, capsys):
    """A table with several label columns needs to be told which; the file that is written says it."""
    folder = tmp_path / "table"
    folder.mkdir()
    generator, rows = np.random.default_rng(0), ["file_name,color,form"]
    for number in range(60):
        Image.fromarray(generator.integers(0, 255, (12, 12), np.uint8)).save(folder / f"{number}.png")
        rows.append(f"{number}.png,{'red' if number % 2 else 'blue'},{'round' if number % 3 else 'flat'}")
    (folder / "metadata.csv").write_text("\n".join(rows))
    assert main(["dataset", "add", "forms", "--from", str(folder)]) == 65
    assert written(config) == ["cifar10", "fashion_mnist"]
    assert main(["dataset", "add", "forms", "--from", str(folder), "--labels", "form"]) == 0
    dataset = load_configuration(config).datasets["forms"]
    assert (dataset.labels, dataset.color, dataset.image_size) == ("form", "grey", (12, 12))
    assert "flat, round" in (config / "datasets" / "forms.toml").read_text()
    capsys.readouterr()
    assert main(["dataset", "show", "forms"]) == 0
    assert "60 images in 2 classes: all 12 x 12 pixels; 60 PNG" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "source", "code", "complaint"),
    [
        ("Flowers", "photos", 64, r"expected a name of lower-case letters.*; try NAME=flowers$"),
        ("my-flowers", "photos", 64, r"; try NAME=my_flowers$"),
        ("Photos2026", "photos", 64, r"; try NAME=photos2026$"),
        ("2026 Photos", "photos", 64, r"; try NAME=photos$"),
        ("Long" * 20, "photos", 64, rf"; try NAME={'long' * 12}$"),
        ("", "photos", 64, r"for example: make dataset NAME=flowers FROM=/photos/flowers$"),
        ("x", "", 64, r"for example: make dataset NAME=flowers FROM=/photos/flowers$"),
        ("x", "nowhere", 64, r"nothing is there$"),
        ("x", "ftp://example.org/x.zip", 64, r"expected https://, http://, s3:// or a folder"),
        ("x", f"https://me:{PASSWORD}@example.org/x.zip", 64, r"expected no user name and no password"),
        ("cifar10", "photos", 64, r"expected a new name, received one that has the file .*; choose another"),
        ("x", "empty", 65, r"expected files, found none"),
        ("x", "no_images", 65, r"expected image files \(.*\), received none"),
        ("x", "one_class", 65, r"expected images of at least 2 classes, received \d+ of one: bricks"),
        ("x", "only_corrupt", 65, r"expected images, received 2 that cannot be decoded"),
        ("x", "one_photo.jpg", 65, r"expected each image in a folder of its class"),
        ("x", "cifar", 65, r"received files of CIFAR or MNIST; write the dataset's TOML by hand"),
        ("x", "broken.zip", 65, r"broken\.zip"),
        ("x", "evil_names", 65, r"U\+202E"),
    ],
)
def test_what_makes_no_dataset_is_refused_in_one_line(
    config, photos, tmp_path, monkeypatch, capsys, name, source, code, complaint
):
    """Nothing is written, and the line says what was expected, what was received and what to do."""
    monkeypatch.chdir(tmp_path)
    _make_bad_sources(tmp_path, photos)
    assert main(["dataset", "add", name, "--from", source]) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(complaint, line)
    assert PASSWORD not in line
    assert written(config) == ["cifar10", "fashion_mnist"]


def _make_bad_sources(folder, photos):
    (folder / "photos").symlink_to(photos)
    photo = next((photos / "bricks").glob("0*.jpg"))
    for name in ("empty", "no_images/a", "one_class", "only_corrupt/a", "only_corrupt/b", "evil_names/a\u202eb"):
        (folder / name).mkdir(parents=True)
    (folder / "no_images" / "a" / "notes.txt").write_text("none")
    shutil.copytree(photos / "bricks", folder / "one_class" / "bricks")
    for name in ("only_corrupt/a/1.jpg", "only_corrupt/b/1.jpg", "broken.zip"):
        (folder / name).write_bytes(b"no image")
    shutil.copy(photo, folder / "one_photo.jpg")
    shutil.copy(photo, folder / "evil_names" / "a\u202eb" / "1.jpg")
    make_mirror(folder / "mirror")
    (folder / "cifar").mkdir()
    (folder / "cifar" / "data_batch_1.bin").write_bytes(bytes(100))


def test_nothing_is_overwritten_and_only_ones_own_is_removed(config, photos, capsys):
    """A second `add` of a name leaves the file as it is; `remove` takes the file and nothing else."""
    arguments = ["dataset", "add", "shapes", "--from", str(photos)]
    assert main(arguments) == 0
    path = config / "datasets" / "shapes.toml"
    path.write_text(path.read_text() + "# mine\n")
    before = path.read_bytes()
    assert main(arguments) == 64
    assert "remove it first: .venv/bin/python -m tasks.local dataset remove shapes" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert main(["dataset", "remove", "shapes"]) == 0
    assert not path.exists()
    assert photos.exists()
    assert main(["dataset", "remove", "shapes"]) == 64
    assert "expected a dataset of your own" in capsys.readouterr().err


def test_a_dataset_of_the_project_stays(config, tmp_path, monkeypatch, capsys):
    """In a site's folder that is laid over the project's configuration, the project's own datasets are no one's own."""
    own = tmp_path / "own"
    (own / "datasets").mkdir(parents=True)
    monkeypatch.setenv("WORKFLOW_CONFIG", str(own))
    assert main(["dataset", "remove", "cifar10"]) == 64
    assert "found one of the project, which stays" in capsys.readouterr().err
    assert main(["dataset", "add", "cifar10", "--from", str(tmp_path)]) == 64
    assert "received that of a dataset of the project; choose another" in capsys.readouterr().err


def test_the_list_names_all_and_why_some_cannot_be_used(config, photos, capsys):
    """Every dataset that can be used has a row, and every other one a line with the reason."""
    main(["dataset", "add", "shapes", "--from", str(photos)])
    bad = [name for name, _ in broken_datasets(config / "datasets")]
    capsys.readouterr()
    assert main(["dataset", "list"]) == 0
    shown = capsys.readouterr().out
    assert all(re.search(rf"^│ {name} ", shown, re.MULTILINE) for name in ("cifar10", "fashion_mnist", "shapes"))
    assert all(f"{name} cannot be used: " in shown for name in bad)
    assert PASSWORD not in shown


def test_a_bad_file_can_be_removed(config, capsys):
    """Whoever broke a dataset's file gets rid of it by the same command; a folder is left to them."""
    (config / "datasets" / "mine.toml").write_text("title = ")
    (config / "datasets" / "folder.toml").mkdir()
    assert main(["dataset", "remove", "mine"]) == 0
    assert main(["dataset", "remove", "folder"]) == 64
    assert written(config) == ["cifar10", "fashion_mnist", "folder"]


def test_show_says_what_is_known_of_a_pinned_dataset(config, capsys):
    """Its TOML tells all; an unknown name gets the names that there are."""
    assert main(["dataset", "show", "cifar10"]) == 0
    shown = capsys.readouterr().out
    assert "images of 8 x 8 x 3; models of " in shown
    assert "3 classes: " in shown
    assert main(["dataset", "show", "cifar"]) == 64
    assert "expected one of cifar10, fashion_mnist; received 'cifar'" in capsys.readouterr().err


def test_a_folder_that_takes_no_file_is_said(config, photos, capsys):
    """Where the site's folder cannot be written, the line names the file."""
    shutil.rmtree(config / "datasets")
    (config / "datasets").write_text("a file")
    assert main(["dataset", "add", "shapes", "--from", str(photos)]) == 64
    assert "datasets/shapes.toml: expected to write a new file: " in capsys.readouterr().err
