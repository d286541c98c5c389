"""What a company's bucket demands and refuses, by a server that really does."""

import re
import time
from datetime import timedelta

import pytest

from tasks.errors import RequestError
from tasks.runs.garbage import find_garbage
from tasks.storage import artifacts
from tasks.storage.contract import MIB, ObjectMissing, Refused, StoreError, require_conditional_writes
from tasks.storage.location import open_store
from tasks.storage.retries import RetryPolicy
from tests.engine.bucket.ceph import DAY, KMS_KEY
from tests.support.attempts import attempt, names, saved, state
from tests.support.patience import PATIENCE
from tests.support.real_run import make_environment, make_run
from tests.support.stage_commands import in_this_process

PREFIX = "team/project"
NOW = timedelta(0)
# Ceph's gateway leaves the key away where a request came without TLS, so that "Bool" alone would never match.
WITHOUT_TLS = {"BoolIfExists": {"aws:SecureTransport": "false"}}
NO_KMS_HEADER = {"StringNotEqualsIfExists": {"s3:x-amz-server-side-encryption": "aws:kms"}}


def store_in(bucket, prefix=PREFIX):
    return open_store(f"s3://{bucket.name}/{prefix}", RetryPolicy(0))


@pytest.fixture
def keeper(bucket, become):
    """The environment is that of who may do below PREFIX what `config/iam/keeper.json` allows."""
    become(bucket.user("keeper", PREFIX))


def uses(store, folder):
    """Everything that one asks a store about one object, by its name."""
    (folder / "file").write_bytes(b"x")
    return {
        "read": lambda: store.read("key"),
        "exists": lambda: store.exists("key"),
        "download": lambda: store.download("key", folder / "back"),
        "write": lambda: store.write("key", b"x"),
        "write if absent": lambda: store.write("key", b"x", if_absent=True),
        "upload": lambda: store.upload("key", folder / "file"),
        "delete": lambda: store.delete("key"),
        "list": lambda: list(store.list("")),
        "unfinished": lambda: list(store.unfinished()),
    }


@pytest.mark.parametrize("policy", ["worker", "keeper"])
def test_what_is_missing_below_the_prefix_is_missing_and_not_denied(bucket, become, tmp_path, policy):
    """This server says "denied" of a missing object to whoever may list only a prefix; the store knows better."""
    become(bucket.user(policy, PREFIX))
    store = store_in(bucket)
    store.write("keys", b"a longer name")
    use = uses(store, tmp_path)
    for name in ("read", "download"):
        with pytest.raises(ObjectMissing, match=r"team/project/key: no such object"):
            use[name]()
    assert use["exists"]() is False


def test_what_lies_outside_the_prefix_is_refused_with_what_to_check(bucket, become, tmp_path):
    """Each refusal is one line with the object, the code and the right that is missing; nothing outside is changed."""
    bucket.client.put_object(Bucket=bucket.name, Key="team/project2/key", Body=b"of others")
    become(bucket.user("worker", PREFIX))
    for name, use in uses(store_in(bucket, "team/project2"), tmp_path).items():
        with pytest.raises(Refused, match=r"^s3://[^ ]+/team/project2/.*(AccessDenied|403).*; check ") as raised:
            use()
        assert "\n" not in str(raised.value), name
    assert bucket.listed() == ["team/project2/key"]
    with pytest.raises(Refused, match=r"ListObjectsV2.*; check that these credentials may list below this prefix"):
        list(open_store(f"s3://{bucket.name}").list(""))


def test_http_is_refused_where_the_policy_demands_tls(bucket, become, server):
    """Over https everything works; over http the message says that the address has to begin with https."""
    user = bucket.user("worker", PREFIX)
    bucket.deny("s3:*", WITHOUT_TLS)
    become(user)
    assert store_in(bucket).write("key", b"x")
    become(user, AWS_ENDPOINT_URL_S3=server.http)
    for use in (lambda: store_in(bucket).read("key"), lambda: store_in(bucket).write("key", b"y")):
        with pytest.raises(Refused, match=r"AccessDenied: .*; .*let AWS_ENDPOINT_URL_S3 begin with https://"):
            use()
    become(user)
    assert store_in(bucket).read("key") == b"x"


def test_the_newer_checksums_are_refused_over_tls_with_what_to_set(bucket, become):
    """Over TLS, AWS's clients send a body of no said length, which this release refuses; the message names the cure."""
    become(bucket.user("worker", PREFIX), AWS_REQUEST_CHECKSUM_CALCULATION="when_supported")
    with pytest.raises(StoreError, match=r"MissingContentLength.*AWS_REQUEST_CHECKSUM_CALCULATION=when_required"):
        store_in(bucket).write("key", b"x")


def test_a_bucket_that_demands_kms_gets_it(bucket, become, tmp_path):
    """Without the header a write is refused, and the message names the setting; with it all works, and is encrypted."""
    user = bucket.user("worker", PREFIX)
    bucket.deny("s3:PutObject", NO_KMS_HEADER)
    become(user)
    with pytest.raises(Refused, match=r"AccessDenied: .*; check .*; if the bucket's policy .*, set STORE_ENCRYPTION"):
        store_in(bucket).write("key", b"x")
    become(user, STORE_ENCRYPTION=f"aws:kms={KMS_KEY}")
    store = store_in(bucket)
    require_conditional_writes(store)
    (tmp_path / "file").write_bytes(b"of a file")
    assert store.write("key", b"x", if_absent=True)
    store.upload("file", tmp_path / "file")
    assert (store.read("key"), store.read("file")) == (b"x", b"of a file")
    for name in ("key", "file"):
        head = bucket.server.client(user).head_object(Bucket=bucket.name, Key=f"{PREFIX}/{name}")
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", KMS_KEY)


def test_a_whole_run_where_tls_and_kms_are_demanded(bucket, server, tmp_path):
    """Every stage from the plan to the report works, and every object that it left is encrypted under the key."""
    user = bucket.user("worker", PREFIX)
    bucket.deny("s3:*", WITHOUT_TLS)
    bucket.deny("s3:PutObject", NO_KMS_HEADER)
    way = {"STORE": f"s3://{bucket.name}/{PREFIX}", "STORE_ENCRYPTION": f"aws:kms={KMS_KEY}"}
    make_run(make_environment(tmp_path) | server.environment(user) | way, "r1")
    left, client = bucket.listed(), server.client(user)
    assert f"{PREFIX}/reports/r1/report.html" in left
    assert {client.head_object(Bucket=bucket.name, Key=key).get("SSEKMSKeyId") for key in left} == {KMS_KEY}


def test_a_file_in_parts_is_encrypted_too(bucket, become, tmp_path):
    """The header goes with the beginning of an upload. Where a policy demands it there, this release refuses it."""
    user = bucket.user("worker", PREFIX)
    become(user, STORE_ENCRYPTION=f"aws:kms={KMS_KEY}")
    store, source, target = store_in(bucket), tmp_path / "source", tmp_path / "target"
    source.write_bytes(bytes(range(256)) * (17 * MIB // 256))
    store.upload("big", source)
    store.download("big", target)
    assert target.read_bytes() == source.read_bytes()
    head = bucket.server.client(user).head_object(Bucket=bucket.name, Key=f"{PREFIX}/big")
    assert head["SSEKMSKeyId"] == KMS_KEY
    bucket.deny("s3:PutObject", NO_KMS_HEADER)
    with pytest.raises(Refused, match=r"CreateMultipartUpload"):
        store.upload("big", source)


def test_a_key_that_the_server_does_not_have_is_one_line(bucket, become):
    """The message says which key could not be had."""
    become(bucket.user("worker", PREFIX), STORE_ENCRYPTION="aws:kms=no-such-key")
    with pytest.raises(StoreError, match=r"^s3://\S+/key: .*no-such-key"):
        store_in(bucket).write("key", b"x")


@pytest.fixture
def versioned(make_bucket, become, owner):
    """A bucket that keeps versions; the environment is that of its keeper."""
    found = make_bucket()
    found.client.put_bucket_versioning(Bucket=found.name, VersioningConfiguration={"Status": "Enabled"})
    become(found.user("keeper", PREFIX))
    return found


def test_conditional_writes_are_probed_in_each_bucket(bucket, keeper, make_bucket, become):
    """Without versions this server refuses a second conditional write; with versions this release does not.

    Such a bucket is refused before anything is spent, and the message names the other kind of bucket.
    """
    require_conditional_writes(store_in(bucket))
    other = make_bucket()
    other.client.put_bucket_versioning(Bucket=other.name, VersioningConfiguration={"Status": "Enabled"})
    become(other.user("keeper", PREFIX))
    with pytest.raises(
        RequestError, match=r"If-None-Match: \*`, received one that allows it.*a bucket without versions"
    ):
        require_conditional_writes(store_in(other))


def test_versions_are_never_read_and_a_rule_takes_them_away(versioned):
    """What was overwritten or deleted is gone for every reader; its versions stay until a lifecycle rule ends them."""
    store = store_in(versioned)
    store.write("a", b"old")
    store.write("a", b"new")
    store.write("b", b"x")
    store.delete("b")
    assert store.read("a") == b"new"
    assert list(store.list("")) == ["a"]
    assert not store.exists("b")
    with pytest.raises(ObjectMissing):
        store.read("b")
    assert sorted(versioned.versions()) == [
        ("team/project/a", False),
        ("team/project/a", True),
        ("team/project/b", False),
    ]
    rule = {"ID": "x", "Status": "Enabled", "Filter": {"Prefix": f"{PREFIX}/"}}
    rule["NoncurrentVersionExpiration"] = {"NoncurrentDays": 1}
    versioned.client.put_bucket_lifecycle_configuration(Bucket=versioned.name, LifecycleConfiguration={"Rules": [rule]})
    wait_until(lambda: versioned.versions() == [("team/project/a", True)])
    assert store.read("a") == b"new"


def wait_until(holds):
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(DAY / 10)


def litter(store, folder):
    """Leave in the store what a sweep takes away, and one artifact that it does not."""
    (folder / "out").mkdir(exist_ok=True)
    (folder / "out" / "model").write_bytes(b"a model")
    artifacts.commit(store, "train", "k1", folder / "out", {}, {})
    saved(store, 1, 2)
    store.write("artifacts/train/k2/0000/orphan", b"of a writer that was killed")
    return {"artifacts/train/k2/0000/orphan", *(f"checkpoints/train/k1/{name}" for name in names(store))}


def test_a_sweep_of_a_versioned_bucket_hides_what_it_removes(versioned, tmp_path):
    """What was swept is listed by no one and found by no second sweep; the artifact stays."""
    store = store_in(versioned)
    expected = litter(store, tmp_path)
    assert in_this_process({"STORE": store.uri}, "sweep", "--age", "0") == 0
    assert list(find_garbage(store, NOW)) == []
    assert artifacts.find_whole(store, "train", "k1") is not None
    assert {key.removeprefix(f"{PREFIX}/") for key, latest in versioned.versions() if not latest} >= expected


def test_a_locked_bucket_is_written_read_and_swept(make_bucket, become, tmp_path):
    """Where each version is kept for a day whatever anybody wants, nothing of the project's is refused."""
    locked = make_bucket(ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
    locked.client.put_object_lock_configuration(
        Bucket=locked.name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    become(locked.user("keeper", PREFIX))
    store = store_in(locked)
    expected = litter(store, tmp_path)
    assert attempt(store).latest() == state(2)
    assert in_this_process({"STORE": store.uri}, "sweep", "--age", "0") == 0
    assert list(find_garbage(store, NOW)) == []
    kept = locked.client.list_object_versions(Bucket=locked.name)["Versions"]
    assert {version["Key"].removeprefix(f"{PREFIX}/") for version in kept} >= expected
    with pytest.raises(locked.client.exceptions.ClientError, match="forbidden by object lock"):
        locked.client.delete_object(Bucket=locked.name, Key=kept[0]["Key"], VersionId=kept[0]["VersionId"])


def test_a_delete_that_is_refused_is_a_line_and_the_sweep_goes_on(bucket, keeper, tmp_path, capsys):
    """What may be removed is removed, what may not is named with the reason, and the exit code is 1."""
    store = store_in(bucket)
    litter(store, tmp_path)
    bucket.add(
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:DeleteObject",
            "Resource": [f"arn:aws:s3:::{bucket.name}/{PREFIX}/{place}/*" for place in ("artifacts", "probe")],
        }
    )
    assert in_this_process({"STORE": store.uri}, "sweep", "--age", "0") == 1
    said = capsys.readouterr().out
    assert re.search(
        r"kept: s3://\S+/orphan: AccessDenied: .*DeleteObject.*; check that these credentials may delete", said
    )
    assert "old checkpoint: checkpoints/train/k1/000001" in said
    assert names(store) == []
    assert store.exists("artifacts/train/k2/0000/orphan")
    require_conditional_writes(store)


def test_checkpoints_are_kept_where_nothing_may_be_deleted(bucket, keeper, caplog):
    """A training goes on, its last state comes back, and a warning says what stays behind."""
    bucket.deny("s3:DeleteObject")
    store = store_in(bucket)
    keeper = saved(store, 1, 2, 3, 4)
    assert attempt(store).latest() == state(4)
    keeper.clear()
    assert attempt(store).latest() == state(4)
    assert "checkpoints of a finished stage are left behind" in caplog.text
