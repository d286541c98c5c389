"""The loop for accelerators, against the one that takes steps one by one, on JAX' CPU: no test needs an accelerator.

`test_backends.py` runs this file in a process with that backend. Its tests share a folder for what JAX compiled, as
most of their time is the compiler's.
"""

import os
import signal
import subprocess
import sys
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

from tasks.learning.loops.pace import Pace, Pulse
from tasks.learning.loops.plan import Chance
from tasks.learning.loops.rhythm import Rhythm
from tasks.learning.loops.watch import Watch
from tasks.project import PROJECT
from tasks.settings.dataset import Augmentation
from tasks.settings.training import Training, Tricks
from tests.contract.learning.test_loop import EVERY_TRICK, FACTS, Notebook, data, variables, without_seconds
from tests.support.lazy import Lazy

jax = Lazy("jax")
loop = Lazy("tasks.learning.loop")
device = Lazy("tasks.learning.loops.device")
epochs = Lazy("tasks.learning.loops.epochs")
steps = Lazy("tasks.learning.loops.steps")
network = Lazy("tasks.learning.network")

pytestmark = pytest.mark.skipif(os.environ.get("KERAS_BACKEND") != "jax", reason="test_backends.py runs it under JAX")

# What the loops compute is the same, and the order in which a convolution sums is the compiler's choice.
TOLERANCES = {"ann": 1e-5, "cnn": 1e-3}
ALLOWED = Augmentation(flip=True, shift=2)
IMAGES = 300
BATCH = 32


class Diary:
    """Checkpoints in a folder, for a process that is killed."""

    def __init__(self, folder):
        self._file = Path(folder, "state")

    def latest(self):
        return self._file.read_bytes() if self._file.exists() else None

    def save(self, step, state):
        self._file.with_suffix(".new").write_bytes(state)
        self._file.with_suffix(".new").rename(self._file)


def trained(family, taken="epochs", seed=0, checkpoints=None, report=lambda line: None, **chosen):
    """A training of three epochs with every trick, and dropout."""
    chosen = {"dropout": 0.2, "learning_rate": 0.004} | chosen
    described = network.Description(**FACTS, family=family, hyperparameters=chosen, tricks=EVERY_TRICK)
    training = Training(replicates=1, epochs=3, batch_size=BATCH, deterministic=True, loop=taken, tricks=EVERY_TRICK)
    build = partial(network.assemble, described)
    recipe = loop.Recipe(training, ALLOWED, chosen, seed)
    return loop.fit(build, data(IMAGES, 1), data(90, 2), recipe, report, checkpoints)


@cache
def undisturbed(family):
    return trained(family)


def assert_equal(one, other):
    """Every variable and every line of the history, bit by bit."""
    assert without_seconds(one.history) == without_seconds(other.history)
    assert all(map(np.array_equal, variables(one.model), variables(other.model)))


@pytest.mark.parametrize("family", ["ann", "cnn"])
def test_both_loops_take_the_same_steps(family):
    """With flip, shift, erasing, mixtures, dropout and averaging, weights and history are equal within rounding."""
    one, other = trained(family, "steps"), undisturbed(family)
    for mine, theirs in zip(variables(one.model), variables(other.model), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=TOLERANCES[family])
    for line, same in zip(without_seconds(one.history), without_seconds(other.history), strict=True):
        assert line == pytest.approx(same, abs=TOLERANCES[family])
    assert int(other.model.optimizer.iterations) == 3 * (IMAGES // BATCH)
    assert min(other.train_seconds, other.setup_seconds, other.validation_seconds) > 0


def test_the_device_alters_images_as_the_processor_does():
    """Bit by bit, whatever is asked for."""
    images = np.random.default_rng(0).integers(0, 256, (40, 9, 7, 3), np.uint8)
    for augmentation, tricks in (
        (ALLOWED, EVERY_TRICK),
        (Augmentation(flip=True), Tricks()),
        (Augmentation(shift=3), Tricks()),
        (Augmentation(), Tricks(erasing=20)),
        (Augmentation(), Tricks(mixup=1.0)),
        (Augmentation(), Tricks()),
    ):
        chance = Chance(40, 9, 7, Rhythm(20, 1, 2), augmentation, tricks, 5)
        plan, host = chance.plan(1), steps.Steps.__new__(steps.Steps)
        host._train, host._classes, host._side = (images, np.arange(40) % 5), 5, chance.side
        call = jax.jit(partial(device.altered, chance=chance))
        for n, (batch, wanted) in enumerate(host._batches(plan)):
            step = jax.tree.map(lambda each, n=n: each[n], plan)
            found, mixed = call(images[step.rows], np.eye(5, dtype=np.float32)[step.rows % 5], step)
            assert np.array_equal(found, batch)
            np.testing.assert_allclose(mixed, wanted, atol=1e-6)


@pytest.mark.parametrize("family", ["ann", "cnn"])
def test_a_seed_gives_the_same_weights_and_another_seed_others(family):
    """Two trainings are equal, bit by bit."""
    assert_equal(trained(family), undisturbed(family))
    other = trained(family, seed=1).model.get_weights()
    assert not all(map(np.array_equal, other, undisturbed(family).model.get_weights()))


def test_an_epoch_in_chunks_is_the_whole_one(monkeypatch):
    """Images that do not fit on the device come in several chunks, and the training is the same."""
    monkeypatch.setattr(epochs, "RESIDENT", 0)
    monkeypatch.setattr("tasks.learning.mapped.PIECE", 4 * BATCH * 64)
    monkeypatch.setattr(epochs, "VALIDATION_BATCH", 32)
    lines = []
    monkeypatch.setattr(loop, "PULSE_SECONDS", 0)
    monkeypatch.setattr("tasks.learning.loops.pace.SHARE", 1e9)
    chunked, whole = trained("ann", report=lines.append), undisturbed("ann")
    assert [line.split(", ")[1] for line in lines[:3]] == [
        "44 %",
        "89 %",
        f"val_accuracy {chunked.history[0]['val_accuracy']:.3f}",
    ]
    for mine, theirs in zip(variables(chunked.model), variables(whole.model), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=TOLERANCES["ann"])
    for line, same in zip(without_seconds(chunked.history), without_seconds(whole.history), strict=True):
        assert line == pytest.approx(same, abs=TOLERANCES["ann"])


def test_the_next_chunk_is_read_while_the_present_one_computes(monkeypatch):
    """Nobody waits for a call before the images of the next one are on their way, and no more of them wait."""
    monkeypatch.setattr(epochs, "RESIDENT", 0)
    monkeypatch.setattr("tasks.learning.mapped.PIECE", 3 * BATCH * 64)
    told = []
    monkeypatch.setattr(epochs, "_put", lambda *arrays: told.append("read") or arrays)
    monkeypatch.setattr(epochs.Epochs, "_call", lambda *arguments: lambda state, *chunk: (state, Call(told)))
    monkeypatch.setattr(epochs.Epochs, "_keep", lambda self, state: None)
    model = network.assemble(network.Description(**FACTS, family="ann"))
    training = Training(replicates=1, epochs=1, batch_size=BATCH, loop="epochs")
    pulse = Pulse(lambda line: None, 5.0)
    session = loop._Session(model, data(IMAGES, 1), data(90, 2), loop.Recipe(training, ALLOWED, {}, 0), pulse)
    session._loop.train(session._chance.plan(1), Watch(pulse))
    assert told == ["read", "called", "read", "called", "awaited", "read", "called", "awaited"]


class Call(dict):
    """What a call promised, which tells when somebody waits for it."""

    def __init__(self, told):
        told.append("called")
        super().__init__(loss=Promised(told), accuracy=Promised(told))


class Promised(list):
    def __init__(self, told):
        super().__init__([0.0])
        self._told = told

    def __getitem__(self, place):
        self._told.append("awaited")
        return 0.0


def test_a_validation_in_batches_has_the_mean_of_all(monkeypatch):
    """Also where the last batch is smaller, or is all there is."""
    found = []
    for batch in (90, 1024, 40):
        monkeypatch.setattr(epochs, "VALIDATION_BATCH", batch)
        found.append([{name: line[name] for name in ("val_loss", "val_accuracy")} for line in trained("ann").history])
    for other in found[1:]:
        assert other == [pytest.approx(line, rel=1e-5) for line in found[0]]


def test_a_killed_training_goes_on_as_if_it_had_not_been(tmp_path):
    """SIGKILL ends a process after its second epoch; the next one takes the same last steps, bit by bit."""
    command = [sys.executable, "-m", "tests.contract.learning.loops.test_epochs", str(tmp_path)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        assert any(line.startswith("epoch 3 begins") for line in process.stdout)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    lines = []
    resumed = trained("ann", checkpoints=Diary(tmp_path), report=lines.append)
    assert lines[0] == "goes on after epoch 2/3"
    assert_equal(resumed, undisturbed("ann"))


@pytest.mark.parametrize("family", ["ann", "cnn"])
def test_a_resumed_training_is_the_undisturbed_one_bit_by_bit(family, monkeypatch):
    """From any epoch, the optimizer's state and dropout's seeds included."""
    monkeypatch.setattr(Pace, "allows", lambda pace: True)
    kept = Notebook()
    trained(family, checkpoints=kept)
    for done, state in enumerate(kept.states, 1):
        again, lines = Notebook(), []
        again.save(0, state)
        assert_equal(trained(family, checkpoints=again, report=lines.append), undisturbed(family))
        assert lines[0] == f"goes on after epoch {done}/3"


def test_seeds_of_one_shape_share_a_compilation():
    """Another process with another seed finds what the first one compiled; another learning rate does not."""
    undisturbed("ann")
    before = compiled()
    trained("ann", seed=7)
    assert compiled() == before
    trained("ann", learning_rate=0.02)
    assert compiled() > before


def test_a_compilation_that_was_cut_short_is_done_again():
    """A process that is killed while it keeps what it compiled leaves a torn file, which no other takes for whole."""
    undisturbed("ann")
    for file in compiled():
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2])
    jax.clear_caches()
    try:
        with pytest.warns(UserWarning, match="Error reading persistent compilation cache"):
            again = trained("ann")
    finally:
        for file in compiled():
            file.unlink()
    assert_equal(again, undisturbed("ann"))


def compiled():
    """The files of compiled epochs."""
    return {*Path(os.environ["JAX_COMPILATION_CACHE_DIR"]).glob("jit__trained-*-cache")}


def test_divergence_is_an_error_that_says_so():
    """A loss that is no number is not a result."""
    with pytest.raises(loop.DivergenceError, match="expected a finite loss"):
        trained("ann", learning_rate=float("nan"))


if __name__ == "__main__":
    # The third epoch never ends: whoever started this process kills it then.
    plan = Chance.plan

    def wait_in_the_third(self, epoch):
        if epoch == 3:
            print("epoch 3 begins", flush=True)
            signal.pause()
        return plan(self, epoch)

    Chance.plan, Pace.allows = wait_in_the_third, lambda pace: True
    trained("ann", checkpoints=Diary(sys.argv[1]))
