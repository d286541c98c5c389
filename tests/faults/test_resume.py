"""Real stage processes, killed by SIGKILL at chosen and at random instants: nothing finished is done twice."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from tasks.learning.search import trials
from tasks.project import PROJECT
from tasks.runs import execution
from tasks.runs.records import read_record
from tasks.runs.scratch import PREFIX
from tasks.settings.place import Place
from tasks.settings.request import Parameters
from tasks.stages import choose, fetch, normalize, search, train
from tasks.stages.plan import Machine, plan
from tasks.storage.artifacts import find, materialize
from tasks.storage.location import open_store
from tests.support import dying
from tests.support.patience import PATIENCE
from tests.support.results import reached
from tests.support.tiny_data import make_configuration, make_mirror

RUN, EPOCHS = "r1", 20
DATA = Place("cifar10")
MODEL, SHARD, SEED = Place("cifar10", "ann"), Place("cifar10", "ann", shard=0), Place("cifar10", "ann", seed=0)
WISH = Parameters(profile="smoke", datasets=("cifar10",), families=("ann",), epochs=EPOCHS, trials=3)


class Work:
    """A stage at its place in a folder that holds the configuration and the store of a run."""

    def __init__(self, folder, stage, place):
        self.folder, self.stage, self.place = folder, stage, place
        self.store = open_store((folder / "store").as_uri())
        self.logs = []

    def done(self):
        """Do the stage, undisturbed, in a process of its own; the folder with its result."""
        assert self.begin().wait(PATIENCE) == 0, self.logs[-1].read_text()
        record = read_record(self.store, RUN, self.place, self.stage.name)
        manifest = find(self.store, self.stage.name, record["key"])
        result = self.folder / f"{self.stage.name} result"
        result.mkdir()
        materialize(self.store, manifest, manifest.files, result)
        return result

    def begin(self, *module):
        """Begin the stage in a process of its own: `python -m tasks`, or another `module` with its first arguments."""
        part = [f"--{name}=0" for name in ("seed", "shard") if getattr(self.place, name) is not None]
        names = ["--run", RUN, "--dataset", self.place.dataset, "--family", self.place.family, *part]
        line = [sys.executable, "-m", *(module or ["tasks"]), self.stage.name, *names]
        environment = os.environ | {"STORE": self.store.uri, "TMPDIR": str(self.folder)}
        self.logs.append(self.folder / f"attempt-{len(self.logs)}.log")
        with self.logs[-1].open("w") as log:
            return subprocess.Popen(line, cwd=PROJECT, env=environment, stdout=log, stderr=log)

    def files(self, area):
        """What lies in `checkpoints` or `artifacts` of this stage, half-written files ('~...') among them."""
        tree = os.walk(self.folder / "store" / area / self.stage.name)
        return [Path(top, name) for top, _, names in tree for name in names]

    def steps(self):
        """The steps of the checkpoints that stand."""
        return sorted(int(path.name[:6]) for path in self.files("checkpoints") if not path.name.startswith("~"))

    def highest(self):
        """The highest of them, or 0."""
        return max(self.steps(), default=0)

    def is_half_written(self, area):
        """Whether a file of the area is being written."""
        return any(path.name.startswith("~") for path in self.files(area))

    def is_committed(self):
        return any(path.name == "manifest.json" for path in self.files("artifacts"))


@pytest.fixture(scope="module")
def normalized(tmp_path_factory):
    """A run whose data is there; many small steps an epoch, all reproducible, and one shard."""
    folder = tmp_path_factory.mktemp("normalized")
    mirror, config = make_mirror(folder / "mirror"), make_configuration(folder / "config")
    workflow = config / "workflow.toml"
    text = workflow.read_text(encoding="utf-8").replace("batch_size = 64", "batch_size = 2").replace("\nshards", "\n#")
    workflow.write_text(text, encoding="utf-8")
    store = open_store((folder / "store").as_uri())
    wish = WISH.model_dump_json(exclude_none=True)
    request = plan(store, RUN, parameters=wish, config=config, machine=Machine(str(mirror)))
    for stage in (fetch, normalize):
        execution.execute(stage.STAGE, request, DATA, store)
    return folder


@pytest.fixture(scope="module")
def searched(normalized, tmp_path_factory):
    """The same with its search, undisturbed, and its choice."""
    folder = shutil.copytree(normalized, tmp_path_factory.mktemp("searched") / "run")
    Work(folder, search.STAGE, SHARD).done()
    Work(folder, choose.STAGE, MODEL).done()
    return folder


def killed(work, instant):
    """Begin the stage, and kill it where `instant(work, since)` is true; whether it came to that.

    `since` is the highest checkpoint that stood before.

    The process runs in slices of a millisecond, so that what was seen is what the kill meets, and little is missed.
    """
    since, process, end = work.highest(), work.begin(), time.monotonic() + PATIENCE
    try:
        while time.monotonic() < end:
            process.send_signal(signal.SIGSTOP)
            if os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT).si_code != os.CLD_STOPPED:
                return False
            if instant(work, since):
                return True
            process.send_signal(signal.SIGCONT)
            time.sleep(0.001)
        return False
    finally:
        process.kill()
        process.wait()


def at_random(chance):
    """Some slices after the work began."""
    left = chance.randrange(10, 400)

    def instant(work, since):
        nonlocal left
        left -= read_record(work.store, RUN, work.place, work.stage.name) is not None
        return left < 0

    return instant


def died(work, instant):
    """Begin the stage, and let it kill itself at an instant of `tests.support.dying`; whether it came to that."""
    return work.begin("tests.support.dying", instant.__name__).wait(PATIENCE) == -signal.SIGKILL


KILLS = {  # each with what is to be seen afterwards
    "at random": (lambda work: killed(work, at_random(random.Random(0))), lambda work: not work.is_committed()),
    "a checkpoint is being written": (
        lambda work: died(work, dying.a_checkpoint_is_being_written),
        lambda work: work.is_half_written("checkpoints"),
    ),
    "the artifact's files are written": (
        lambda work: died(work, dying.the_files_are_written),
        lambda work: work.is_half_written("artifacts") and not work.is_committed(),
    ),
    "its manifest stands": (
        lambda work: died(work, dying.the_manifest_stands),
        lambda work: work.is_committed() and work.steps(),
    ),
}


def without_seconds(records):
    return [{name: value for name, value in record.items() if name != "seconds"} for record in records]


def weights(folder):
    """Every array of the model's weights, by its name."""
    found = {}
    with h5py.File(folder / "model.weights.h5") as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    assert found
    return found


def test_a_training_killed_at_any_instant_ends_as_the_undisturbed_one(searched, tmp_path):
    """Each attempt goes on from the highest checkpoint; weights are equal bit by bit, the history but for its clock."""
    whole = Work(shutil.copytree(searched, tmp_path / "whole"), train.STAGE, SEED).done()
    work = Work(shutil.copytree(searched, tmp_path / "killed"), train.STAGE, SEED)
    for name, (kill, is_seen) in KILLS.items():
        before = work.highest()
        assert kill(work), f"{name}: the stage ended before; {work.logs[-1].read_text()}"
        assert is_seen(work), name
        log = work.logs[-1].read_text()
        assert (f"goes on after epoch {before}/{EPOCHS}" in log) == (before > 0), (name, log)
        assert work.highest() >= before
        assert len(work.steps()) <= 3, "two, and one that was to go when the kill came"
    result = work.done()
    assert work.steps() == []
    assert list(work.folder.glob(f"{PREFIX}*")) == [], "each process swept the scratch of the one killed before it"
    one, other = weights(whole), weights(result)
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name], other[name]) for name in one)
    histories = [json.loads((folder / "history.json").read_text()) for folder in (whole, result)]
    assert without_seconds(histories[0]) == without_seconds(histories[1])


def test_a_search_killed_at_any_instant_ends_as_the_undisturbed_one(normalized, searched, tmp_path):
    """Every trial that had finished is there to its last digit, and none is run twice."""
    whole = trials.load((searched / "search result" / "trials.json").read_bytes())
    work = Work(shutil.copytree(normalized, tmp_path / "killed"), search.STAGE, SHARD)
    for instant in (lambda work, since: work.highest() > since, at_random(random.Random(1))):
        assert killed(work, instant), work.logs[-1].read_text()
    finished = work.highest()
    (kept,) = [path for path in work.files("checkpoints") if path.name.startswith(f"{finished:06d}")]
    before = trials.load(kept.read_bytes())
    tried = trials.load((work.done() / "trials.json").read_bytes())
    assert tried[:finished] == before
    assert reached(tried) == reached(whole)
    assert work.steps() == []
