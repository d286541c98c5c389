"""How models are searched for and trained: the profiles, and the fairness contract in numbers."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.settings.dataset import MAX_SHIFT
from tasks.settings.values import Count, Fraction, Frozen

BUDGET_TOLERANCE = 0.01  # of a budget, above and below: how near every model's parameter count must be
MAX_SHARDS = 64  # of one search
MAX_REPLICATES = 100
Replicates = Annotated[int, Field(ge=1, le=MAX_REPLICATES)]
Examples = Annotated[int, Field(ge=1, le=1_000_000_000)]


class Search(Frozen):
    """How hyper-parameters are searched; `fraction` of the training part is what a trial learns from.

    `shards` is how many tasks share the trials of a family; the trials, and the best of them, are the same for any.
    """

    tuner: Literal["random", "bayesian", "hyperband"]
    trials: Count
    epochs: Count
    fraction: Fraction = 1.0
    shards: Annotated[int, Field(ge=1, le=MAX_SHARDS)] = 1

    @model_validator(mode="after")
    def _can_be_shared_out(self):
        if self.shards > 1 and self.tuner != "random":
            raise ValueError(
                f"expected shards = 1 for {self.tuner}, which learns from earlier trials, received {self.shards}; "
                "only the random tuner can share its trials out"
            )
        if self.shards > self.trials:
            raise ValueError(f"expected at most one shard a trial ({self.trials}), received {self.shards}")
        return self

    def numbers(self, shard: int) -> tuple[int, ...]:
        """The trials that `shard` runs; together the shards run each trial once."""
        return tuple(range(shard, self.trials, self.shards))


class Tricks(Frozen):
    """What shortens or improves a training, each by its name: off is `false` or 0. The same for both families.

    `whitening`: a first layer that starts from the training images; `identity`: blocks that start as the identity;
    `alternating_flip`: mirrored in every second epoch, not at random; `averaging`: the decay of the weights' moving
    average; `mixup`: the parameter of the Beta distribution that mixes images; `erasing`: pixels, the side of a square
    of noise; `middle_stage`: one more stage of the CNN, after the first, at half the image's side: a better model of
    the same size that takes twice the time on a CPU. An ANN ignores it.
    """

    optimizer: Literal["muon", "adamw"] = "muon"
    whitening: bool = True
    identity: bool = True
    alternating_flip: bool = True
    averaging: Annotated[float, Field(ge=0, lt=1)] = 0.0
    mixup: Annotated[float, Field(ge=0, le=10)] = 0.0
    erasing: Annotated[int, Field(ge=0, le=64)] = 0
    middle_stage: bool = False


class Training(Frozen):
    """How every model, of either family, is trained: the fairness contract in numbers."""

    replicates: Replicates
    epochs: Count
    batch_size: Count
    augment: bool = True
    shift_limit: Annotated[int, Field(ge=0, le=MAX_SHIFT)] = MAX_SHIFT  # pixels, even where a dataset allows more
    deterministic: bool = False
    tricks: Tricks = Tricks()


class Profile(Frozen):
    """A size of run: smoke, quick, full or gpu.

    `examples` is how many images of each official part are used at most, a sample of every class; None uses all.
    """

    seed: Annotated[int, Field(ge=0, lt=2**31)]
    validation_fraction: Annotated[float, Field(gt=0, le=0.5)]
    examples: Examples | None = None
    search: Search
    training: Training
