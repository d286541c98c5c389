"""Training on data that a network can learn in seconds."""

import io
import json
import re
import time
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
import pytest

from tasks.learning.loops.pace import Pace
from tasks.settings.dataset import Augmentation
from tasks.settings.training import Training, Tricks
from tests.support.lazy import Lazy

keras = Lazy("keras")
loop = Lazy("tasks.learning.loop")
network = Lazy("tasks.learning.network")
optimizers = Lazy("tasks.learning.optimizers")
steps = Lazy("tasks.learning.loops.steps")

FACTS = {"shape": (8, 8, 1), "classes": 3, "budget": 6_000, "mean": (90,), "std": (50,)}
TRICKS = Tricks()
TRAINING = Training(replicates=1, epochs=3, batch_size=32, deterministic=True)


def data(n, seed):
    """Noise whose brightness tells the class."""
    generator = np.random.default_rng(seed)
    labels = (np.arange(n) % 3).astype(np.uint8)
    return (generator.integers(0, 60, (n, 8, 8, 1)) + 80 * labels[:, None, None, None]).astype(np.uint8), labels


def trained(
    family="cnn",
    seed=0,
    report=lambda line: None,
    train=None,
    checkpoints=None,
    validation=None,
    tricks=TRICKS,
    epochs=3,
    **chosen,
):
    facts = {"family": family, "hyperparameters": chosen, "tricks": tricks}
    build = partial(network.assemble, network.Description(**FACTS, **facts))
    training = TRAINING.model_copy(update={"tricks": tricks, "epochs": epochs})
    recipe = loop.Recipe(training, Augmentation(flip=True, shift=1), chosen, seed)
    return loop.fit(build, train or data(300, 1), validation or data(90, 2), recipe, report, checkpoints)


class Learned(NamedTuple):
    """A training that nothing disturbed, and what it told."""

    result: Any
    lines: list[str]


@pytest.fixture(scope="module", params=["ann", "cnn"])
def learned(request):
    """One training of each family, for all that look at one and change nothing."""
    return learn(request.param)


@cache
def learn(family):
    lines = []
    return Learned(trained(family, report=lines.append, learning_rate=0.004), lines)


def test_a_network_learns_and_its_epochs_are_told(learned):
    """Every epoch has its line, in the history and in the report, and the clocks add up."""
    result, lines = learned
    assert result.history[-1]["val_accuracy"] > 0.6
    assert [line["epoch"] for line in result.history] == [1, 2, 3]
    assert set(result.history[0]) == {
        "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds",
    }  # fmt: skip
    assert lines[-1] == f"epoch 3/3, val_accuracy {result.history[-1]['val_accuracy']:.3f}"
    assert result.train_seconds == pytest.approx(sum(line["seconds"] for line in result.history))
    assert min(result.train_seconds, result.setup_seconds, result.validation_seconds, result.cpu_seconds) > 0
    assert result.peak_memory_bytes > 50_000_000  # of the libraries alone


def test_the_learning_rate_makes_one_cycle():
    """It rises from zero, and falls to zero at the last step."""
    result = learn("cnn").result
    rates = [line["learning_rate"] for line in result.history]
    assert rates[0] == 0
    assert 0 < rates[2] < rates[1] <= 0.004
    assert float(result.model.optimizer.learning_rate) == pytest.approx(0, abs=1e-6)


def test_a_seed_gives_the_same_weights_and_another_seed_others():
    """Two deterministic trainings are equal, weight by weight."""
    again, other = (trained(seed=seed, learning_rate=0.004).model.get_weights() for seed in (0, 1))
    first = learn("cnn").result.model.get_weights()
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert not all(np.array_equal(one, two) for one, two in zip(first, other, strict=True))


def test_fewer_images_than_a_batch_still_train():
    """The batch shrinks to what there is."""
    assert len(trained("ann", train=data(12, 3)).history) == 3


def test_divergence_is_an_error_that_says_so():
    """A loss that is no number is not a result."""
    with pytest.raises(loop.DivergenceError, match="expected a finite loss"):
        trained("ann", learning_rate=float("nan"))


def test_the_optimizer_has_defaults_and_takes_what_it_is_given():
    """Architecture choices among the hyper-parameters are not the optimizer's business."""
    plain, chosen = (optimizers.optimizer_from(given) for given in ({}, {"depth": 3, "learning_rate": 0.003}))
    assert chosen._replace(learning_rate=0) == plain._replace(learning_rate=0)
    assert chosen.learning_rate == 0.003


def test_augmentation_is_what_the_dataset_allows_and_the_settings_want():
    """Neither side alone decides; shifting can be limited on its own, since short runs do better without it."""
    allowed = Augmentation(flip=True, shift=2)
    recipe = loop.Recipe(TRAINING, allowed, {}, 0)
    assert loop._wanted(recipe) == allowed
    for change, expected in (
        ({"augment": False}, Augmentation()),
        ({"shift_limit": 1}, Augmentation(flip=True, shift=1)),
        ({"shift_limit": 9}, allowed),
    ):
        assert loop._wanted(recipe._replace(training=TRAINING.model_copy(update=change))) == expected


@pytest.mark.parametrize("family", ["ann", "cnn"])
def test_no_image_of_the_validation_part_enters_a_weight(family):
    """Poisoned validation images change what is measured on them, and no weight: no start, no step."""
    images, labels = data(90, 2)
    clean = learn(family).result
    poisoned = trained(family, validation=(np.full_like(images, 255), labels), learning_rate=0.004)
    assert clean.history[-1]["val_loss"] != poisoned.history[-1]["val_loss"]
    for one, other in zip(clean.model.get_weights(), poisoned.model.get_weights(), strict=True):
        assert np.array_equal(one, other)


def test_averaging_ends_with_the_mean_of_the_way():
    """The final weights are the moving average of the weights after every step, against the recursion in float64."""
    decay, way = 0.8, []
    averaged = optimizers.optimizer("adamw", 0.1, 0.0, decay, steps=10)
    weight = keras.Variable(np.array([1.0, -2.0], np.float32))
    averaged.build([weight])
    for step in range(10):
        averaged.apply([keras.ops.convert_to_tensor(np.array([step - 4.0, 1.0], np.float32))], [weight])
        way.append(np.asarray(weight, np.float64))
    expected = way[0]
    for value in way[1:]:
        expected = decay * expected + (1 - decay) * value
    averaged.finalize_variable_values([weight])
    assert np.allclose(np.asarray(weight), expected, atol=1e-6)
    assert not np.allclose(expected, way[-1], atol=1e-3)


def test_an_averaged_training_is_validated_with_its_final_weights():
    """The last line of the history is the model that is handed over."""
    result = trained("ann", tricks=Tricks(averaging=0.5))
    images, labels = data(90, 2)
    accuracy = (result.model.predict(images, verbose=0).argmax(axis=1) == labels).mean()
    assert result.history[-1]["val_accuracy"] == pytest.approx(accuracy, abs=1e-6)


class Interrupted(Exception):  # noqa: N818 - an event
    """What ends a training in the middle."""


class Notebook:
    """Checkpoints in memory, every one of them."""

    def __init__(self):
        self.states = []

    def latest(self):
        return self.states[-1] if self.states else None

    def save(self, step, state):
        self.states.append(state)


EVERY_TRICK = Tricks(averaging=0.9, mixup=0.5, erasing=3)
NO_TRICK = Tricks(optimizer="adamw", whitening=False, identity=False, alternating_flip=False)


@pytest.mark.parametrize("family", ["ann", "cnn"])
@pytest.mark.parametrize("tricks", [EVERY_TRICK, NO_TRICK], ids=["every-trick", "no-trick"])
def test_a_resumed_training_is_the_undisturbed_one_bit_by_bit(family, tricks, monkeypatch):
    """From any epoch: equal weights, optimizer state, steps and history; augmentation and dropout draw the same."""
    monkeypatch.setattr(Pace, "allows", lambda pace: True)
    kept = Notebook()
    wish = {"tricks": tricks, "dropout": 0.2, "epochs": 2}
    whole = trained(family, checkpoints=kept, **wish)
    assert len(kept.states) == 2
    for done, state in enumerate(kept.states, 1):
        again, lines = Notebook(), []
        again.save(0, state)
        resumed = trained(family, checkpoints=again, report=lines.append, **wish)
        assert lines[0] == f"goes on after epoch {done}/2"
        assert len([line for line in lines if "val_accuracy" in line]) == 2 - done
        assert without_seconds(resumed.history) == without_seconds(whole.history)
        assert resumed.history[:done] == whole.history[:done]
        assert int(resumed.model.optimizer.iterations) == int(whole.model.optimizer.iterations) == 2 * (300 // 32)
        for one, other in zip(variables(resumed.model), variables(whole.model), strict=True):
            assert np.array_equal(one, other)


def test_signs_of_life_from_within_an_epoch_change_no_bit(monkeypatch):
    """A training that speaks after every step has the weights of a silent one, and says how far its epoch is."""
    silent, lines = learn("cnn").result, []
    monkeypatch.setattr(loop, "PULSE_SECONDS", 0)
    monkeypatch.setattr("tasks.learning.loops.pace.SHARE", 1e9)
    talking = trained(report=lines.append, learning_rate=0.004)
    assert all(map(np.array_equal, variables(silent.model), variables(talking.model)))
    beats = [line for line in lines if "%" in line]
    assert len(beats) == 3 * (300 // 32)
    assert re.fullmatch(r"epoch 1/3, 11 %, loss \d+\.\d{3}", beats[0])
    assert beats[-1].startswith("epoch 3/3, 100 %, loss ")


def test_an_interrupted_training_goes_on_from_what_it_kept():
    """Ended in an epoch, it starts again after the last checkpoint; its clocks go on, with a second set-up."""
    kept = Notebook()

    def interrupt(line):
        if line.startswith("epoch 2"):
            raise Interrupted

    with pytest.raises(Interrupted):
        trained("ann", report=interrupt, checkpoints=kept)
    assert len(kept.states) == 1
    lines = []
    resumed = trained("ann", report=lines.append, checkpoints=kept)
    assert lines[0] == "goes on after epoch 1/3"
    assert [line["epoch"] for line in resumed.history] == [1, 2, 3]
    assert resumed.train_seconds == pytest.approx(sum(line["seconds"] for line in resumed.history))
    assert resumed.cpu_seconds > facts(kept.states[0])["taken"][1] > 0
    assert resumed.peak_memory_bytes >= facts(kept.states[0])["peak_memory"]


def test_what_killed_attempts_took_is_not_forgotten(monkeypatch):
    """Energy and memory go on from the checkpoint: joules add up, and the greatest memory is the greatest of all."""
    monkeypatch.setattr("tasks.runs.meter._Energy.joules", lambda self: time.perf_counter())
    monkeypatch.setattr(loop, "peak_memory", lambda: 9_000_000_000)
    kept, again = Notebook(), Notebook()
    trained("ann", checkpoints=kept, epochs=2)
    again.save(1, kept.states[0])
    monkeypatch.setattr(loop, "peak_memory", lambda: 1_000_000_000)
    resumed = trained("ann", checkpoints=again, epochs=2)
    assert resumed.peak_memory_bytes == 9_000_000_000
    assert resumed.energy_joules > facts(kept.states[0])["taken"][2] > 0


def facts(state):
    """What a checkpoint holds beside the variables."""
    with np.load(io.BytesIO(state), allow_pickle=False) as stored:
        return json.loads(stored["facts"].item())


@pytest.fixture
def mapped_in_pieces(tmp_path, monkeypatch):
    """The training data in files, read about 70 images at a time."""
    monkeypatch.setattr("tasks.learning.mapped.PIECE", 70 * 64)
    images, labels = data(300, 1)
    np.save(tmp_path / "images.npy", images)
    return np.load(tmp_path / "images.npy", mmap_mode="r", allow_pickle=False), labels


@pytest.mark.parametrize("family", ["ann", "cnn"])
def test_images_in_pieces_are_learnt_like_images_in_one(family, mapped_in_pieces):
    """What does not fit into the memory is learnt too, the same under the same seed, and a killed training goes on."""
    kept = Notebook()
    first, again, resumed = (
        trained(family, train=mapped_in_pieces, learning_rate=0.004, checkpoints=checkpoints)
        for checkpoints in (kept, None, kept)
    )
    assert first.history[-1]["val_accuracy"] > 0.6
    assert kept.states
    for other in (again, resumed):
        assert without_seconds(other.history) == without_seconds(first.history)
        assert all(map(np.array_equal, first.model.get_weights(), other.model.get_weights()))


@pytest.mark.parametrize("family", ["ann", "cnn"])
def test_images_in_pieces_take_the_same_steps(family, mapped_in_pieces):
    """Where the images lie, and how many are read at a time, changes no bit of a training."""
    pieces = trained(family, train=mapped_in_pieces, learning_rate=0.004)
    whole = learn(family).result
    assert all(map(np.array_equal, pieces.model.get_weights(), whole.model.get_weights()))


def test_an_epoch_in_pieces_shows_an_image_at_most_once(mapped_in_pieces, monkeypatch):
    """Each batch is whole, images keep their labels, and what is left out of an epoch is less than a batch."""
    images, _ = mapped_in_pieces
    numbers = np.arange(300)
    monkeypatch.setattr(steps.keras.utils, "to_categorical", lambda labels, classes: np.asarray(labels))
    build = partial(network.assemble, network.Description(**FACTS, family="ann"))
    recipe = loop.Recipe(TRAINING, Augmentation(), {}, 0)
    session = loop._Session(build(), (images, numbers), data(90, 2), recipe, None)
    batches = list(session._loop._batches(session._chance.plan(1)))
    shown = np.concatenate([numbers for _, numbers in batches])
    assert [len(batch) for batch, _ in batches] == [32] * 9
    assert len({*shown.tolist()}) == len(shown) == 288
    np.testing.assert_array_equal(np.concatenate([batch for batch, _ in batches]), images[shown])
    assert shown[:32].max() > 200 > 100 > shown[:32].min()


def test_a_validation_in_pieces_gives_the_same_numbers(monkeypatch):
    """Loss and accuracy of several pieces are those of all images together."""
    monkeypatch.setattr(steps, "VALIDATION_BATCH", 16)
    together = trained("ann")
    monkeypatch.setattr("tasks.learning.mapped.PIECE", 80 * 64)
    apart = trained("ann")
    for one, other in zip(together.history, apart.history, strict=True):
        assert one["val_loss"] == pytest.approx(other["val_loss"], rel=1e-6)
        assert one["val_accuracy"] == pytest.approx(other["val_accuracy"], rel=1e-6)


def without_seconds(history):
    return [{name: value for name, value in line.items() if name != "seconds"} for line in history]


def variables(model):
    return [np.asarray(variable) for variable in (*model.variables, *model.optimizer.variables)]
