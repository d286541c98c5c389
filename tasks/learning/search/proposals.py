"""The trials that a search proposes. The random tuner draws them by number; the others use Keras Tuner's oracles.

Every tuner tries the values of the space first, so that even a short search includes values that work.
"""

import math
import random
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from typing import Any, NamedTuple

import keras_tuner
from keras_tuner import oracles
from keras_tuner.engine.trial import TrialStatus

from tasks.learning.search.trials import Trial
from tasks.settings.training import Search

OBJECTIVE = keras_tuner.Objective("val_accuracy", "max")
# What stands beside the values of a proposal that is no whole trial. Hyperband names the last two so.
NUMBER, EPOCHS, EARLIER = "tuner/number", "tuner/epochs", "tuner/trial_id"
# The shares of its epochs after which a trial of a cohort is judged. Before, the learning rate is near its peak, where
# a trial with a high one looks worse than it ends.
JUDGED = (1 / 2, 3 / 4)
REDRAWS = 20  # draws for one trial; if none of them is new, the space counts as used up


class TrialShare(NamedTuple):
    """The trials of a search that one shard runs, by number. `finished` are the trainings of an interrupted attempt."""

    settings: Search
    numbers: Sequence[int]
    finished: Sequence[Trial] = ()


def proposals(space: keras_tuner.HyperParameters, seed: int) -> Iterator[dict]:
    """The trials of a random search in the order of their numbers, until the space is used up.

    Trial 0 has the values of `space`. Trial n draws from its own generator, seeded by (seed, n), and draws again if an
    earlier trial has the same values. So any process can compute any trial without running the others.
    """
    proposed: list[dict] = []
    values: dict | None = dict(space.values)
    while values is not None:
        yield values
        proposed.append(values)
        rng = random.Random(f"{seed}/{len(proposed)}")  # noqa: S311 - reproducible, not secret
        draws = (_drawn(space, rng) for _ in range(REDRAWS))
        values = next((drawn for drawn in draws if drawn not in proposed), None)


def _drawn(space: keras_tuner.HyperParameters, rng: random.Random) -> dict:
    """A random value for each dimension of `space` that is active under the values drawn before it."""
    hp = keras_tuner.HyperParameters()
    for dimension in space.space:
        hp.merge([dimension])
        if hp.is_active(dimension):
            hp.values[dimension.name] = dimension.random_sample(rng.getrandbits(32))
    return hp.values


class _Random(keras_tuner.Oracle):
    """Proposes those trials of the seed's random search that have these numbers."""

    def __init__(self, numbers: Sequence[int], **common: Any):
        super().__init__(max_trials=len(numbers), **common)
        numbered = enumerate(proposals(self.get_space(), self.seed))
        self._proposals = (values for number, values in numbered if number in numbers)

    def populate_space(self, trial_id: str) -> dict:
        values = next(self._proposals, None)
        return {"status": TrialStatus.RUNNING if values else TrialStatus.STOPPED, "values": values}


class _Cohorts(keras_tuner.Oracle):
    """Proposes the same trials as _Random, each cohort by successive halving.

    All of a cohort are trained for the first share of their epochs, the better half of them up to the next one, and so
    on. Of equal trials the earlier goes on, and a failed one never does. What follows depends on the cohort alone.
    Jamieson and Talwalkar, https://arxiv.org/abs/1502.07943.
    """

    def __init__(self, settings: Search, numbers: Sequence[int], **common: Any):
        super().__init__(**common)
        numbered = enumerate(islice(proposals(self.get_space(), self.seed), numbers[-1] + 1))
        drawn = {number: values for number, values in numbered if number in numbers}
        self._trial_ids: dict[int, str] = {}
        self._proposals = (
            {**drawn[number], NUMBER: number, EPOCHS: epochs, EARLIER: self._trial_ids.get(number)}
            for _, cohort in groupby(drawn, key=lambda number: number // settings.cohort)
            for epochs, number in self._trained(list(cohort), settings.epochs)
        )

    def _trained(self, running: list[int], epochs: int) -> Iterator[tuple[int, int]]:
        """Up to which epoch who of a cohort is trained, in order. Whoever asks for one has trained those before it."""
        for until in rungs(epochs):
            if len(running) > 1 or until == epochs:
                yield from ((until, number) for number in running)
                running = self._better_half(running)

    def _better_half(self, running: Sequence[int]) -> list[int]:
        """Those of `running` that go on, in their order."""
        scores = {number: self.trials[self._trial_ids[number]].score for number in running}
        ranked = sorted((-score, number) for number, score in scores.items() if score is not None)
        return sorted(number for _, number in ranked[: math.ceil(len(running) / 2)])

    def populate_space(self, trial_id: str) -> dict:
        values = next(self._proposals, None)
        if values is None:
            return {"status": TrialStatus.STOPPED}
        self._trial_ids[values[NUMBER]] = trial_id
        return {"status": TrialStatus.RUNNING, "values": values}


def rungs(epochs: int) -> list[int]:
    """The epochs after which the trials of a cohort are judged, and the last one."""
    return sorted({*(math.ceil(share * epochs) for share in JUDGED), epochs})


class _Hyperband(oracles.HyperbandOracle):
    """Successive halving, whose first trial has the values of the space.

    Li et al., "Hyperband", https://jmlr.org/papers/v18/16-558.html.
    """

    def _random_values(self) -> dict | None:
        return super()._random_values() if self.trials else dict(self.get_space().values)


class _Bayesian(oracles.BayesianOptimizationOracle):
    """Bayesian optimisation, whose first trial has the values of the space."""

    def populate_space(self, trial_id: str) -> dict:
        if not self.trials:
            return {"status": TrialStatus.RUNNING, "values": dict(self.get_space().values)}
        return super().populate_space(trial_id)


def oracle_for(share: TrialShare, space: keras_tuner.HyperParameters, seed: int) -> keras_tuner.Oracle:
    """The oracle that proposes the trials of `share`. Failures never stop it. Its seed is never 0, which means none."""
    settings = share.settings
    common: dict[str, Any] = {
        "objective": OBJECTIVE,
        "hyperparameters": space,
        "seed": seed + 1,
        "max_consecutive_failed_trials": settings.trials + 1,
    }
    if settings.tuner == "random":
        if settings.cohort > 1:
            return _Cohorts(settings, share.numbers, **common)
        return _Random(share.numbers, **common)
    if settings.tuner == "bayesian":
        # By default, Keras Tuner tries three random points for each dimension: more than most searches have in all.
        return _Bayesian(max_trials=settings.trials, num_initial_points=max(3, settings.trials // 3), **common)
    oracle = _Hyperband(max_epochs=settings.epochs, **common)
    oracle.max_trials = settings.trials  # the same for every family, whatever its brackets are
    return oracle
