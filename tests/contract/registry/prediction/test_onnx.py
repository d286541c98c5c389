"""`predict --engine onnx` in a process of its own: an exported model, and nothing of what trained it."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from tasks.data.arrays import FACTS
from tasks.project import PROJECT
from tasks.registry.champions import ledger
from tasks.storage.artifacts import commit
from tests.support import champions
from tests.support.champions import DATASET
from tests.support.patience import PATIENCE
from tests.support.stage_commands import in_a_process

CLASSES = ["red", "green", "blue"]


@pytest.fixture
def exported(tmp_path, store):
    """A champion whose exported model answers with the most of an image's colours; the environment that leads to it."""
    normalized, model = tmp_path / "normalized", tmp_path / "model"
    for folder in (normalized, model):
        folder.mkdir()
    (normalized / FACTS).write_text(json.dumps({"classes": CLASSES, "shape": [4, 4, 3]}))
    onnx.save(_model(), model / "model.onnx")
    made = {"settings": {}}
    data = commit(store, "normalize", "n" * 40, normalized, made, {})
    commit(store, "export", "e" * 40, model, made, {})
    named = champions.model(artifacts={"normalize": data.key})
    ledger.append(store, champions.entry(1, model=named, export="e" * 40))
    return {"STORE": store.uri}


def _model():
    """From images, uint8 [n, 4, 4, 3], to the softmax of the mean of each channel, [n, 3]."""
    nodes = [
        helper.make_node("Cast", ["images"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["numbers"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("Softmax", ["means"], ["probabilities"], axis=1),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", 4, 4, 3])
    probabilities = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 3])
    graph = helper.make_graph(nodes, "colours", [images], [probabilities])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


@pytest.fixture
def pictures(tmp_path):
    """Five images, each of one colour."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, channel in enumerate((2, 0, 1, 1, 2)):
        pixels = np.zeros((4, 4, 3), np.uint8)
        pixels[..., channel] = 1 + number
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def test_an_export_answers(exported, pictures, tmp_path):
    """With its own classes, in batches, from the images as they are."""
    output = tmp_path / "a.jsonl"
    options = ("--engine", "onnx", "--batch", "2", "--output", str(output))
    done = in_a_process(exported, "predict", DATASET, str(pictures), *options)
    assert done.code == 0, done.output
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["class"] for row in rows] == ["blue", "red", "green", "green", "blue"]
    assert rows[0]["probability"] == pytest.approx(np.e / (np.e + 2))
    assert rows[0]["second"] == "red"


def test_it_imports_nothing_that_trains(exported, pictures, tmp_path):
    """Neither TensorFlow nor Keras nor SciPy, which take seconds, is imported by the whole command."""
    script = (
        "import sys; from tasks.__main__ import main; "
        f"code = main(['predict', {DATASET!r}, {str(pictures)!r}, '--engine', 'onnx']); "
        "print('imported:', sorted({'tensorflow', 'keras', 'keras_tuner', 'jax', 'scipy', 'sklearn', 'boto3', "
        "'matplotlib', 'onnx'} & sys.modules.keys())); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=PROJECT, env=os.environ | exported, timeout=PATIENCE, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "imported: []" in done.stdout


def test_its_use_is_told_to_nobody(exported, pictures, tmp_path):
    """ONNX Runtime leaves no number of this machine and no list of what it would send."""
    home = tmp_path / "home"
    home.mkdir()
    places = {name: str(home) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")}
    done = in_a_process(exported | places | {"CI": ""}, "predict", DATASET, str(pictures), "--engine", "onnx")
    assert done.code == 0, done.output
    assert [*home.rglob("*")] == []


def test_a_lost_export_is_named(exported, pictures, store):
    """With exit code 65, and what to do."""
    store.delete(f"artifacts/export/{'e' * 40}/manifest.json")
    done = in_a_process(exported, "predict", DATASET, str(pictures), "--engine", "onnx")
    assert done.code == 65
    assert "expected model.onnx in artifacts/export/" in done.output


def on(exported, streams, *arguments):
    """The command as a shell starts it, with `streams` in the shell's words; its two streams, where they are read."""
    line = ["sh", "-c", f'exec "$@" {streams}', "sh", sys.executable, "-m", "tasks", "predict", DATASET, *arguments]
    place = {"cwd": PROJECT, "env": os.environ | exported, "timeout": PATIENCE}
    return subprocess.run([*line, "--engine", "onnx"], capture_output=True, text=True, check=False, **place)


def test_answers_alone_stand_on_standard_output(exported, pictures, tmp_path):
    """What is logged and counted goes to standard error; after a refusal nothing stands there."""
    (tmp_path / "text.png").write_text("no image")
    done = on(exported, "", f"{pictures}/0.png", f"{tmp_path}/text.png")
    assert done.returncode == 65
    head, answer, reason = done.stdout.splitlines()
    assert (head.split()[-1], answer.split()[0], reason.partition(": ")[0]) == ("name", "blue", f"{tmp_path}/text.png")
    assert done.stderr.splitlines()[-1].endswith(" predict: 1 of 2 files could not be read")
    refused = on(exported, "", "")
    assert (refused.returncode, refused.stdout) == (64, "")
    assert "PATH: expected the name of a file or a folder, received an empty one" in refused.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("streams", "arguments", "code", "words"),
    [
        (">/dev/full", ["0.png"], 1, "No space left on device"),
        (">&-", ["0.png"], 64, "expected an open standard output"),
        ("<&-", ["-"], 65, "received no name of one"),
        ("<&-", ["0.png"], 0, ""),
        ("</dev/null", ["-"], 65, "received no name of one"),
    ],
)
def test_streams_that_cannot_be_used_are_one_line(exported, pictures, streams, arguments, code, words, unbuffered):
    """A full disk, closed streams and an empty one: no traceback, and the exit code of the fault."""
    named = [name if name == "-" else f"{pictures}/{name}" for name in arguments]
    done = on(exported | {"PYTHONUNBUFFERED": unbuffered}, streams, *named)
    assert done.returncode == code, done.stderr
    said = [line for line in done.stderr.splitlines() if " predict: " in line]
    assert [words in line for line in said] == [True] * bool(code), done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_nobody_reads_the_answers(exported, pictures, unbuffered):
    """The reader is gone before the first line: that is no fault of anybody."""
    reader, writer = os.pipe()
    os.close(reader)
    line = [sys.executable, "-m", "tasks", "predict", DATASET, str(pictures), "--engine", "onnx"]
    place = {"cwd": PROJECT, "env": os.environ | exported | {"PYTHONUNBUFFERED": unbuffered}, "timeout": PATIENCE}
    done = subprocess.run(line, stdout=writer, stderr=subprocess.PIPE, text=True, check=False, **place)
    os.close(writer)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_ctrl_c_is_one_word(exported, pictures, tmp_path):
    """And nothing is left beside the file that would have been written."""
    line = ["predict", DATASET, "-", "--engine", "onnx", "--output", str(tmp_path / "answers.csv")]
    place = {"cwd": PROJECT, "env": os.environ | exported, "text": True}
    pipes = dict.fromkeys(("stdin", "stderr"), subprocess.PIPE)
    before = {*tmp_path.iterdir()}
    with subprocess.Popen([sys.executable, "-m", "tasks", *line], **place, **pipes) as process:
        while not [*tmp_path.rglob("answers.csv")]:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said.splitlines()[-1]) == (130, "interrupted")
    assert "Traceback" not in said
    assert {*tmp_path.iterdir()} == before


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_killed_one_leaves_no_half_of_a_file(exported, pictures, tmp_path, suffix):
    """Killed after some answers, it leaves the earlier file; the next one takes away what it left beside that."""
    folder = tmp_path / "answers"
    folder.mkdir()
    output = folder / f"a.{suffix}"
    output.write_text("earlier")
    line = ["predict", DATASET, "-", "--engine", "onnx", "--batch", "1", "--output", str(output)]
    place = {"cwd": PROJECT, "env": os.environ | exported, "text": True, "stdin": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-m", "tasks", *line], **place) as process:
        process.stdin.write(f"{pictures}/0.png\n{pictures}/1.png\n")
        process.stdin.flush()
        while not [path for path in folder.rglob("*") if path.name == output.name and path != output]:
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
    assert output.read_text() == "earlier"
    assert len([*folder.iterdir()]) == 2
    done = in_a_process(exported, *[f"{pictures}/0.png" if word == "-" else word for word in line])
    assert done.code == 0, done.output
    assert [*folder.iterdir()] == [output]
    assert output.read_bytes() != b"earlier"


def test_a_reader_that_has_seen_enough_ends_it(exported, pictures):
    """As `head` does: what reads the lines goes, and the command ends without a word."""
    line = [sys.executable, "-m", "tasks", "predict", DATASET, "-", "--engine", "onnx", "--batch", "1"]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(line, cwd=PROJECT, env=os.environ | exported, text=True, **pipes) as process:
        name = f"{pictures}/0.png\n"
        process.stdin.write(name)
        process.stdin.flush()
        assert [process.stdout.readline().split()[0] for _ in range(2)] == ["class", "blue"]
        process.stdout.close()
        process.stdin.write(2 * name)
        process.stdin.close()
        said = process.stderr.read()
        assert process.wait(PATIENCE) == 0, said
    told = ("asking champion 1 of ", "not used, as they could change results: ")
    slow = ("loading the model (", "reading the first images", "1 files are done")  # on a slow machine alone
    assert [line for line in said.splitlines() if not line.startswith(told + slow)] == []
