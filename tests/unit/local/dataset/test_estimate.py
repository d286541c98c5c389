"""What a run is expected to take, against what runs took."""

import pytest

from tasks.local.dataset.estimate import START, estimate
from tasks.settings.loading import load_configuration

CONFIGURATION = load_configuration()
IMAGES = {"cifar10": 60_000, "fashion_mnist": 70_000}
TEST = 10_000  # images of each
MEASURED = 12 * 60 + 32  # seconds of the quick profile on both, on 2 cores (README.md)


def estimated(name, profile, cores=2):
    chosen = CONFIGURATION.profiles[profile]
    train = round((IMAGES[name] - TEST) * (1 - chosen.validation_fraction))
    return estimate(CONFIGURATION.datasets[name], chosen, train, IMAGES[name], cores)


def test_the_quick_profile_takes_about_what_it_took():
    """The estimate of the two pinned datasets is within a quarter of the measured run."""
    seconds = sum(estimated(name, "quick").seconds for name in IMAGES) - START
    assert seconds == pytest.approx(MEASURED, rel=0.25)


def test_more_work_takes_longer_and_more_cores_less():
    """Profiles, classes of size, and cores have their effect; a sample of a thousand images takes hardly any time."""
    smoke, quick, full = (estimated("cifar10", profile).seconds for profile in ("smoke", "quick", "full"))
    assert START < smoke < quick < full
    assert estimated("cifar10", "quick", cores=4).seconds < quick
    assert estimated("cifar10", "smoke").disk == 1_000 * 32 * 32 * 3


def test_few_images_are_shown_several_times():
    """A hundred images take as long as an epoch's least batches say, and not a hundredth of ten thousand."""
    chosen, dataset = CONFIGURATION.profiles["quick"], CONFIGURATION.datasets["cifar10"]
    few, more, many = (estimate(dataset, chosen, train, train, 2).seconds for train in (100, 1_000, 100_000))
    assert few == pytest.approx(more, rel=0.1)
    assert many > 5 * more


def test_a_full_training_of_a_cnn_takes_what_workflow_toml_says():
    """A CNN on CIFAR-10 takes some 40 minutes of one core at the full profile."""
    full, dataset = CONFIGURATION.profiles["full"], CONFIGURATION.datasets["cifar10"]
    more = full.training.model_copy(update={"epochs": 2 * full.training.epochs})
    once, twice = (
        estimate(dataset, full.model_copy(update={"training": training}), 45_000, 60_000, 1).seconds
        for training in (full.training, more)
    )
    both_families = (twice - once) / full.training.replicates / 60
    assert both_families == pytest.approx(40, rel=0.25)
