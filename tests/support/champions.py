"""Made-up champions: entries, decisions and answers of runs that nobody has made."""

from tasks.comparison.schema.promotion import PASSED, REFUSED, Floor, Judgement
from tasks.comparison.schema.values import Interval
from tasks.registry.champions.documents import Answer, Decision, Entry, NamedModel
from tasks.settings.promotion import Promotion

DATASET = "cifar10"


def model(run: str = "quick-1", **changes) -> NamedModel:
    """A model of three seeds, whose artifacts are of that run alone."""
    known = {
        "run": run, "dataset": DATASET, "family": "cnn", "budget": 250_000, "test_part": "t" * 40,
        "seeds": (0, 1, 2), "replicate": 2,
        "artifacts": {"normalize": "n" * 40, "evaluate": f"evaluate-{run}"}
        | {f"train/seed-{seed}": f"train-{run}-{seed}" for seed in range(3)},
    }  # fmt: skip
    return NamedModel(**(known | changes))


def entry(number: int, run: str = "quick-1", **changes) -> Entry:
    """A promotion, which the decision `asked-NUMBER` led to."""
    known = {
        "number": number, "kind": "promotion", "model": model(run), "export": f"export-{run}",
        "decision": f"asked-{number}", "who": "ada", "when": f"2026-11-29T10:{number % 60:02d}:00.000+00:00",
        "why": "The CNN is better.",
    }  # fmt: skip
    return Entry(**(known | changes))


def judgement(*, passed: bool = True, **changes) -> Judgement:
    """What the gate found of a candidate."""
    known = {
        "rules": Promotion(), "examples": 1000, "accuracy": 0.71, "interval": Interval(low=0.7, high=0.72),
        "floor": Floor(majority=0.1 if passed else 0.9), "seeds": 3, "looks": 1, "passed": passed,
        "sentence": f"{PASSED}it is better." if passed else f"{REFUSED}it is worse.",
    }  # fmt: skip
    return Judgement(**(known | changes))


def decision(asked: str, run: str = "quick-1", *, passed: bool = True, **changes) -> Decision:
    """A decision on the model of a run, where there is no champion yet."""
    known = {
        "asked": asked, "test_part": "t" * 40, "candidate": model(run), "judgement": judgement(passed=passed),
        "code": "c" * 64, "approval": "human", "when": "2026-11-29T10:00:00.000+00:00",
    }  # fmt: skip
    return Decision(**(known | changes))


def answer(asked: str, outcome: str = "rejected", **changes) -> Answer:
    """What became of it."""
    known = {"asked": asked, "answer": outcome, "who": "ada", "when": "2026-11-29T11:00:00.000+00:00"}
    return Answer(**(known | {"sentence": f"It was {outcome}."} | changes))
