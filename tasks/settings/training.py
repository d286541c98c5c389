"""How models are searched for and trained: the profiles, and the fairness contract in numbers."""

import itertools
import math
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, model_validator

from tasks.settings.dataset import MAX_SHIFT
from tasks.settings.values import Count, Fraction, Frozen, Hyperparameters, Name, Number, Switch, Whole

BUDGET_TOLERANCE = 0.01  # of a budget, above and below: how near every model's parameter count must be
MAX_SHARDS = 64  # of one search
MAX_COHORT = 64  # trials
MAX_REPLICATES = 100
HALVING = 3  # Hyperband keeps the best of so many trials for the next round, which is so many times as long
Backend = Literal["tensorflow", "jax", "torch"]  # of Keras
BACKENDS: tuple[str, ...] = get_args(Backend)
Replicates = Annotated[Whole, Field(ge=1, le=MAX_REPLICATES)]
Examples = Annotated[Whole, Field(ge=1, le=1_000_000_000)]


class Search(Frozen):
    """How hyper-parameters are searched; `fraction` of the training part is what a trial learns from.

    `shards` is how many tasks share the trials of a family; the trials, and the best of them, are the same for any.
    So many consecutive trials are a `cohort`: on the way, the better half of it goes on, and the others stop. A shard
    has whole cohorts. In a cohort of 1 no trial stops early; it is left out of a key.
    `first` is what the first trial has in place of the declared defaults, by the family.
    """

    tuner: Literal["random", "bayesian", "hyperband"]
    trials: Count
    epochs: Count
    fraction: Fraction = 1.0
    shards: Annotated[Whole, Field(ge=1, le=MAX_SHARDS)] = 1
    cohort: Annotated[Whole, Field(ge=1, le=MAX_COHORT, exclude_if=lambda cohort: cohort == 1)] = 1
    first: Annotated[dict[Name, Hyperparameters], Field(default_factory=dict, exclude_if=lambda first: not first)]

    @model_validator(mode="after")
    def _can_be_shared_out(self):
        if self.shards > 1 and self.tuner != "random":
            raise ValueError(
                f"shards: expected 1 for {self.tuner}, which learns from earlier trials, received {self.shards}; "
                "only the random tuner can share its trials out"
            )
        if self.shards > self.trials:
            raise ValueError(f"shards: expected at most one shard a trial ({self.trials}), received {self.shards}")
        if self.shards > (cohorts := self.cohorts(self.trials)):
            raise ValueError(f"shards: expected at most one shard a cohort ({cohorts}), received {self.shards}")
        return self

    @model_validator(mode="after")
    def _can_stop_early(self):
        if self.cohort > 1 and self.tuner != "random":
            raise ValueError(
                f"cohort: expected 1 for {self.tuner}, received {self.cohort}; only the random tuner has cohorts"
            )
        if self.cohort > 1 and self.epochs == 1:
            raise ValueError(f"cohort: expected 1 for trials of a single epoch, received {self.cohort}")
        return self

    @model_validator(mode="after")
    def _has_so_many_trials(self):
        most = hyperband_trials(self.epochs)
        if self.tuner == "hyperband" and self.trials > most:
            raise ValueError(
                f"trials: expected at most {most:,}, as hyperband has no more at {self.epochs:,} epochs, "
                f"received {self.trials:,}; ask for fewer trials, for more `epochs` of the search, or for another tuner"
            )
        return self

    def first_of(self, family: str) -> Hyperparameters:
        """What the first trial of `family` has in place of the declared defaults."""
        return self.first.get(family, {})

    def cohorts(self, trials: int) -> int:
        """How many cohorts so many trials are; the last one may be smaller."""
        return math.ceil(trials / self.cohort)

    def numbers(self, shard: int) -> tuple[int, ...]:
        """The trials that `shard` runs; together the shards run each trial once."""
        return tuple(number for number in range(self.trials) if number // self.cohort % self.shards == shard)


def hyperband_trials(epochs: int) -> int:
    """The number of trials after which Keras Tuner's Hyperband ends, at so many epochs for the longest of them.

    It counts a trial that goes on for more epochs as another one. See `_get_size` of its HyperbandOracle.
    """
    brackets = next(number for number in itertools.count(1) if HALVING**number > epochs)
    end = math.ceil(1 + math.log(epochs, HALVING))
    rounds = ((bracket, left) for bracket in range(brackets) for left in range(bracket + 1))
    return sum(math.ceil(end / (bracket + 1) * HALVING**left) for bracket, left in rounds)


class Tricks(Frozen):
    """What shortens or improves a training, each by its name: off is `false` or 0. The same for both families.

    `whitening`: a first layer that starts from the training images; `identity`: blocks that start as the identity;
    `alternating_flip`: mirrored in every second epoch, not at random; `averaging`: the decay of the weights' moving
    average; `mixup`: the parameter of the Beta distribution that mixes images; `erasing`: pixels, the side of a square
    of noise; `mirror_mean`: an answer is the mean over the image and its mirror image, in twice the time, where the
    dataset allows mirror images.
    """

    optimizer: Literal["muon", "adamw"] = "muon"
    whitening: Switch = True
    identity: Switch = True
    alternating_flip: Switch = True
    averaging: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    mixup: Annotated[Number, Field(ge=0, le=10)] = 0.0
    erasing: Annotated[Whole, Field(ge=0, le=64)] = 0
    mirror_mean: Switch = False


Source = Literal["seed", "split", "search"]
SEED_ALONE: tuple[Source, ...] = ("seed",)


def _sources(vary: tuple[Source, ...]) -> tuple[Source, ...]:
    if "seed" not in vary or len({*vary}) < len(vary):
        raise ValueError('expected "seed", and beside it "split", "search", both or nothing')
    return tuple(source for source in get_args(Source) if source in vary)


class Training(Frozen):
    """How every model, of either family, is trained: the fairness contract in numbers.

    An epoch has at least `least_steps` batches: few images come in smaller batches, and are shown several times in it.
    `loop` is over "steps", which Python takes one by one, or over "epochs", each of which is one call of JAX' device.
    `vary` is in what replicates differ: in the seed of the training; each also in its split of the images that are not
    test images into training and validation; each also in its search, under its own seed. It is left out of a key where
    it is the seed alone. Source: Bouthillier et al., MLSys 2021.
    """

    replicates: Replicates
    epochs: Count
    batch_size: Count
    least_steps: Annotated[Whole, Field(ge=0, le=10_000)] = 0
    augment: Switch = True
    shift_limit: Annotated[Whole, Field(ge=0, le=MAX_SHIFT)] = MAX_SHIFT  # pixels, even where a dataset allows more
    deterministic: Switch = False
    loop: Literal["steps", "epochs"] = "steps"
    tricks: Tricks = Tricks()
    vary: Annotated[tuple[Source, ...], AfterValidator(_sources), Field(exclude_if=lambda vary: vary == SEED_ALONE)] = (
        SEED_ALONE
    )

    @property
    def has_own_searches(self) -> bool:
        """Whether each replicate has a search of its own; otherwise all of a family share one."""
        return "search" in self.vary


class Profile(Frozen):
    """A size of run: smoke, quick, full or gpu.

    `examples` is how many images of each official part are used at most, a sample of every class; None uses all.
    `backend` is Keras' for all that computes, unless the machine's owner names another one.
    """

    backend: Backend = "tensorflow"
    seed: Annotated[Whole, Field(ge=0, lt=2**31)]
    validation_fraction: Annotated[Number, Field(gt=0, le=0.5)]
    examples: Examples | None = None
    search: Search
    training: Training
