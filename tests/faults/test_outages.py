"""The S3 store while its server, or the way to it, fails: a real proxy breaks what passes to the embedded server."""

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psutil
import pytest

from tasks.local.swift.object_store import ObjectStore
from tasks.project import PROJECT
from tasks.storage.bucket import ATTEMPTS, S3Store
from tasks.storage.contract import MIB, StoreError
from tasks.storage.retries import RetryPolicy
from tests.support import fault_proxy as fault
from tests.support.http_server import silent_server
from tests.support.patience import PATIENCE
from tests.support.tiny_data import make_configuration

EAGER = RetryPolicy(PATIENCE, longest_pause=0.2)


@pytest.fixture
def proxy(s3_environment, monkeypatch):
    with fault.fault_proxy(s3_environment.environment["AWS_ENDPOINT_URL_S3"]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.address)
        yield proxy


@pytest.fixture
def store(proxy):
    return S3Store("like-for-like", uuid4().hex, EAGER)


@pytest.fixture
def operations(store, tmp_path):
    """Every operation by its HTTP method, as a function that does it and checks its result."""
    big = os.urandom(17 * MIB)
    (tmp_path / "big").write_bytes(big)
    store.write("there", b"x" * 1000)
    store.upload("big", tmp_path / "big")

    def download():
        store.download("big", tmp_path / "down")
        assert (tmp_path / "down").read_bytes() == big

    def upload(key):
        store.upload(key, tmp_path / "big")
        assert store.read(key) == big

    def write(key, **options):
        assert store.write(key, b"y" * 1000, **options)
        assert store.read(key) == b"y" * 1000

    def check(found, expected):
        assert found == expected

    return [
        ("GET", lambda: check(store.read("there"), b"x" * 1000)),
        ("GET", download),
        ("GET", lambda: check(list(store.list("there")), ["there"])),
        ("HEAD", lambda: check(store.exists("there"), True)),
        ("PUT", lambda: write(uuid4().hex)),
        ("PUT", lambda: write(uuid4().hex, if_absent=True)),
        ("PUT", lambda: upload(uuid4().hex)),
        ("POST", lambda: upload(uuid4().hex)),
        ("DELETE", lambda: store.delete("gone")),
    ]


@pytest.mark.parametrize(
    "broken",
    [
        fault.refused,
        fault.cut_request,
        fault.cut_answer,
        fault.ended_answer,
        fault.lost_answer,
        fault.slow(0.3),
        fault.answering(500, "InternalError"),
        fault.answering(503, "SlowDown"),
        fault.answering(409, "OperationAborted"),
    ],
    ids=["refused", "cut request", "cut answer", "ended answer", "lost answer", "slow", "500", "503", "409"],
)
def test_no_single_fault_is_noticed(proxy, operations, broken):
    """Each operation succeeds, with the right bytes, though its first request, or that of a part, goes wrong."""
    for method, operate in operations:
        proxy.plan(method, broken)
        operate()
        assert not proxy.faults[method], f"{method}: the fault was not met"


def test_an_outage_in_the_middle_is_bridged(proxy, operations, monkeypatch):
    """All operations at once, begun while nothing listens, end well when the server is back."""
    proxy.stop()
    back = []
    with ThreadPoolExecutor(len(operations)) as pool:
        running = [pool.submit(operate) for _, operate in operations]
        time.sleep(4)  # past what botocore bridges by itself, so that the store's own policy is what is needed
        assert not any(operation.done() for operation in running)
        back.append(fault.FaultProxy(f"http://{proxy.target[0]}:{proxy.target[1]}", proxy.server_port))
        for operation in running:
            operation.result()
    back[0].stop()


@pytest.mark.parametrize("status", [(500, "InternalError"), (503, "SlowDown"), (409, "ConditionalRequestConflict")])
def test_a_server_that_stays_busy_is_waited_for(proxy, store, status):
    """A conditional write that is answered with errors ten times over is ours when the server has time."""
    proxy.plan("PUT", *[fault.answering(*status)] * 10)
    assert store.write("key", b"ours", if_absent=True)
    assert len(proxy.seen) >= 11


# One is met by botocore's own second attempt, ATTEMPTS by the store's.
@pytest.mark.parametrize("lost", [1, ATTEMPTS])
@pytest.mark.parametrize("stored", [None, b"ours", b"theirs"])
def test_a_lost_answer_to_a_conditional_write(proxy, store, stored, lost):
    """The writer whose answers are lost is told that it won when the bytes are its own, and not when they are not."""
    if stored:
        store.write("key", stored)
    proxy.plan("PUT", *[fault.lost_answer] * lost)
    assert store.write("key", b"ours", if_absent=True) is (stored != b"theirs")
    assert store.read("key") == (stored or b"ours")


def test_another_writer_of_the_same_bytes_is_told_apart(proxy, store):
    """Where no answer was lost, the same bytes of somebody else are no victory."""
    store.write("key", b"ours")
    assert not store.write("key", b"ours", if_absent=True)


@pytest.mark.parametrize(
    "faults",
    [
        [fault.lost_answer],
        [fault.lost_answer] * ATTEMPTS,
        [fault.lost_answer, fault.answering(404, "NoSuchUpload")],  # as servers say that forget a completed upload
    ],
    ids=["once", "to every attempt", "and forgotten"],
)
def test_a_lost_end_of_a_multipart_upload(proxy, store, tmp_path, faults):
    """An upload of several parts whose completion was heard by the server alone succeeds; nothing half is left."""
    body = os.urandom(17 * MIB)
    (tmp_path / "big").write_bytes(body)
    proxy.plan("POST", fault.passing, *faults)
    store.upload("big", tmp_path / "big")
    assert store.read("big") == body
    assert list(store.unfinished()) == []


def test_an_outage_that_stays_is_one_line(proxy):
    """When the policy's time is over the error says which store, what happened and what to do, in one line."""
    store = S3Store("like-for-like", "x", RetryPolicy(1, longest_pause=0.1))
    for broken, said in ((fault.answering(503, "SlowDown"), "SlowDown"), (fault.refused, "Connection")):
        proxy.plan("GET", *[broken] * 200)
        with pytest.raises(StoreError, match=rf"^s3://like-for-like/x/key: \w*{said}\w*: .*; .*check") as raised:
            store.read("key")
        assert "\n" not in str(raised.value)
        assert len(proxy.seen) > 3


@pytest.fixture
def silent(monkeypatch):
    """What takes connections and never answers, in the place of the server."""
    with silent_server() as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        yield


def test_a_server_that_never_answers_is_given_up(silent, tmp_path):
    """Every operation ends with one line, within its policy's seconds and the silence of its first and last attempt."""
    store = S3Store("like-for-like", "x", RetryPolicy(1, longest_pause=0.1, silence=0.1))
    (tmp_path / "file").write_bytes(b"x")
    operations = [
        lambda: store.read("key"),
        lambda: store.download("key", tmp_path / "target"),
        lambda: store.exists("key"),
        lambda: list(store.list("key")),
        lambda: store.write("key", b"x"),
        lambda: store.write("key", b"x", if_absent=True),
        lambda: store.upload("key", tmp_path / "file"),
        lambda: store.delete("key"),
    ]
    with ThreadPoolExecutor(len(operations)) as pool:
        for ended in [pool.submit(operate) for operate in operations]:
            with pytest.raises(
                StoreError, match=r"x/key: ReadTimeoutError: .*; something listens there .*check"
            ) as raised:
                ended.result(PATIENCE)
            assert "\n" not in str(raised.value)


def test_a_stage_that_starts_before_its_store_waits_for_it(proxy, store, tmp_path):
    """The command is typed while nothing listens, tries, says so, and succeeds once the server is there."""
    proxy.stop()
    environment = os.environ | {"STORE": store.uri, "WORKFLOW_CONFIG": str(make_configuration(tmp_path / "config"))}
    line = [sys.executable, "-u", "-m", "tasks", "plan", "--run", "r1"]
    with subprocess.Popen(line, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True) as stage:
        said = next(text for text in stage.stdout if "trying again" in text)
        assert "trying again for up to 120 s" in said
        back = fault.FaultProxy(f"http://{proxy.target[0]}:{proxy.target[1]}", proxy.server_port)
        assert stage.wait(PATIENCE) == 0
    assert store.exists("runs/r1/request.json")
    back.stop()


def test_a_server_that_is_killed_and_started_again_costs_no_write(tmp_path, monkeypatch):
    """SIGKILL of all of the server in the middle of writes, then a new start elsewhere: every write is there."""
    with ObjectStore.start(tmp_path / "store") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        with fault.fault_proxy(server.environment["AWS_ENDPOINT_URL_S3"]) as proxy:
            monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.address)
            store, wrote = S3Store("like-for-like", "", EAGER), threading.Event()
            with ThreadPoolExecutor(4) as pool:
                writers = [pool.submit(write_many, store, str(number), wrote) for number in range(4)]
                assert wrote.wait(PATIENCE)
                kill(tmp_path / "store")
                with ObjectStore.start(tmp_path / "store") as again:
                    proxy.aim(again.environment["AWS_ENDPOINT_URL_S3"])
                    written = {key: body for writer in writers for key, body in writer.result().items()}
                    assert {key: store.read(key) for key in written} == written


def write_many(store, name, wrote):
    """Write sixty objects, each as the only one of its key; what was written."""
    written = {f"{name}/{number}": os.urandom(20_000) for number in range(60)}
    for number, (key, body) in enumerate(written.items()):
        assert store.write(key, body, if_absent=True)
        if number == 10:
            wrote.set()
    return written


def kill(folder):
    """SIGKILL the server's supervisor and all that it started."""
    supervisor = psutil.Process(json.loads((folder / "connection.json").read_text())["pid"])
    processes = [*supervisor.children(recursive=True), supervisor]
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, timeout=PATIENCE)
