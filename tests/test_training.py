"""Training on data that a network can learn in seconds."""

from functools import partial

import numpy as np
import pytest

from tasks import training
from tasks.network import Description, assemble
from tasks.request import Augmentation, Training
from tasks.training import DivergenceError, Recipe, fit, optimizer_from

DESCRIPTION = Description(family="cnn", shape=(8, 8, 1), classes=3, budget=6_000, mean=(90,), std=(50,))
TRAINING = Training(replicates=1, epochs=3, batch_size=32, deterministic=True)


def data(n, seed):
    """Noise whose brightness tells the class."""
    generator = np.random.default_rng(seed)
    labels = (np.arange(n) % 3).astype(np.uint8)
    return (generator.integers(0, 60, (n, 8, 8, 1)) + 80 * labels[:, None, None, None]).astype(np.uint8), labels


def trained(family="cnn", seed=0, report=lambda line: None, train=None, **hyperparameters):
    build = partial(assemble, DESCRIPTION.model_copy(update={"family": family}))
    recipe = Recipe(TRAINING, Augmentation(flip=True, shift=1), hyperparameters, seed)
    return fit(build, train or data(300, 1), data(90, 2), recipe, report)


@pytest.mark.parametrize("family", ["ann", "cnn"])
def test_a_network_learns_and_its_epochs_are_told(family):
    """Every epoch has its line, in the history and in the report, and the clocks add up."""
    lines = []
    result = trained(family, report=lines.append)
    assert result.history[-1]["val_accuracy"] > 0.6
    assert [line["epoch"] for line in result.history] == [1, 2, 3]
    assert set(result.history[0]) == {
        "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds",
    }  # fmt: skip
    assert lines[-1] == f"epoch 3/3, val_accuracy {result.history[-1]['val_accuracy']:.3f}"
    assert result.train_seconds == pytest.approx(sum(line["seconds"] for line in result.history))
    assert min(result.train_seconds, result.setup_seconds, result.validation_seconds) > 0


def test_the_learning_rate_makes_one_cycle():
    """It rises from zero, and falls to zero at the last step."""
    result = trained(learning_rate=0.004)
    rates = [line["learning_rate"] for line in result.history]
    assert rates[0] == 0
    assert 0 < rates[2] < rates[1] <= 0.004
    assert float(result.model.optimizer.learning_rate) == pytest.approx(0, abs=1e-6)


def test_a_seed_gives_the_same_weights_and_another_seed_others():
    """Two deterministic trainings are equal, weight by weight."""
    first, again, other = (trained(seed=seed).model.get_weights() for seed in (5, 5, 6))
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert not all(np.array_equal(one, two) for one, two in zip(first, other, strict=True))


def test_fewer_images_than_a_batch_still_train():
    """The batch shrinks to what there is."""
    assert len(trained(train=data(12, 3)).history) == 3


def test_divergence_is_an_error_that_says_so():
    """A loss that is no number is not a result."""
    with pytest.raises(DivergenceError, match="expected a finite loss"):
        trained(learning_rate=float("nan"))


def test_the_optimizer_has_defaults_and_takes_what_it_is_given():
    """Architecture choices among the hyper-parameters are not the optimizer's business."""
    assert optimizer_from({"depth": 3, "learning_rate": 0.003})._replace(learning_rate=0) == optimizer_from(
        {}
    )._replace(learning_rate=0)
    assert optimizer_from({"learning_rate": 0.003}).learning_rate == 0.003


def test_augmentation_is_what_the_dataset_allows_and_the_settings_want():
    """Neither side alone decides; shifting can be limited on its own, since short runs do better without it."""
    allowed = Augmentation(flip=True, shift=2)
    recipe = Recipe(TRAINING, allowed, {}, 0)
    assert training._wanted(recipe) == allowed
    for change, expected in (
        ({"augment": False}, Augmentation()),
        ({"shift_limit": 1}, Augmentation(flip=True, shift=1)),
        ({"shift_limit": 9}, allowed),
    ):
        assert training._wanted(recipe._replace(training=TRAINING.model_copy(update=change))) == expected
