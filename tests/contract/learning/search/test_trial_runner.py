"""The search: what it proposes, records, survives and remembers, and that its shards are one search."""

import gc
import random
from functools import cache, partial
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.learning.search.trials import SearchError, Trial, best, dump, joined, load
from tasks.settings.dataset import Augmentation
from tasks.settings.training import Search, Training
from tests.support.lazy import Lazy
from tests.support.results import reached

keras = Lazy("keras")
keras_tuner = Lazy("keras_tuner")
loop = Lazy("tasks.learning.loop")
network = Lazy("tasks.learning.network")
proposals = Lazy("tasks.learning.search.proposals")
searched = Lazy("tasks.learning.search.space")
trial_runner = Lazy("tasks.learning.search.trial_runner")

SETTINGS = Search(tuner="random", trials=3, epochs=1, fraction=0.5)


def search_input(family="ann", seed=0):
    generator = np.random.default_rng(0)
    labels = (np.arange(120) % 3).astype(np.uint8)
    images = (generator.integers(0, 60, (120, 8, 8, 1)) + 80 * labels[:, None, None, None]).astype(np.uint8)
    description = network.Description(family=family, shape=(8, 8, 1), classes=3, budget=5_000, mean=(90,), std=(50,))
    settings = Training(replicates=1, epochs=9, batch_size=32, deterministic=True)
    part = images[:90], labels[:90]
    rest = images[90:], labels[90:]
    return trial_runner.SearchInput(description, part, rest, settings, Augmentation(shift=1), seed)


@pytest.fixture(autouse=True, scope="module")
def _garbage():
    """A search collects garbage after each trial; TensorFlow's modules, which are none, take most of that time."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def untrained(monkeypatch):
    """Trials build their networks and are scored by a hyper-parameter, in no time."""
    fitted = []

    def fit(build, train, validation, recipe, report, checkpoints):
        fitted.append(recipe)
        score = 1 - recipe.hyperparameters["learning_rate"]
        report(f"epoch 1/{recipe.training.epochs}")
        return loop.Fit(build(), [{"val_accuracy": score}], 1.0, 1.0, 1.0)

    monkeypatch.setattr(trial_runner, "fit", fit)
    return fitted


def run(settings=SETTINGS, finished=(), shard=0, **changes):
    """The trials of a shard, and what was kept after each that ran."""
    kept = []
    share = proposals.TrialShare(settings, settings.numbers(shard), finished)
    return trial_runner.search(search_input(**changes), share, kept.append, lambda line: None), kept


def every_trial():
    return proposals.TrialShare(SETTINGS, (0, 1, 2))


def test_a_search_trains_its_trials_and_its_shards_train_the_same_ones():
    """The real thing, once: scores are validation accuracies, sizes meet the budget; two shards reach the same."""
    settings = Search(tuner="random", trials=2, epochs=1)
    whole, _ = run(settings)
    assert all(0 <= trial.score <= 1 and trial.seconds > 0 for trial in whole)
    assert all(abs(trial.parameters - 5_000) <= 50 for trial in whole)
    shared = settings.model_copy(update={"shards": 2})
    shards = [run(shared, shard=shard)[0] for shard in (1, 0)]
    assert [[trial.number for trial in shard] for shard in shards] == [[1], [0]]
    assert reached(joined(shards)) == reached(whole)


def test_no_trial_leaves_its_graphs_behind():
    """Whatever the tuner, memory does not grow with the trials: what each of them compiled is gone when it ends."""
    if keras.config.backend() != "tensorflow":
        pytest.skip("graphs are TensorFlow's")
    alive = []

    def keep(trials):
        gc.collect()
        alive.append(sum(type(thing).__name__ == "FuncGraph" for thing in gc.get_objects()))

    settings = Search(tuner="bayesian", trials=2, epochs=1)
    trial_runner.search(search_input(), proposals.TrialShare(settings, settings.numbers(0)), keep, lambda line: None)
    assert alive == [0, 0]


@pytest.mark.usefixtures("untrained")
@pytest.mark.parametrize("tuner", ["random", "bayesian"])
def test_every_trial_is_recorded_and_meets_the_budget(tuner):
    """As many trials as asked for, kept one by one, all within 1 %; the first is the defaults."""
    tried, kept = run(Search(tuner=tuner, trials=5, epochs=1))
    assert kept == [tuple(tried[:n]) for n in (1, 2, 3, 4, 5)]
    assert [trial.number for trial in tried] == [0, 1, 2, 3, 4]
    assert {trial.status for trial in tried} == {"done"}
    assert all(abs(trial.parameters - 5_000) <= 50 for trial in tried)
    assert tried[0].hyperparameters == searched.space(search_input().description).values
    assert len({str(trial.hyperparameters) for trial in tried}) == 5


@pytest.mark.usefixtures("untrained")
def test_hyperband_spends_its_epochs_unevenly_and_stops_at_the_trial_count():
    """Short rungs first; Keras Tuner's own entries stay out of the hyper-parameters."""
    trials, _ = run(Search(tuner="hyperband", trials=7, epochs=4))
    assert 2 <= len(trials) <= 7
    assert len({trial.epochs for trial in trials}) > 1
    assert not any("/" in name for trial in trials for name in trial.hyperparameters)


def test_a_promoted_trial_goes_on_where_it_stopped():
    """Hyperband, for real: what reaches the last rung is, digit by digit, the training that nobody interrupted."""
    lines, settings = [], Search(tuner="hyperband", trials=4, epochs=3)
    share = proposals.TrialShare(settings, settings.numbers(0))
    tried = trial_runner.search(search_input(), share, lambda trials: None, lines.append)
    assert [trial.epochs for trial in tried] == [1, 1, 1, 3]
    assert tried[3].hyperparameters == best(tried[:3]).hyperparameters
    assert next(line for line in lines if "trial 4" in line) == "trial 4/4, goes on after epoch 1/3"
    shared = search_input()
    description = shared.description.with_hyperparameters(tried[3].hyperparameters)
    training = shared.training.model_copy(update={"epochs": 3})
    recipe = loop.Recipe(training, shared.augmentation, tried[3].hyperparameters, 0)
    build = partial(network.assemble, description)
    whole = loop.fit(build, shared.train, shared.validation, recipe, lambda line: None)
    assert tried[3].score == whole.history[-1]["val_accuracy"]
    assert whole.history[0]["val_accuracy"] == best(tried[:3]).score


@pytest.mark.usefixtures("untrained")
def test_a_seed_reproduces_the_search():
    """Same seed, same proposals and scores; another seed, other proposals. Seed 0 is a seed like any other."""
    first, again, other = (run(seed=seed)[0] for seed in (0, 0, 1))
    assert [(trial.hyperparameters, trial.score) for trial in first] == [
        (trial.hyperparameters, trial.score) for trial in again
    ]
    assert first[1].hyperparameters != other[1].hyperparameters


def test_a_failed_trial_is_recorded_and_the_search_goes_on(untrained, monkeypatch):
    """Divergence belongs to the hyper-parameters. Its reason is one line; the best is among the others."""
    succeed, failures = trial_runner.fit, [loop.DivergenceError("the loss is nan\nfrom step 3 on")]

    def sometimes(*arguments):
        if failures:
            raise failures.pop()
        return succeed(*arguments)

    monkeypatch.setattr(trial_runner, "fit", sometimes)
    trials, kept = run()
    assert [trial.status for trial in trials] == ["failed", "done", "done"]
    assert (trials[0].error, trials[0].score) == ("DivergenceError: the loss is nan from step 3 on", None)
    assert kept[-1] == tuple(trials)
    assert best(trials).status == "done"


@pytest.mark.parametrize("tuner", ["random", "bayesian", "hyperband"])
@pytest.mark.parametrize("fault", [MemoryError("no room"), OSError(28, "No space left"), ImportError("no module x")])
def test_what_the_machine_does_to_a_trial_ends_the_search(untrained, monkeypatch, tuner, fault):
    """No trial is recorded as failed for want of memory, of disk, or of a library. What was finished before is kept."""
    succeed, settings = trial_runner.fit, Search(tuner=tuner, trials=3, epochs=4)

    def breaks(*arguments):
        if len(untrained) == 1:
            raise fault
        return succeed(*arguments)

    monkeypatch.setattr(trial_runner, "fit", breaks)
    kept = []
    with pytest.raises(trial_runner.BrokenTrialError, match=f"trial 2/3: {type(fault).__name__}: .*; finished trials"):
        trial_runner.search(
            search_input(), proposals.TrialShare(settings, settings.numbers(0)), kept.append, lambda line: None
        )
    assert [[trial.status for trial in trials] for trials in kept] == [["done"]]


def test_a_combination_that_a_family_cannot_build_is_a_failed_trial(untrained, monkeypatch):
    """It fails on every machine and every time: the search goes on without it."""
    build, failures = trial_runner.assemble, [ValueError("a pool larger than the image")]

    def sometimes(description):
        if failures:
            raise failures.pop()
        return build(description)

    monkeypatch.setattr(trial_runner, "assemble", sometimes)
    trials, _ = run()
    assert [trial.status for trial in trials] == ["failed", "done", "done"]
    assert trials[0].error == "UnbuildableError: ValueError: a pool larger than the image"


def test_a_search_without_a_success_says_why(monkeypatch):
    """All of the trials run, as another shard may have one that succeeds; when none has, the reason is an error."""

    def never(*arguments):
        raise loop.DivergenceError("the loss is nan")

    monkeypatch.setattr(trial_runner, "fit", never)
    tried, kept = run()
    assert len(kept) == 3
    with pytest.raises(SearchError, match="3 that failed: DivergenceError: the loss is nan"):
        best(tried)


@pytest.mark.usefixtures("untrained")
def test_an_error_of_the_observer_ends_the_search():
    """What goes wrong outside of a trial is no trial's failure."""

    def broken(tried):
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        trial_runner.search(search_input(), every_trial(), broken, lambda line: None)


@pytest.mark.parametrize("tuner", ["random", "bayesian", "hyperband"])
@pytest.mark.parametrize("done", [1, 3])
def test_finished_trials_are_not_run_again(untrained, tuner, done):
    """An interrupted search goes on where it was, and ends as if it had not been interrupted, record by record."""
    settings = Search(tuner=tuner, trials=5, epochs=4)
    whole, _ = run(settings)
    untrained.clear()
    resumed, kept = run(settings, finished=load(dump(whole[:done])))
    assert len(untrained) == len(whole) - done
    assert resumed[:done] == whole[:done]
    assert reached(resumed) == reached(whole)
    assert kept[0] == tuple(resumed[: done + 1])


@pytest.mark.usefixtures("untrained")
@pytest.mark.parametrize("shards", [2, 3, 6])
def test_a_search_is_the_same_in_any_number_of_shards(shards):
    """The trials, and so the best of them, do not depend on the shards, nor on the order in which they finish."""
    settings = Search(tuner="random", trials=6, epochs=1)
    shared = settings.model_copy(update={"shards": shards})
    order = random.Random(shards).sample(range(shards), shards)
    found = joined(run(shared, shard=shard)[0] for shard in order)
    whole, _ = run(settings)
    assert reached(found) == reached(whole)
    assert best(found).number == best(whole).number


COHORTS = Search(tuner="random", trials=6, epochs=4, cohort=4)  # trials 0 to 3, and 4 and 5


@pytest.mark.usefixtures("untrained")
def test_the_better_half_of_a_cohort_goes_on():
    """Each cohort ends with its best trial; a stopped one has no score, and says when and why it was stopped."""
    tried, kept = run(COHORTS)
    whole = {trial.number: trial.score for trial in run(COHORTS.model_copy(update={"cohort": 1}))[0]}
    ranked = [sorted(cohort, key=whole.__getitem__, reverse=True) for cohort in (range(4), range(4, 6))]
    assert {trial.number: trial.epochs for trial in tried} == {
        ranked[0][0]: 4, ranked[0][1]: 3, ranked[0][2]: 2, ranked[0][3]: 2, ranked[1][0]: 4, ranked[1][1]: 2
    }  # fmt: skip
    assert [trial.number for trial in tried] == list(range(6))
    assert {trial.number: trial.score for trial in tried if trial.status == "done"} == {
        number: whole[number] for number, *_ in ranked
    }
    stopped = next(trial for trial in tried if trial.number == ranked[0][3])
    assert (stopped.status, stopped.score) == ("stopped", None)
    assert stopped.error == f"stopped after epoch 2/4 with val_accuracy {whole[stopped.number]:.4f}, behind its cohort"
    assert [(each.number, each.epochs) for each in kept[-1]][:4] == [(number, 2) for number in range(4)]


@pytest.mark.usefixtures("untrained")
@pytest.mark.parametrize("trials", [4, 7])
def test_cohorts_are_the_same_in_any_number_of_shards(trials):
    """A shard has whole cohorts, so nothing that happens in another one decides."""
    settings = COHORTS.model_copy(update={"trials": trials, "cohort": 2})
    whole, _ = run(settings)
    for shards in range(2, -(-trials // 2) + 1):
        shared = settings.model_copy(update={"shards": shards})
        found = joined(run(shared, shard=shard)[0] for shard in reversed(range(shards)))
        assert reached(found) == reached(whole)


@pytest.mark.parametrize("done", [1, 6, 9])
def test_a_search_by_cohorts_resumes_after_any_training(untrained, done):
    """What was trained before is not trained again, and the search ends as if it had not been interrupted."""
    whole, kept = run(COHORTS)
    before = kept[done - 1] if done else ()
    untrained.clear()
    resumed, _ = run(COHORTS, finished=load(dump(before)))
    assert len(untrained) == len(kept[-1]) - done
    assert reached(resumed) == reached(whole)


def test_a_trial_that_goes_on_is_the_training_that_nobody_interrupted():
    """For real: the score of a cohort's best is, digit by digit, what the trial reaches alone."""
    settings = Search(tuner="random", trials=3, epochs=3, cohort=3)
    tried, kept = run(settings)
    assert [each.epochs for each in kept[-1]] == [2, 2, 2, 3, 3]
    chosen = best(tried)
    alone = run(settings.model_copy(update={"cohort": 1}), finished=())[0][chosen.number]
    assert (chosen.epochs, chosen.score, chosen.parameters) == (3, alone.score, alone.parameters)
    assert chosen.seconds == pytest.approx(sum(each.seconds for each in kept[-1] if each.number == chosen.number))


def test_a_trial_that_failed_does_not_go_on(untrained, monkeypatch):
    """Whatever its place in the cohort; the others compete without it."""
    succeed = trial_runner.fit

    def fit(build, train, validation, recipe, report, checkpoints):
        if recipe.hyperparameters == defaults:
            raise loop.DivergenceError("the loss is nan")
        return succeed(build, train, validation, recipe, report, checkpoints)

    defaults = searched.space(search_input().description).values
    monkeypatch.setattr(trial_runner, "fit", fit)
    tried, _ = run(COHORTS)
    assert (tried[0].status, tried[0].epochs) == ("failed", 2)
    assert sorted(trial.status for trial in tried[:4]) == ["done", "failed", "stopped", "stopped"]
    assert best(tried).status == "done"


@given(epochs=st.integers(1, 1000))
def test_no_trial_is_judged_before_half_of_its_epochs(epochs):
    """While the learning rate is high, a score says little of the end. The last rung is the whole trial."""
    found = proposals.rungs(epochs)
    assert found == sorted({*found})
    assert found[-1] == epochs
    assert epochs / 2 <= found[0] <= epochs
    assert len(found) <= 3


@cache
def convolutional():
    """The space of the CNN."""
    return searched.space(search_input("cnn").description)


@given(trials=st.integers(1, 40), shards=st.integers(1, 64), cohort=st.integers(1, 9))
def test_a_shard_has_whole_cohorts(trials, shards, cohort):
    """Together the shards run each trial once, and the trials of a cohort are of one shard."""
    shards = min(shards, -(-trials // cohort))
    settings = Search(tuner="random", trials=trials, epochs=2, shards=shards, cohort=cohort)
    shares = [settings.numbers(shard) for shard in range(shards)]
    assert sorted(number for share in shares for number in share) == list(range(trials))
    assert all(shares)
    owners = [{number // cohort for number in share} for share in shares]
    assert sum(len(each) for each in owners) == len(set().union(*owners))


@given(seed=st.integers(0, 2**31), trials=st.integers(1, 40), shards=st.integers(1, 64), longer=st.integers(0, 9))
def test_a_trial_is_known_by_its_number_alone(seed, trials, shards, longer):
    """Whatever the number of trials and shards: together the shards run each trial once, and trial n is trial n."""
    choices = convolutional()
    settings = Search(tuner="random", trials=trials, epochs=1, shards=min(shards, trials))
    numbers = [number for shard in range(settings.shards) for number in settings.numbers(shard)]
    assert sorted(numbers) == list(range(trials))
    first = [values for values, _ in zip(proposals.proposals(choices, seed), range(trials), strict=False)]
    again = [values for values, _ in zip(proposals.proposals(choices, seed), range(trials + longer), strict=False)]
    assert again[:trials] == first
    assert first[0] == choices.values
    assert len({str(values) for values in first}) == trials


def test_a_small_space_is_tried_once_and_then_is_used_up():
    """No trial is run twice; a drawn one that is known is drawn again, and the search ends when none is left."""
    space = keras_tuner.HyperParameters()
    space.Choice("a", [1, 2])
    space.Choice("b", [1, 2])
    found = list(islice(proposals.proposals(space, seed=0), 9))
    assert len({str(values) for values in found}) == len(found) == 4


@pytest.mark.usefixtures("untrained")
def test_trials_of_another_search_are_not_believed():
    """A remembered trial counts only if it is the one that is proposed."""
    whole, _ = run()
    _, kept = run(finished=whole, seed=1)
    assert len(kept) == 3


def test_an_impossible_budget_is_refused_at_once():
    """No trial is spent on it."""
    hopeless = search_input().description.model_copy(update={"budget": 20})
    with pytest.raises(ValueError, match="budget: expected at least"):
        trial_runner.search(search_input()._replace(description=hopeless), every_trial(), print, print)


def test_the_best_is_the_highest_score_and_the_earlier_of_equals():
    """Failed trials have no score and no chance."""
    common = {"hyperparameters": {}, "parameters": 1, "seconds": 1.0, "seed": 0, "epochs": 1}
    scores = [0.5, 0.7, 0.7, None]
    tried = [
        Trial(number=n, score=score, status="done" if score else "failed", **common) for n, score in enumerate(scores)
    ]
    assert best(tried).number == 1
    assert best(tried[::-1]).number == 1


def test_a_subset_keeps_every_class():
    """The share is taken per class, and never leaves one out."""
    labels = np.array([0] * 90 + [1] * 9 + [2], np.uint8)
    _, chosen = trial_runner._subset((np.arange(100), labels), 0.3, seed=0)
    assert np.bincount(chosen).tolist() == [27, 3, 1]


def test_a_subset_of_images_on_the_disk_is_not_copied(monkeypatch):
    """A share that is larger than the memory is read when it is asked for, and is the same images."""
    arrays = np.arange(100), np.arange(100) % 2
    images, _ = trial_runner._subset(arrays, 0.3, seed=0)
    monkeypatch.setattr("tasks.learning.mapped.PIECE", 100)
    rows, _ = trial_runner._subset(arrays, 0.3, seed=0)
    assert not isinstance(rows, np.ndarray)
    np.testing.assert_array_equal(rows[:], images)
