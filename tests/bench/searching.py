"""How a search grows with its trials: its seconds for each and its memory, of tiny trainings in one process."""

from functools import partial

from tasks.runs.meter import Taken
from tasks.settings.dataset import Augmentation
from tasks.settings.loading import load_configuration
from tasks.settings.training import Profile
from tests.bench.clock import timed
from tests.bench.process import alone
from tests.bench.section import Section
from tests.support.tiny_data import CLASSES, SIDE, images_and_labels

SIZES = (1, 8, 32)


def searching() -> list[Section]:
    """A row for each family and number of trials."""
    configuration = load_configuration()
    profile, rows = configuration.profiles["smoke"], []
    for family in configuration.families:
        for size in SIZES:
            found = alone(partial(searched, profile, family, size))
            taken = found.result
            rows.append(
                {
                    "family": family,
                    "trials": size,
                    "search, s": taken.seconds,
                    "a trial, s": taken.seconds / size,
                    "a trial, CPU s": taken.cpu_seconds / size,
                    "peak memory, MB": found.peak / 1e6,
                }
            )
    return [Section("Growth of a search", rows)]


def searched(profile: Profile, family: str, trials: int) -> Taken:
    """What one search takes."""
    from tasks.learning.network import Description
    from tasks.learning.search.proposals import TrialShare
    from tasks.learning.search.trial_runner import SearchInput, search

    description = Description(
        family=family, shape=(SIDE, SIDE, 3), classes=CLASSES, budget=5_000, mean=(120,) * 3, std=(60,) * 3
    )
    given = SearchInput(
        description=description,
        train=images_and_labels(150, 3, seed=1),
        validation=images_and_labels(60, 3, seed=2),
        training=profile.training,
        augmentation=Augmentation(),
        seed=profile.seed,
    )
    settings = profile.search.model_copy(update={"trials": trials, "shards": 1})
    share = TrialShare(settings, range(trials))
    found, taken = timed(lambda: search(given, share, lambda trials: None, lambda line: None))
    if failed := [trial.error for trial in found if trial.status == "failed"]:
        raise RuntimeError(f"expected trials that succeed, received {failed[0]}")
    return taken
