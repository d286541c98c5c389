"""How a run differs from an earlier one: the request, data, code and surroundings, and what that did to results."""

from typing import Literal, get_args

from pydantic import model_validator

from tasks.comparison.schema.values import Count, Gap, Share
from tasks.settings.values import Frozen, Sha256

# In the order in which differences are named: first what a person chose, and of that first what changes most.
Kind = Literal["tricks", "training", "search", "budgets", "request", "data", "code", "environment"]
KINDS: tuple[str, ...] = get_args(Kind)
Relation = Literal[
    "same models",
    "same training",
    "same test part",
    "other test part",
    "unknown test part",
    "other classes",
    "no result",
]
# With more than one seed in each run.
TESTED: tuple[Relation, ...] = ("same test part", "other test part", "unknown test part")


class Change(Frozen):
    """One thing that differs: `what` was `before`, and is `after`. Both are words; null where they are too long.

    `phrase` says it in a sentence: "mixup 0.2 (was off)".
    """

    kind: Kind
    what: str
    before: str | None = None
    after: str | None = None
    phrase: str


class Shift(Frozen):
    """The accuracy of one family on one dataset at one budget, in the earlier run and in this one.

    Attributes:
        before, after: means over the seeds; null where that run has no result.
        seeds_before, seeds: how many.
        relation: of the two results. "same models" were measured on the same test part, and are trainings that both
            runs share. "same training": the seeds that both have are shared, and one run has more. Other models on the
            same test part are compared example by example; on another one, or one that a report does not know, as two
            independent samples. Other classes are another task, and are not compared.
        estimate: `after` minus `before`; null without a result, and with other classes.
        low, high: its interval by itself.
        p_value: of no difference, adjusted by Holm's method for all shifts that are tested.
        exceeds_noise: null, as interval and p-value, for the same training, and where a run has one seed: that does not
            tell how much trainings differ.
    """

    dataset: str
    title: str
    budget: Count
    family: str
    before: Share | None = None
    after: Share | None = None
    seeds_before: Count = 0
    seeds: Count = 0
    relation: Relation
    estimate: Gap | None = None
    low: Gap | None = None
    high: Gap | None = None
    p_value: Share | None = None
    p_value_unadjusted: Share | None = None
    exceeds_noise: bool | None = None

    @model_validator(mode="after")
    def _is_tested_or_not(self):
        tested = self.relation in TESTED and min(self.seeds_before, self.seeds) > 1
        given = {each is not None for each in (self.low, self.high, self.p_value, self.exceeds_noise)}
        if given != {tested}:
            place = f"{self.family} on {self.dataset}"
            raise ValueError(f"{place}: expected a test if, and only if, both runs have several models of their own")
        return self


class Since(Frozen):
    """What differs from the run `run`, whose report was made at `created`.

    Attributes:
        sha256: of that report's `report.json`. Another one may take its place later.
        line: all of it in one sentence.
    """

    run: str
    created: str
    sha256: Sha256
    changes: tuple[Change, ...] = ()
    shifts: tuple[Shift, ...] = ()
    line: str
