"""The promises of `tasks.comparison.fairness`: each clause holds on equal terms, and breaks when its terms differ."""

from dataclasses import replace

import pytest

from tasks.comparison.fairness import clauses
from tests.support import synthetic

NAMES = {
    "data", "seeds", "variation", "trials", "epochs", "batch size", "augmentation", "tricks", "optimizer space",
    "parameters", "test part",
}  # fmt: skip


def _clauses(branches, request=None, records=None):
    request = request or synthetic.request()
    records = synthetic.records(request) if records is None else records
    return clauses(request, request.datasets[0], branches, records)


def _holds(branches, request=None, records=None) -> dict[str, bool | None]:
    return {clause.name: clause.holds for clause in _clauses(branches, request, records)}


def _with_replicates(branch, **changes):
    return replace(branch, replicates=tuple(replace(replicate, **changes) for replicate in branch.replicates))


def _with_settings(branch, **changes):
    return _with_replicates(branch, settings=dict(branch.replicates[0].settings) | changes)


def _with_trials(branch, trials):
    return replace(branch, searches=(replace(branch.searches[0], trials=trials),))


def test_equal_terms_are_fair():
    """Two families treated alike keep every clause."""
    assert _holds(synthetic.everything(synthetic.request())) == dict.fromkeys(NAMES, True)


def test_trials_that_stopped_early_are_named():
    """They had fewer epochs than the others; the clause holds where every family has as many of them."""
    stop = {"status": "stopped", "score": None}
    branches = [
        _with_trials(b, [b.trials[0], *(t | stop for t in b.trials[1:])])
        for b in synthetic.everything(synthetic.request())
    ]
    clause = next(each for each in _clauses(branches) if each.name == "trials")
    number = len(branches[0].trials)
    assert clause.holds
    assert clause.found.startswith(f"1 of {number} trials finished, ")
    assert clause.found.endswith(f"; {number - 1} stopped early, as every family's do that are behind")


TRAINING = synthetic.TRAINING.model_dump()
BREACHES = {
    "data": lambda b: _with_replicates(b, learned_from="f" * 40),
    "seeds": lambda b: replace(b, replicates=b.replicates[:2]),
    "variation": lambda b: _with_settings(b, split=1),
    "trials": lambda b: _with_trials(b, b.trials[:2]),
    "epochs": lambda b: _with_replicates(b, history=b.replicates[0].history * 2),
    "batch size": lambda b: _with_settings(b, training=TRAINING | {"batch_size": 64}),
    "augmentation": lambda b: _with_settings(b, training=TRAINING | {"augment": False}),
    "tricks": lambda b: _with_settings(b, training=TRAINING | {"tricks": TRAINING["tricks"] | {"erasing": 4}}),
    "optimizer space": lambda b: _with_trials(b, [t | {"hyperparameters": {"depth": 2}} for t in b.trials]),
    "parameters": lambda b: _with_trials(b, [t | {"parameters": 253_000} for t in b.trials]),
}


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_breaks_its_clause_and_no_other(name):
    """Whatever is not alike is found, and named."""
    ann, cnn = synthetic.everything(synthetic.request())
    assert _holds([ann, BREACHES[name](cnn)]) == dict.fromkeys(NAMES, True) | {name: False}


def test_a_failed_trial_is_a_breach():
    """A family that lost a trial had fewer chances."""
    ann, cnn = synthetic.everything(synthetic.request())
    lost = [*cnn.trials[:2], cnn.trials[2] | {"status": "failed", "score": None, "error": "no memory"}]
    assert _holds([ann, _with_trials(cnn, lost)])["trials"] is False


def test_seeds_that_both_lack_are_a_breach():
    """Two families that agree on fewer seeds than were asked for do not keep the contract."""
    fewer = [replace(b, replicates=b.replicates[:2]) for b in synthetic.everything(synthetic.request())]
    assert _holds(fewer)["seeds"] is False


def test_a_second_evaluation_is_a_breach():
    """The test part is read once for each family."""
    request = synthetic.request()
    twice = [*synthetic.records(request), synthetic.record("evaluate", "cifar10", "cnn")]
    assert _holds(synthetic.everything(request), request, twice)["test part"] is False


def test_a_breach_says_who_did_what():
    """The clause that broke shows both sides."""
    request = synthetic.request()
    ann, cnn = synthetic.everything(request)
    found = clauses(request, request.datasets[0], [ann, BREACHES["batch size"](cnn)], synthetic.records(request))
    assert next(c.found for c in found if c.holds is False) == "ANN 256 images and CNN 64 images"


def test_with_one_result_nothing_can_be_compared():
    """A clause that needs two families is not checked, rather than held, when one of them failed."""
    ann, cnn = synthetic.everything(synthetic.request())
    alone = _holds([ann, replace(cnn, status="failed", error="x", replicates=())])
    assert alone == dict.fromkeys(NAMES) | {"parameters": True}
    assert set(_holds([]).values()) == {None}


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        ({}, "shift by up to 2 pixels and horizontal flip"),
        ({"shift_limit": 1}, "shift by up to 1 pixel and horizontal flip"),
        ({"shift_limit": 0}, "horizontal flip"),
        ({"augment": False}, "none"),
    ],
)
def test_augmentation_is_told_as_it_was_done(training, expected):
    """What the dataset allows and the training limits to, not the one alone."""
    params = TRAINING | training
    done = [
        _with_settings(branch, training=params, augmentation={"flip": True, "shift": 2})
        for branch in synthetic.everything(synthetic.request())
    ]
    request = synthetic.request()
    found = {clause.name: clause.found for clause in clauses(request, request.datasets[0], done, [])}
    assert found["augmentation"] == expected


def test_tricks_are_told_by_name():
    """Those that are on, with their size where they have one."""
    request = synthetic.request()
    params = TRAINING | {"tricks": TRAINING["tricks"] | {"identity": False, "averaging": 0.99}}
    done = [_with_settings(branch, training=params) for branch in synthetic.everything(request)]
    found = {clause.name: clause.found for clause in clauses(request, request.datasets[0], done, [])}
    assert found["tricks"] == "muon, whitening, alternating flip and averaging 0.99"


def _with_splits(branch, number=lambda seed: seed):
    """The branch whose replicates learned each from a split of its own."""
    split = [replace(r, settings=dict(r.settings) | {"split": number(r.seed)}) for r in branch.replicates]
    return replace(branch, replicates=tuple(split))


def _varied(*sources):
    request = synthetic.request()
    vary = ("seed", *(sources or ("split",)))
    return request.model_copy(update={"training": request.training.model_copy(update={"vary": vary})})


def test_what_varies_is_named():
    """The clause says in what replicates differ; the split is then no promise of the data's clause."""
    request = _varied()
    branches = [_with_splits(branch) for branch in synthetic.everything(request)]
    found = {clause.name: clause for clause in clauses(request, request.datasets[0], branches, [])}
    assert found["variation"].promise == "Replicates differ in seed and split, the same for every family."
    assert found["variation"].found == "a split of its own for each seed and one search for all seeds"
    assert found["variation"].holds
    assert "from the same images" in found["data"].promise
    plain = {c.name: c for c in clauses(synthetic.request(), request.datasets[0], synthetic.everything(request), [])}
    assert (plain["variation"].promise, plain["variation"].found) == (
        "Replicates differ in their seed alone.",
        "one split for all seeds and one search for all seeds",
    )


def test_a_split_that_the_families_do_not_share_is_a_breach():
    """Whether one family has other splits, or none of its own, or all have none where each should have one."""
    request = _varied()
    ann, cnn = synthetic.everything(request)
    for one, other in (
        (_with_splits(ann), _with_splits(cnn, lambda seed: seed + 1)),
        (_with_splits(ann), cnn),
        (ann, cnn),
    ):
        assert _holds([one, other], request)["variation"] is False


def test_searches_of_their_own_are_named_and_counted():
    """Each replicate has a search, under its own seed. The trials of all of them count, for both families alike."""
    request = _varied("search")
    found = {c.name: c for c in clauses(request, request.datasets[0], synthetic.everything(request), [])}
    assert found["variation"].promise == "Replicates differ in seed and search, the same for every family."
    assert found["variation"].found == "one split for all seeds and a search of its own for each seed"
    assert found["variation"].holds
    assert found["trials"].found.startswith("9 of 9 trials finished in 3 searches")


def test_a_search_that_is_not_each_seeds_own_is_a_breach():
    """Whether one family shares a search, or uses searches of other seeds, or none has its own where each should."""
    request = _varied("search")
    ann, cnn = synthetic.everything(request)
    first = cnn.searches[0]
    swapped = [replace(search, settings=dict(search.settings) | {"seed": 7}) for search in cnn.searches]
    shared = [replace(branch, searches=(replace(first, seed=None),)) for branch in (ann, cnn)]
    for one, other in ((ann, shared[1]), (ann, replace(cnn, searches=tuple(swapped))), shared):
        assert _holds([one, other], request)["variation"] is False
