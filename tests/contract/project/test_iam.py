"""The policies for AWS allow what the code asks S3 for, and nothing else: the calls are recorded as they are made."""

import json
from contextlib import suppress
from datetime import timedelta
from fnmatch import fnmatchcase
from uuid import uuid4

import pytest
from PIL import Image

from tasks.commands import prediction
from tasks.local.view import outcome
from tasks.project import CONFIG
from tasks.registry.champions import ledger
from tasks.registry.champions.candidates import candidate_of
from tasks.runs import execution
from tasks.runs.garbage import find_garbage
from tasks.runs.requests import read_request
from tasks.settings.place import Place
from tasks.stages import fetch, normalize
from tasks.stages.plan import Machine, plan
from tasks.stages.report import report
from tasks.storage.bucket import S3Store
from tasks.storage.contract import MIB, StoreError
from tests.support import champions
from tests.support.real_run import make_environment, make_run
from tests.support.stage_commands import in_this_process
from tests.support.tiny_data import make_configuration, make_mirror

BUCKET = "like-for-like"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
ACTIONS = {
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "DeleteObject": "s3:DeleteObject",
    "DeleteObjects": "s3:DeleteObject",
    "ListObjectsV2": "s3:ListBucket",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "ListParts": "s3:ListMultipartUploadParts",
}
# A policy cannot limit it to a prefix: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
WITHOUT_PREFIX = "s3:ListBucketMultipartUploads"
# Asked only to word an error better; a refusal is taken for "there is a bucket".
DISPENSABLE = {"HeadBucket"}


class Recorded(S3Store):
    """A store that notes each call: (action, resource, the prefix of a listing)."""

    def __init__(self, prefix):
        super().__init__(BUCKET, prefix)
        self.calls = set()
        self._client.meta.events.register("provide-client-params.s3", self._note)

    def _note(self, params, model, **_):
        if model.name in DISPENSABLE:
            return
        key = f"/{params['Key']}" if "Key" in params else ""
        resource = f"arn:aws:s3:::{params['Bucket']}{key}"
        self.calls.add((ACTIONS[model.name], resource, params.get("Prefix")))


@pytest.fixture
def store(s3_environment):
    return Recorded(uuid4().hex)


def policy(name, prefix):
    text = (CONFIG / "iam" / f"{name}.json").read_text()
    return json.loads(text.replace("BUCKET", BUCKET).replace("PREFIX", prefix))["Statement"]


def allows(statements, action, resource, prefix):
    """Whether the policy lets a call through, as far as these policies use IAM's language."""
    for statement in statements:
        assert statement["Effect"] == "Allow"
        assert not (WITHOUT_PREFIX in statement["Action"] and "Condition" in statement)
        assert statement.keys() <= {"Sid", "Effect", "Action", "Resource", "Condition"}
        limits = statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix", ["*"])
        inside = any(fnmatchcase(prefix or "", limit) for limit in limits)
        named = statement["Resource"]
        reached = any(fnmatchcase(resource, each) for each in ([named] if isinstance(named, str) else named))
        if action in statement["Action"] and reached and inside:
            return True
    return False


def actions(statements):
    return {action for statement in statements for action in statement["Action"]}


def run_stages(store, folder):
    """A run from its plan to its report, as far as it goes without a training."""
    configuration = make_configuration(folder / "config")
    params = {"profile": "smoke", "datasets": ["cifar10"], "families": ["ann"]}
    mirror = str(make_mirror(folder / "mirror"))
    plan(store, "r", parameters=json.dumps(params), config=configuration, machine=Machine(mirror))
    request = read_request(store, "r")
    for _ in range(2):  # the second time everything is found and verified
        for stage in (fetch.STAGE, normalize.STAGE):
            execution.execute(stage, request, Place("cifar10"), store)
    report(request, store)


def exercise(store, folder):
    """What else a store is asked to do: a big file in parts, whole and broken off, and things that are not there."""
    (folder / "big").write_bytes(bytes(17 * MIB))
    store.upload("big", folder / "big")
    store.delete("big")
    store.exists("missing")
    broken = []

    def break_off(**_):
        broken.append(True)
        raise OSError("no network")

    store._client.meta.events.register("before-call.s3.UploadPart", break_off)
    with suppress(StoreError, OSError):
        store.upload("big", folder / "big")
    assert broken


def test_the_worker_may_do_what_it_does_and_nothing_else(store, tmp_path):
    """Every call of a run and of the store is allowed below the prefix; every action that is allowed is used."""
    run_stages(store, tmp_path)
    exercise(store, tmp_path)
    prefix = store.uri.rpartition("/")[2]
    statements = policy("worker", prefix)
    assert len(store.calls) > 20
    assert {call for call in store.calls if not allows(statements, *call)} == set()
    assert actions(statements) == {action for action, _, _ in store.calls}


def test_the_reader_may_fetch_reports_and_nothing_else(store, tmp_path, monkeypatch):
    """Who brings a report home needs no more than the reader's policy, and it opens nothing else."""
    run_stages(store, tmp_path)
    store.calls.clear()
    monkeypatch.chdir(tmp_path)
    assert outcome.download(store, "r")
    prefix = store.uri.rpartition("/")[2]
    statements = policy("reader", prefix)
    assert {call for call in store.calls if not allows(statements, *call)} == set()
    assert actions(statements) == {action for action, _, _ in store.calls} == {"s3:GetObject", "s3:ListBucket"}
    run = f"arn:aws:s3:::{BUCKET}/{prefix}/runs/r/request.json"
    assert not allows(statements, "s3:GetObject", run, None)
    assert not allows(statements, "s3:ListBucket", f"arn:aws:s3:::{BUCKET}", f"{prefix}/runs/")


def test_the_predictor_may_ask_models_and_nothing_else(store, tmp_path, monkeypatch):
    """Who predicts, by the champion or by a model of a run, needs the predictor's policy, and all of it."""
    environment = make_environment(tmp_path) | {"STORE": store.uri}
    make_run(environment, "r1")
    ledger.append(store, champions.entry(1, model=candidate_of(store, "r1", "cifar10")))
    Image.new("RGB", (8, 8)).save(tmp_path / "image.png")
    monkeypatch.setattr(prediction, "named_store", lambda: store)
    store.calls.clear()
    for chosen in ((), ("--model", "latest/ann")):
        assert in_this_process(environment, "predict", "cifar10", str(tmp_path / "image.png"), *chosen) == 0
    prefix = store.uri.rpartition("/")[2]
    statements = policy("predictor", prefix)
    assert {call for call in store.calls if not allows(statements, *call)} == set()
    assert actions(statements) == {action for action, _, _ in store.calls}
    run = f"arn:aws:s3:::{BUCKET}/{prefix}/runs/r1/request.json"
    assert not allows(statements, "s3:GetObject", run, None)


def test_the_keeper_may_sweep_and_nothing_else(store, tmp_path):
    """Removing what no run can use, and uploads that were broken off, takes the keeper's policy, and all of it."""
    run_stages(store, tmp_path)
    store.write("artifacts/fetch/" + "0" * 40 + "/0000/orphan", b"of a writer that was killed")
    prefix = store.uri.rpartition("/")[2]
    client, place = store._client, {"Bucket": BUCKET, "Key": f"{prefix}/artifacts/fetch/big"}
    begun = client.create_multipart_upload(**place)["UploadId"]
    client.upload_part(**place, UploadId=begun, PartNumber=1, Body=b"x")
    store.calls.clear()
    swept = list(find_garbage(store, timedelta(0), unused=True))
    for garbage in swept:
        garbage.discard()
    assert {garbage.name.rpartition("/")[2] for garbage in swept} >= {"orphan", "big"}
    statements = policy("keeper", prefix)
    assert {call for call in store.calls if not allows(statements, *call)} == set()
    assert actions(statements) == {action for action, _, _ in store.calls}


@pytest.mark.parametrize("name", ["worker", "keeper", "reader", "predictor"])
def test_nothing_beside_the_prefix_is_open(name):
    """No other prefix, no other bucket, no wildcard among the actions; but a keeper sees all broken uploads."""
    statements = policy(name, "mine")
    assert not any("*" in action for action in actions(statements))
    for action in {*ACTIONS.values()} - {WITHOUT_PREFIX}:
        for resource in (
            f"arn:aws:s3:::{BUCKET}/mine2/reports/x",
            f"arn:aws:s3:::{BUCKET}/x",
            "arn:aws:s3:::other/mine/x",
        ):
            assert not allows(statements, action, resource, None)
        for prefix in (None, "", "mine2/", "other/"):
            assert not allows(statements, action, f"arn:aws:s3:::{BUCKET}", prefix)
