"""`predict` with really trained models: the answers of `evaluate`, from wherever the images come."""

import io
import json
import re
import tarfile
from uuid import uuid4

import boto3
import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet

from tasks.data import arrays
from tasks.learning.temperature import apply
from tasks.registry.champions import ledger
from tasks.registry.champions.candidates import candidate_of
from tasks.registry.trained import artifact
from tasks.storage.artifacts import materialized, read_file
from tasks.storage.location import open_store
from tests.support import champions
from tests.support.real_run import make_environment, make_run
from tests.support.stage_commands import in_this_process, speaking

CLASSES = ["left", "right", "below"]
OTHER = 1  # the seed under which the champion also has the model of another run


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A store with two runs, and a champion: the model of the first run, and as another seed that of the second."""
    environment = make_environment(tmp_path_factory.mktemp("runs"))
    make_run(environment, "r1")
    make_run(environment, "r2", epochs=2)
    store = open_store(environment["STORE"])
    first, second = (candidate_of(store, run, "cifar10") for run in ("r1", "r2"))
    both = first.artifacts | {f"train/seed-{OTHER}": second.artifacts["train/seed-0"]}
    model = first.model_copy(update={"seeds": (0, OTHER), "artifacts": both})
    ledger.append(store, champions.entry(1, model=model, export=None))
    return environment


@pytest.fixture(scope="module")
def store(environment):
    return open_store(environment["STORE"])


@pytest.fixture
def typed(environment, caplog):
    """`python -m tasks predict ...` in this process: its exit code, and what it logged."""
    command = speaking(environment, caplog)
    return lambda *arguments, **changes: command("predict", *map(str, arguments), **changes)


@pytest.fixture(scope="module")
def images(store):
    """The images of the test part, uint8 [60, 8, 8, 3]."""
    data = artifact(store, candidate_of(store, "r1", "cifar10"), "normalize")
    with materialized(store, data, arrays.files("test")) as folder:
        return np.array(arrays.read(folder, "test").images)


@pytest.fixture(scope="module")
def test_part(images, tmp_path_factory):
    """A folder with the test part as PNG files, in its order."""
    folder = tmp_path_factory.mktemp("test part")
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:03}.png")
    return folder


def evaluated(store, run):
    """What `evaluate` found of the model of a run: its probabilities on the test part, and its temperature."""
    evaluation = artifact(store, candidate_of(store, run, "cifar10"), "evaluate")
    (replicate,) = json.loads(read_file(store, evaluation, "metrics.json"))["replicates"]
    with np.load(io.BytesIO(read_file(store, evaluation, "seed-0.npz"))) as kept:
        return kept["y_prob"], replicate["temperature"]


def expected(probabilities):
    """The three classes and probabilities of each image, in turn, as a row of answers has them."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    return [
        tuple(value for place in places for value in (CLASSES[place], float(row[place])))
        for places, row in zip(order, probabilities, strict=True)
    ]


def told(path):
    """Classes and probabilities of a file of answers."""
    return [tuple(row.values())[1:7] for row in parquet.read_table(path).to_pylist()]


@pytest.mark.parametrize("options", [(), ("--model", "r1/ann"), ("--model", "r1/ann/5000")])
def test_on_the_test_part_the_answers_are_those_of_evaluate(typed, store, test_part, tmp_path, options):
    """Bit by bit: they are the probabilities that `evaluate` kept, at the temperature that it fitted."""
    probabilities, temperature = evaluated(store, "r1")
    assert temperature != 1
    output = tmp_path / "a.parquet"
    assert typed("cifar10", test_part, *options, "--output", output).code == 0
    assert told(output) == expected(apply(probabilities, temperature))
    names = parquet.read_table(output, columns=["name"])["name"].to_pylist()
    assert names == [str(path) for path in sorted(test_part.iterdir())]


def test_another_run_answers_in_place_of_the_champion(typed, store, test_part, tmp_path):
    """`latest` is the newest run."""
    for name in ("r2", "latest"):
        assert typed("cifar10", test_part, "--model", f"{name}/ann", "--output", tmp_path / "a.parquet").code == 0
        assert told(tmp_path / "a.parquet") == expected(apply(*evaluated(store, "r2")))


def test_an_ensemble_is_the_mean_of_all_seeds(typed, store, test_part, tmp_path):
    """Each seed at its own temperature; where none is known, as it is."""
    assert typed("cifar10", test_part, "--ensemble", "--output", tmp_path / "a.parquet").code == 0
    mean = np.mean([apply(*evaluated(store, "r1")), evaluated(store, "r2")[0]], axis=0)
    assert told(tmp_path / "a.parquet") == expected(mean)


def test_what_is_no_image_is_a_line_and_the_exit_code_says_so(typed, store, test_part, tmp_path, capfd):
    """The others are answered as without it, and the last line counts."""
    (tmp_path / "text.png").write_text("no image")
    said = typed("cifar10", tmp_path / "text.png", test_part, tmp_path / "none.png", "--output", tmp_path / "a.parquet")
    assert said.code == 65
    assert said.output.rstrip().endswith("predict: 2 of 62 files could not be read")
    assert told(tmp_path / "a.parquet")[1:-1] == expected(apply(*evaluated(store, "r1")))
    errors = parquet.read_table(tmp_path / "a.parquet", columns=["error"])["error"].to_pylist()
    assert [error for error in errors if error] == [
        "not an image in PNG, JPEG, WebP, BMP, TIFF or GIF",
        "No such file or directory",
    ]
    assert "asking champion 1 of cifar10: ann of r1 (5,000 parameters)" in capfd.readouterr().err


def test_a_terminal_gets_a_line_for_each_file(typed, test_part, capfd):
    """Under a head, with percentages."""
    assert typed("cifar10", test_part / "000.png", test_part / "001.png").code == 0
    head, *rows = capfd.readouterr().out.splitlines()
    assert head.split() == ["class", "second", "third", "name"]
    assert [row.rpartition("/")[2] for row in rows] == ["000.png", "001.png"]
    assert all(re.match(r"(left|right|below) +\d+\.\d\d%  ", row) for row in rows)


def test_the_objects_below_a_prefix_are_answered_as_files_are(typed, s3_environment, store, test_part, tmp_path):
    """So is an archive that is one object; where nothing lies, the reason says so, and the others go on."""
    client, prefix = boto3.client("s3"), uuid4().hex
    with tarfile.open(tmp_path / "all.tar.gz", "w:gz") as packed:
        for path in sorted(test_part.iterdir()):
            packed.add(path, path.name)
            client.upload_file(str(path), "like-for-like", f"{prefix}/images/ä {path.name}")
    client.upload_file(str(tmp_path / "all.tar.gz"), "like-for-like", f"{prefix}/all.tar.gz")
    client.put_object(Bucket="like-for-like", Key=f"{prefix}/images/.hidden", Body=b"x")
    top, output = f"s3://like-for-like/{prefix}", tmp_path / "a.parquet"
    answers = expected(apply(*evaluated(store, "r1")))
    for address, first in ((f"{top}/images/", "ä 000.png"), (f"{top}/all.tar.gz", "/000.png")):
        assert typed("cifar10", address, "--output", output).code == 0
        assert told(output) == answers
        assert parquet.read_table(output)["name"][0].as_py() == f"{address}{first}"
    one = f"{top}/images/ä 001.png"
    assert typed("cifar10", f"{top}/nothing/", one, "s3://no-such-bucket/x/", "--output", output).code == 65
    table = parquet.read_table(output).to_pylist()
    assert [row["name"] for row in table] == [f"{top}/nothing/", one, "s3://no-such-bucket/x/"]
    assert table[0]["error"] == "expected files, found none"
    assert table[1]["class"] == answers[1][0]
    assert "NoSuchBucket" in table[2]["error"]
    assert "correct the address" in table[2]["error"]


def test_an_image_of_another_size_is_brought_to_the_shape_of_the_arrays(typed, images, tmp_path):
    """A dataset of arrays has no canvas: the image covers its shape, and what is too much is cut off."""
    twice = images[0].repeat(2, axis=0).repeat(2, axis=1)
    Image.fromarray(images[0]).save(tmp_path / "as-it-is.png")
    Image.fromarray(np.pad(twice, ((0, 0), (9, 9), (0, 0)))).save(tmp_path / "large.png")
    Image.fromarray(images[0].mean(axis=2).astype(np.uint8)).save(tmp_path / "grey.png")
    assert typed("cifar10", tmp_path, "--output", tmp_path / "a.parquet").code == 0
    assert len(told(tmp_path / "a.parquet")) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("fashion_mnist", "x.png"), "champion promote RUN --dataset fashion_mnist"),
        (("Cifar 10", "x.png"), "expected the name of a dataset"),
        (("cifar10", ""), "received an empty one"),
        (("cifar10", "x.png", "--model", "r1"), "expected RUN/FAMILY or RUN/FAMILY/BUDGET, received 'r1'"),
        (("cifar10", "x.png", "--model", "r9/ann"), "expected a run with a report, received 'r9'"),
        (("cifar10", "x.png", "--model", "r1/cnn"), "it has cifar10 ann 5,000"),
        (("cifar10", "x.png", "--engine", "onnx"), "expected an export beside champion 1 of cifar10"),
        (("cifar10", "x.png", "--engine", "onnx", "--ensemble"), "expected no --ensemble"),
        (("cifar10", "x.png", "--engine", "onnx", "--model", "r1/ann"), "expected no --model"),
        (("cifar10", "x.png", "--output", "a.txt"), "expected a name that ends with .csv, .jsonl, .parquet"),
        (("cifar10", "x.png", "--output", "none/a.csv"), "expected the name of a file in a folder that is there"),
    ],
)
def test_what_cannot_be_asked_is_refused(typed, arguments, words):
    """With exit code 64, and words that say what to do."""
    said = typed(*arguments)
    assert said.code == 64
    assert words in said.output


def test_code_that_builds_another_network_is_refused(typed, monkeypatch, test_part):
    """Weights of another size are never used. This champion has no export, so none is advised."""

    def load(folder):
        raise ValueError

    monkeypatch.setattr("tasks.learning.network.load", load)
    said = typed("cifar10", test_part)
    assert said.code == 64
    assert "use the release of that run, or train it again" in said.output
    assert "--engine onnx" not in said.output


def test_too_little_memory_is_one_line(typed, monkeypatch, test_part, tmp_path):
    """1, as a smaller batch helps; no answers are left half."""

    def pixels(picture):
        raise MemoryError

    monkeypatch.setattr("tasks.registry.prediction.answers.pixels", pixels)
    said = typed("cifar10", test_part, "--output", tmp_path / "a.csv")
    assert said.code == 1
    assert said.output.rstrip().endswith("for a batch of 512 images, found too little; lower --batch")
    assert not [*tmp_path.iterdir()]


def test_no_names_on_standard_input_are_an_error(typed, monkeypatch):
    """A pipe that brought nothing is no success."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\n")))
    said = typed("cifar10", "-")
    assert said.code == 65
    assert "received no name of one" in said.output


def test_a_lost_model_is_named(environment, store, caplog, test_part):
    """What the store does not have any more ends with 65, and says what it was."""
    model = candidate_of(store, "r1", "cifar10").model_copy(update={"dataset": "fashion_mnist"})
    ledger.append(store, champions.entry(1, model=model.model_copy(update={"artifacts": {}})))
    with caplog.at_level("INFO"):
        assert in_this_process(environment, "predict", "fashion_mnist", str(test_part)) == 65
    assert (
        "expected the artifact normalize of r1, fashion_mnist, ann, found none; run the workflow again" in caplog.text
    )
    (key,) = store.list("champions/fashion_mnist/")
    store.delete(key)
