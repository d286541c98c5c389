"""The fairness contract: the clauses that make a comparison like for like, each checked against the run's manifests.

A clause holds, is broken, or cannot be checked because fewer than two families have a result. The evidence is what each
stage's manifest says that the stage used, not what the request asked for.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from tasks.comparison.evidence import Branch, Values
from tasks.comparison.schema.report import Clause
from tasks.comparison.words.wording import count, enumeration, family_title, percent, plural, tricks
from tasks.settings.dataset import Dataset
from tasks.settings.request import Request
from tasks.settings.training import BUDGET_TOLERANCE

OPTIMIZER = ("learning_rate", "weight_decay", "label_smoothing")  # as tasks.learning.optimizers declares them


def clauses(request: Request, dataset: Dataset, branches: Sequence[Branch], records: Sequence[Values]) -> list[Clause]:
    """Every clause for one dataset at one budget, from the branches of its families and the records of the run."""
    done = [branch for branch in branches if branch.status == "done"]
    return [
        _data(done, request),
        _seeds(done, request),
        _variation(done, request),
        _trials(done, request),
        _setting(done, "epochs", "Every model is trained for the same number of epochs.", _epochs),
        _setting(done, "batch size", "Every model sees batches of the same size.", _batch_size),
        _setting(done, "augmentation", "Every model sees the same augmentation.", _augmentation),
        _setting(done, "tricks", "Every model is trained with the same tricks.", _tricks),
        _optimizer(done),
        _parameters(done, dataset.budget),
        _test(done, records),
    ]


def same_examples(branches: Iterable[Branch]) -> bool:
    """Whether all replicates were measured on the same labels in the same order. Otherwise they cannot be paired."""
    truths = [replicate.y_true for branch in branches for replicate in branch.replicates]
    return all(np.array_equal(truths[0], truth) for truth in truths[1:])


def _equal(name: str, promise: str, by_family: Mapping[str, str]) -> Clause:
    """A clause that holds when every family has the same text in `by_family`."""
    if len(by_family) < 2:
        only = f"only {family_title(next(iter(by_family)))} has a result" if by_family else "no family has a result"
        return Clause(name=name, promise=promise, found=only, holds=None)
    holds = len(set(by_family.values())) == 1
    each = enumeration([f"{family_title(family)} {text}" for family, text in by_family.items()])
    return Clause(name=name, promise=promise, found=next(iter(by_family.values())) if holds else each, holds=holds)


def _data(done: Sequence[Branch], request: Request) -> Clause:
    learned = "images" if "split" in request.training.vary else "split"
    promise = f"Every model learns from the same {learned}, and is measured on the same examples in the same order."
    digests = {
        branch.family: enumeration(sorted({d[:12] for r in branch.replicates for d in (r.learned_from, r.measured_on)}))
        for branch in done
    }
    clause = _equal("data", promise, {family: f"data artifact {digest}" for family, digest in digests.items()})
    if clause.holds and not same_examples(done):
        return clause.model_copy(update={"found": "the labels of the test examples differ", "holds": False})
    return clause


def _seeds(done: Sequence[Branch], request: Request) -> Clause:
    promise = f"Every family is trained under the {plural(len(request.seeds), 'seed')} of the request."
    seeds = {b.family: "seeds " + ", ".join(str(r.seed) for r in b.replicates) for b in done}
    clause = _equal("seeds", promise, seeds)
    fewer = any({replicate.seed for replicate in branch.replicates} != set(request.seeds) for branch in done)
    return clause.model_copy(update={"holds": False}) if clause.holds and fewer else clause


def _variation(done: Sequence[Branch], request: Request) -> Clause:
    """What the spread of the replicates speaks of: of trainings alone, or of splits and searches too."""
    varied = request.training.vary
    each = f"{enumeration(list(varied))}, the same for every family"
    promise = f"Replicates differ in {each}." if len(varied) > 1 else "Replicates differ in their seed alone."
    clause = _equal("variation", promise, {branch.family: _varied(branch) for branch in done})
    expected = " and ".join(_whose(source, own=source in varied) for source in ("split", "search"))
    return clause.model_copy(update={"holds": False}) if clause.holds and clause.found != expected else clause


def _varied(branch: Branch) -> str:
    """Which split each replicate learned from, and which search chose for it."""
    splits = {replicate.seed: replicate.settings.get("split") for replicate in branch.replicates}
    shared = any(search.seed is None for search in branch.searches)
    own = {search.seed: search.settings["seed"] for search in branch.searches}
    searches = {replicate.seed: None if shared else own.get(replicate.seed) for replicate in branch.replicates}
    return " and ".join(_by_seed(source, found) for source, found in (("split", splits), ("search", searches)))


def _by_seed(source: str, found: Mapping[int, int | None]) -> str:
    """Whose `source` each seed had, where `found` gives the number of its own, or None."""
    for own in (False, True):
        if all(number == (seed if own else None) for seed, number in found.items()):
            return _whose(source, own=own)
    return enumeration([f"{source} {number} under seed {seed}" for seed, number in found.items()])


def _whose(source: str, *, own: bool) -> str:
    return f"a {source} of its own for each seed" if own else f"one {source} for all seeds"


def _trials(done: Sequence[Branch], request: Request) -> Clause:
    tuner = request.search.tuner
    promise = f"Every family gets the same number of trials, from the same tuner ({tuner}), on the same share of data."
    return _equal("trials", promise, {branch.family: _searched(branch) for branch in done if branch.searches})


def _searched(branch: Branch) -> str:
    trials, search = branch.trials, branch.searches[0].settings["search"]
    finished = sum(trial["status"] == "done" for trial in trials)
    stopped = sum(trial["status"] == "stopped" for trial in trials)
    early = f"; {stopped} stopped early, as every family's do that are behind" if stopped else ""
    epochs, share = search["epochs"], f" on {percent(search['fraction'], 0)} of the training part"
    several = f" in {len(branch.searches)} searches" if len(branch.searches) > 1 else ""
    return (
        f"{finished} of {plural(len(trials), 'trial')} finished{several}, {plural(epochs, 'epoch')} each{share}{early}"
    )


def _setting(done: Sequence[Branch], name: str, promise: str, read: Callable[[Branch], set[str]]) -> Clause:
    """A clause on something that `read` finds in the branches' trainings."""
    return _equal(name, promise, {branch.family: enumeration(sorted(read(branch))) for branch in done})


def _epochs(branch: Branch) -> set[str]:
    return {plural(len(replicate.history), "epoch") for replicate in branch.replicates}


def _batch_size(branch: Branch) -> set[str]:
    return {f"{replicate.settings['training']['batch_size']} images" for replicate in branch.replicates}


def _augmentation(branch: Branch) -> set[str]:
    return {_transforms(r.settings["training"], r.settings["augmentation"]) for r in branch.replicates}


def _transforms(training: Values, allowed: Values) -> str:
    """The transforms that both the dataset and the training settings allow."""
    shift = min(allowed["shift"], training["shift_limit"])
    named = [f"shift by up to {plural(shift, 'pixel')}"] if shift else []
    named += ["horizontal flip"] if allowed["flip"] else []
    return enumeration(named) if training["augment"] and named else "none"


def _tricks(branch: Branch) -> set[str]:
    return {tricks(replicate.settings["training"]["tricks"]) for replicate in branch.replicates}


def _optimizer(done: Sequence[Branch]) -> Clause:
    promise = "Every trial chooses the optimizer's settings from the same space."
    searched = {
        branch.family: "every trial chooses " + (enumeration(_chosen_by_all(branch.trials)) or "none of them")
        for branch in done
        if branch.searches
    }
    return _equal("optimizer space", promise, searched)


def _chosen_by_all(trials: Sequence[Values]) -> list[str]:
    """The optimizer's settings that every trial has chosen."""
    return [name.replace("_", " ") for name in OPTIMIZER if all(name in t["hyperparameters"] for t in trials)]


def _parameters(done: Sequence[Branch], budget: int) -> Clause:
    """Whether every trial that was built, and every replicate, has a parameter count near the budget."""
    promise = (
        f"Every trial and every trained model has {count(budget)} parameters, within {percent(BUDGET_TOLERANCE, 0)}."
    )
    sizes = [size for branch in done for size in _sizes(branch)]
    if not sizes:
        return Clause(name="parameters", promise=promise, found="no family has a result", holds=None)
    worst = max(sizes, key=lambda size: abs(size - budget))
    deviation = percent((worst - budget) / budget, 2)
    found = f"{count(min(sizes))} to {count(max(sizes))} in {len(sizes)} models; the worst is off by {deviation}"
    return Clause(
        name="parameters", promise=promise, found=found, holds=abs(worst - budget) <= BUDGET_TOLERANCE * budget
    )


def _sizes(branch: Branch) -> list[int]:
    tried = [trial["parameters"] for trial in branch.trials if trial["parameters"] is not None]
    return tried + [replicate.evaluation["parameters"] for replicate in branch.replicates]


def _test(done: Sequence[Branch], records: Sequence[Values]) -> Clause:
    promise = "The test part is read once, by the evaluation, after every choice was made on the validation part."
    where = {("evaluate", branch.dataset, branch.budget) for branch in done}
    evaluated = [r["family"] for r in records if (r["stage"], r["dataset"], r.get("budget")) in where]
    uses = {b.family: f"{_times(evaluated.count(b.family))}, {count(_examples(b))} examples" for b in done}
    clause = _equal("test part", promise, uses)
    repeated = [family for family in uses if evaluated.count(family) != 1]
    return clause.model_copy(update={"holds": False}) if clause.holds and repeated else clause


def _times(number: int) -> str:
    return "one evaluation" if number == 1 else f"{number} evaluations"


def _examples(branch: Branch) -> int:
    return len(branch.replicates[0].y_true)
