"""Champions while a promotion or a rollback is killed, or the store fails: they stay whole, and a retry ends it."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from itertools import count
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import pytest

from tasks.errors import DataError
from tasks.project import PROJECT
from tasks.registry.champions import candidates, decisions, ledger
from tasks.registry.champions.promotion import Approval, Consent, conclude, rollback
from tasks.runs.order import publish
from tasks.runs.records import now
from tasks.storage.artifacts import find_whole
from tasks.storage.bucket import S3Store
from tasks.storage.contract import StoreError
from tasks.storage.location import open_store
from tasks.storage.retries import RetryPolicy
from tests.support import champions
from tests.support import fault_proxy as fault
from tests.support.champions import DATASET
from tests.support.patience import PATIENCE
from tests.support.real_run import make_environment, make_run
from tests.support.stage_commands import in_a_process

ADA = Consent("ada", "It is good.")
APPROVED = Approval(answer="approved", by="ada")
PROMOTE = ("promote", "--run", "asked", "--dataset", DATASET)
REFUSED = fault.answering(403, "AccessDenied")
MANY = 50  # more requests than a promotion makes


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """The variables of a store with a real run, whose candidate passed the gate."""
    environment = make_environment(tmp_path_factory.mktemp("machine"))
    make_run(environment, "r1")
    store = open_store(environment["STORE"])
    candidate = candidates.candidate_of(store, "r1", DATASET)
    decisions.keep_decision(store, champions.decision("asked", candidate=candidate))
    return os.environ | environment | {"APPROVAL": APPROVED.model_dump_json()}


def died(environment, number, *arguments):
    """Type `python -m tasks ...`, which kills itself just before the store's Nth change; whether it came to that."""
    line = [sys.executable, "-m", "tests.support.dying", str(number), *arguments]
    place = {"cwd": PROJECT, "env": environment, "timeout": PATIENCE}
    done = subprocess.run(line, capture_output=True, text=True, check=False, **place)
    assert done.returncode in (0, -signal.SIGKILL), done.stdout + done.stderr
    return done.returncode == -signal.SIGKILL


@pytest.fixture(scope="module")
def exported(machine):
    """The same after promotions that were killed before each write of the export, and the last before the next one."""
    store = open_store(machine["STORE"])
    for number in count(1):
        assert died(machine, number, *PROMOTE)
        assert ledger.entries(store, DATASET) == []
        manifests = [key for key in store.list("artifacts/export/") if key.endswith("/manifest.json")]
        if manifests:
            break
    assert number > 3, "the files of the export and its manifest are so many writes"
    return machine


def copied(environment, folder):
    """The same variables, of a copy of the store."""
    shutil.copytree(Path(unquote(urlsplit(environment["STORE"]).path)), folder / "store")
    return environment | {"STORE": (folder / "store").as_uri()}


def test_a_promotion_killed_while_it_exports_is_ended_by_the_next_attempt(exported, tmp_path):
    """No entry named an unfinished export. The next attempt uses what was exported, and writes entry and answer."""
    environment = copied(exported, tmp_path)
    ended(environment, made_an_export=False)


@pytest.mark.parametrize("number", [1, 2], ids=["before the entry", "before the answer"])
def test_a_promotion_killed_after_its_export_is_ended_by_the_next_attempt(exported, tmp_path, number):
    """There is one entry or none. The next attempt recognises its own."""
    environment = copied(exported, tmp_path)
    assert died(environment, number, *PROMOTE)
    assert len(ledger.entries(open_store(environment["STORE"]), DATASET)) == number - 1
    ended(environment, made_an_export=False)


def ended(environment, *, made_an_export):
    """Promote without a kill, twice: one entry with a whole export, and one answer."""
    store = open_store(environment["STORE"])
    for _ in range(2):
        done = in_a_process(environment, *PROMOTE)
        assert done.code == 0, done.output
        assert "is now champion 1 of cifar10, approved by ada." in done.output
        assert ("exporting" in done.output) == made_an_export
    (entry,) = ledger.entries(store, DATASET)
    assert (entry.number, entry.decision, entry.who) == (1, "asked", "ada")
    assert find_whole(store, "export", entry.export)
    assert decisions.answer(store, DATASET, "asked").number == 1


def test_a_rollback_killed_around_its_write_is_done_or_not(tmp_path):
    """It is one write: before it nothing has happened, and after it all has. Another attempt writes no second entry."""
    environment = {"STORE": (tmp_path / "store").as_uri()}
    store, line = open_store(environment["STORE"]), ("champion", "rollback", DATASET, "--to", "1")
    before = [ledger.append(store, champions.entry(number, f"quick-{number}")) for number in (1, 2)]
    assert died(os.environ | environment, 1, *line)
    assert ledger.entries(store, DATASET) == before
    assert died(os.environ | environment, 2, *line), "the history of the runs is told after it"
    assert [entry.restores for entry in ledger.entries(store, DATASET)] == [None, None, 1]
    again = in_a_process(environment, *line)
    assert (again.code, "number 1 is the present champion" in again.output) == (65, True)
    assert len(ledger.entries(store, DATASET)) == 3


@pytest.fixture
def proxy(s3_environment, monkeypatch):
    """A proxy on the way to the embedded server."""
    with fault.fault_proxy(s3_environment.environment["AWS_ENDPOINT_URL_S3"]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.address)
        yield proxy


@pytest.mark.parametrize(
    ("method", "broken"),
    [("GET", REFUSED), ("PUT", REFUSED), ("PUT", fault.lost_answer)],
    ids=["reads refused", "writes refused", "answers to writes lost"],
)
def test_a_store_that_fails_in_a_promotion_leaves_champions_whole(proxy, method, broken):
    """From its Nth request on it answers nothing more; the next attempt, when it is well again, ends the promotion."""
    for passed in count():
        proxy.plan("GET")
        store = S3Store("like-for-like", uuid4().hex, RetryPolicy(0))
        publish(store, "quick-1", "complete")
        publish(store, "quick-2", "complete")
        first = ledger.append(store, champions.entry(1))
        made = decisions.keep_decision(store, champions.decision("asked", "quick-2", champion=1, when=now()))
        proxy.plan(method, *[fault.passing] * passed, *[broken] * MANY)
        is_met = False
        try:
            conclude(store, made, APPROVED, lambda model: "e" * 40)
        except StoreError:
            is_met = True
        proxy.plan("GET")
        assert ledger.entries(store, DATASET)[0] == first
        assert conclude(store, made, APPROVED, lambda model: "e" * 40).answer == "promoted"
        assert [entry.decision for entry in ledger.entries(store, DATASET)] == ["asked-1", "asked"]
        if not is_met:
            break
    assert passed >= {"GET": 5, "PUT": 2}[method], "a promotion makes so many requests"


@pytest.mark.parametrize("broken", [REFUSED, fault.lost_answer], ids=["refused", "lost"])
def test_a_store_that_fails_in_a_rollback_leaves_champions_whole(proxy, broken):
    """There is one more entry or none, and all are whole."""
    store = S3Store("like-for-like", uuid4().hex, RetryPolicy(0))
    before = [ledger.append(store, champions.entry(number, f"quick-{number}")) for number in (1, 2)]
    proxy.plan("PUT", *[broken] * MANY)
    with suppress(StoreError):
        rollback(store, DATASET, 1, ADA)
    proxy.plan("GET")
    with suppress(DataError):  # it is there: the store had done as it was asked, and only its answer was lost
        rollback(store, DATASET, 1, ADA)
    assert ledger.entries(store, DATASET)[:2] == before
    assert [entry.restores for entry in ledger.entries(store, DATASET)[2:]] == [1]
