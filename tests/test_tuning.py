"""The search: what it proposes, records, survives and remembers."""

import numpy as np
import pytest

from tasks import training, tuning
from tasks.network import Description
from tasks.request import Augmentation, Search, Training
from tasks.tuning import Material, SearchError, Trial, best, search

SETTINGS = Search(tuner="random", trials=3, epochs=1, fraction=0.5)


def material(family="ann", seed=0):
    generator = np.random.default_rng(0)
    labels = (np.arange(120) % 3).astype(np.uint8)
    images = (generator.integers(0, 60, (120, 8, 8, 1)) + 80 * labels[:, None, None, None]).astype(np.uint8)
    description = Description(family=family, shape=(8, 8, 1), classes=3, budget=5_000, mean=(90,), std=(50,))
    settings = Training(replicates=1, epochs=9, batch_size=32, deterministic=True)
    part = images[:90], labels[:90]
    return Material(description, part, (images[90:], labels[90:]), settings, Augmentation(shift=1), seed)


@pytest.fixture
def untrained(monkeypatch):
    """Trials build their networks and are scored by a hyper-parameter, in no time."""
    fitted = []

    def fit(build, train, validation, recipe, report):
        fitted.append(recipe)
        score = 1 - recipe.hyperparameters["learning_rate"]
        report(f"epoch 1/{recipe.training.epochs}")
        return training.Fit(build(), [{"val_accuracy": score}], 1.0, 1.0, 1.0)

    monkeypatch.setattr(tuning, "fit", fit)
    return fitted


def run(folder, settings=SETTINGS, finished=(), **changes):
    kept = []
    trials = search(material(**changes), settings, folder, kept.append, lambda line: None, finished)
    return trials, kept


def test_a_search_trains_its_trials(tmp_path):
    """The real thing, once: scores are validation accuracies, sizes meet the budget."""
    trials, _ = run(tmp_path, Search(tuner="random", trials=2, epochs=1))
    assert all(0 <= trial.score <= 1 and trial.seconds > 0 for trial in trials)
    assert all(abs(trial.parameters - 5_000) <= 50 for trial in trials)


@pytest.mark.usefixtures("untrained")
@pytest.mark.parametrize("tuner", ["random", "bayesian"])
def test_every_trial_is_recorded_and_meets_the_budget(tuner, tmp_path):
    """As many trials as asked for, kept one by one, all within 1 %; the first is the defaults."""
    trials, kept = run(tmp_path, Search(tuner=tuner, trials=5, epochs=1))
    assert trials == kept
    assert [trial.number for trial in trials] == [0, 1, 2, 3, 4]
    assert {trial.status for trial in trials} == {"done"}
    assert all(abs(trial.parameters - 5_000) <= 50 for trial in trials)
    assert trials[0].hyperparameters == tuning._space(material().description).values
    assert len({str(trial.hyperparameters) for trial in trials}) == 5


@pytest.mark.usefixtures("untrained")
def test_hyperband_spends_its_epochs_unevenly_and_stops_at_the_trial_count(tmp_path):
    """Short rungs first; Keras Tuner's own entries stay out of the hyper-parameters."""
    trials, _ = run(tmp_path, Search(tuner="hyperband", trials=7, epochs=4))
    assert 2 <= len(trials) <= 7
    assert len({trial.epochs for trial in trials}) > 1
    assert not any("/" in name for trial in trials for name in trial.hyperparameters)


def test_both_families_share_one_optimizer_space():
    """The comparison would not be fair otherwise."""
    spaces = [
        {
            dimension.name: dimension.get_config()
            for dimension in tuning._space(material(family).description).space
            if dimension.name in {"learning_rate", "weight_decay", "label_smoothing"}
        }
        for family in ("ann", "cnn")
    ]
    assert len(spaces[0]) == 3
    assert spaces[0] == spaces[1]


@pytest.mark.usefixtures("untrained")
def test_a_seed_reproduces_the_search(tmp_path):
    """Same seed, same proposals and scores; another seed, other proposals. Seed 0 is a seed like any other."""
    first, again, other = (run(tmp_path / name, seed=seed)[0] for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    assert [(trial.hyperparameters, trial.score) for trial in first] == [
        (trial.hyperparameters, trial.score) for trial in again
    ]
    assert first[1].hyperparameters != other[1].hyperparameters


def test_a_failed_trial_is_recorded_and_the_search_goes_on(tmp_path, untrained, monkeypatch):
    """Its reason is one line; the best is among the others."""
    succeed, failures = tuning.fit, [MemoryError("no room\nfor this one")]

    def sometimes(*arguments):
        if failures:
            raise failures.pop()
        return succeed(*arguments)

    monkeypatch.setattr(tuning, "fit", sometimes)
    trials, kept = run(tmp_path)
    assert [trial.status for trial in trials] == ["failed", "done", "done"]
    assert (trials[0].error, trials[0].score) == ("MemoryError: no room for this one", None)
    assert kept == trials
    assert best(trials).status == "done"


def test_a_search_without_a_success_says_why(tmp_path, monkeypatch):
    """All of the trials run and are kept; then the reason is an error."""

    def never(*arguments):
        raise ArithmeticError("the loss is nan")

    monkeypatch.setattr(tuning, "fit", never)
    kept = []
    with pytest.raises(SearchError, match="3 that failed: ArithmeticError: the loss is nan"):
        search(material(), SETTINGS, tmp_path, kept.append, lambda line: None)
    assert len(kept) == 3


@pytest.mark.usefixtures("untrained")
def test_a_record_that_cannot_be_kept_ends_the_search(tmp_path):
    """A store that is down is no trial's failure."""

    def broken(trial):
        raise OSError("store is down")

    with pytest.raises(OSError, match="store is down"):
        search(material(), SETTINGS, tmp_path, broken, lambda line: None)


def test_finished_trials_are_not_run_again(tmp_path, untrained):
    """An interrupted search goes on where it was, and ends as if it had not been interrupted."""
    whole, _ = run(tmp_path / "whole")
    untrained.clear()
    resumed, kept = run(tmp_path / "resumed", finished=whole[:2])
    assert len(untrained) == 1
    assert resumed[:2] == whole[:2]
    assert (resumed[2].hyperparameters, resumed[2].score) == (whole[2].hyperparameters, whole[2].score)
    assert [trial.number for trial in kept] == [2]


@pytest.mark.usefixtures("untrained")
def test_trials_of_another_search_are_not_believed(tmp_path):
    """A remembered trial counts only if it is the one that is proposed."""
    whole, _ = run(tmp_path / "a")
    _, kept = run(tmp_path / "b", finished=whole, seed=1)
    assert len(kept) == 3


def test_an_impossible_budget_is_refused_at_once(tmp_path):
    """No trial is spent on it."""
    hopeless = material().description.model_copy(update={"budget": 20})
    with pytest.raises(ValueError, match="budget: expected at least"):
        search(material()._replace(description=hopeless), SETTINGS, tmp_path, print, print)


def test_the_best_is_the_highest_score_and_the_earlier_of_equals():
    """Failed trials have no score and no chance."""
    common = {"hyperparameters": {}, "parameters": 1, "seconds": 1.0, "seed": 0, "epochs": 1}
    scores = [0.5, 0.7, 0.7, None]
    trials = [
        Trial(number=n, score=score, status="done" if score else "failed", **common) for n, score in enumerate(scores)
    ]
    assert best(trials).number == 1


def test_a_subset_keeps_every_class():
    """The share is taken per class, and never leaves one out."""
    labels = np.array([0] * 90 + [1] * 9 + [2], np.uint8)
    _, chosen = tuning._subset((np.arange(100), labels), 0.3, seed=0)
    assert np.bincount(chosen).tolist() == [27, 3, 1]
