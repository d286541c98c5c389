"""What names something of the worker's machine: a container that would need it is not started without it."""

import json
import os

import pytest

from tasks.settings.orchestration import Kubernetes, Orchestration
from tests.support.http_server import answer, server
from tests.support.lazy import Lazy

docker = Lazy("dags.runners.docker")
kubernetes = Lazy("dags.runners.kubernetes")
portability = Lazy("dags.portability")
stage_command = Lazy("dags.stage_command")

KEYS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
REGION = {"AWS_REGION": "eu-central-1"}
CERTIFICATE = {"AWS_CA_BUNDLE": "/mine.pem"}
OWN_FILES = [
    {"AWS_PROFILE": "work"},
    {"AWS_DEFAULT_PROFILE": "work"},
    {"AWS_CONFIG_FILE": "/home/me/config"},
    {"AWS_SHARED_CREDENTIALS_FILE": "/home/me/credentials"},
]


def refused(environment, *arguments, **options):
    """The one line that refuses, or nothing."""
    try:
        portability.require_portable(environment, *arguments, **options)
    except stage_command.RunnerError as error:
        return str(error)


@pytest.mark.parametrize("theirs", [*OWN_FILES, {"AWS_WEB_IDENTITY_TOKEN_FILE": "/var/token"}])
def test_what_only_the_machine_has_is_refused_by_its_name(theirs):
    """The line says which variable, its value, and which variables to set in its place."""
    (name, value), *_ = theirs.items()
    said = refused(theirs)
    assert said.startswith(f"{name}: received '{value}', which no container knows; set AWS_REGION or AWS_ENDPOINT")
    assert "AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY" in said
    assert "\n" not in said
    assert "AWS_REGION" not in refused(theirs | REGION)


@pytest.mark.parametrize("theirs", [*OWN_FILES, {"AWS_WEB_IDENTITY_TOKEN_FILE": "/var/token"}])
def test_what_is_not_needed_is_not_refused(theirs):
    """Who asks and where is known from other variables, from the container itself, or by its own identity."""
    assert refused(theirs | KEYS | REGION) is None
    assert refused(theirs | KEYS | {"AWS_ENDPOINT_URL_S3": "http://minio:9000"}) is None
    assert refused(theirs | REGION, has_identity=True) is None
    assert refused(theirs, own=theirs.keys()) is None
    assert refused(dict.fromkeys(theirs, os.devnull)) is None
    assert refused({}) is None


def test_a_certificate_is_needed_where_the_way_is_encrypted():
    """`http://` needs none; a container may bring its own."""
    assert refused(KEYS | REGION | CERTIFICATE).startswith("AWS_CA_BUNDLE: received '/mine.pem', a file that no")
    assert refused(KEYS | CERTIFICATE | {"AWS_ENDPOINT_URL_S3": "https://minio:9000"})
    assert refused(KEYS | CERTIFICATE | {"AWS_ENDPOINT_URL_S3": "http://minio:9000"}) is None
    assert refused(KEYS | REGION | CERTIFICATE, own=["AWS_CA_BUNDLE"]) is None


def test_a_container_is_told_what_its_writes_ask_for():
    """The encryption that the bucket demands goes along with its address."""
    told = {"STORE": "s3://bucket", "STORE_ENCRYPTION": "aws:kms=team"}
    assert portability.store_variables(told | {"STORE_OF_ANOTHER": "x"}) == told


def test_no_container_is_told_of_the_machines_files():
    """A variable that is not needed does not travel either: a profile that a container lacks ends every client."""
    names = {name: "x" for each in OWN_FILES for name in each} | CERTIFICATE
    assert portability.store_variables(names | KEYS | REGION) == KEYS | REGION


@pytest.fixture
def shell(monkeypatch):
    """Set these variables and no other of AWS."""

    def exported(**variables):
        for name in [name for name in os.environ if name.startswith("AWS_") or name == "STORE"]:
            monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return exported


@pytest.fixture
def engine(monkeypatch):
    """An engine that has the image, which sets AWS_CA_BUNDLE by itself."""

    def respond(handler):
        known = {"ApiVersion": "1.44", "Config": {"Env": ["PATH=/bin", "AWS_CA_BUNDLE=/etc/own.pem"]}}
        answer(handler, json.dumps(known).encode(), Content_Type="application/json")

    with server(respond) as address:
        monkeypatch.setenv("DOCKER_HOST", address.replace("http://", "tcp://"))
        yield


def test_the_docker_runner_checks_before_a_run(shell, engine):
    """With a bucket of the person's own; with the embedded store nothing of their files is used."""
    shell(STORE="s3://bucket", **REGION, **CERTIFICATE, **OWN_FILES[0])
    with pytest.raises(stage_command.RunnerError, match=r"^AWS_PROFILE: received 'work', which no container knows; "):
        docker.check(Orchestration())
    shell(STORE="s3://bucket", **KEYS, **REGION, **CERTIFICATE, **OWN_FILES[0])
    docker.check(Orchestration())
    shell(**CERTIFICATE, **OWN_FILES[0])
    docker.check(Orchestration())


def test_the_default_profile_needs_no_name_and_is_refused_too(shell, engine, tmp_path, monkeypatch):
    """Credentials in `~/.aws` serve this machine alone; a region there, and a machine's own role, do no harm."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".aws").mkdir()
    config = tmp_path / ".aws" / "config"
    config.write_text("[default]\nregion = eu-central-1\n")
    shell(STORE="s3://bucket")
    docker.check(Orchestration())
    config.write_text("[default]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = base\n[profile base]\n")
    with pytest.raises(stage_command.RunnerError, match=r"^~/.aws: .*; set AWS_ACCESS_KEY_ID with AWS_SECRET"):
        docker.check(Orchestration())
    shell(STORE="s3://bucket", **KEYS)
    docker.check(Orchestration())


def test_the_kubernetes_runner_checks_before_a_run(shell, tmp_path, monkeypatch):
    """A pod has an identity of its own; where the store is, and whom to trust, it must be told, or know."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    template = tmp_path / "pod.yaml"
    template.write_text("kind: Pod\nspec: {containers: [{name: base, env: [{name: AWS_CA_BUNDLE, value: /own.pem}]}]}")
    knowing = Orchestration(kubernetes=Kubernetes(pod_template=str(template)))
    shell(STORE="s3://bucket", AWS_WEB_IDENTITY_TOKEN_FILE="/var/token", **OWN_FILES[0])
    with pytest.raises(stage_command.RunnerError, match=r"^AWS_PROFILE: .*; set AWS_REGION or AWS_ENDPOINT_URL_S3$"):
        kubernetes.check(knowing)
    shell(STORE="s3://bucket", AWS_WEB_IDENTITY_TOKEN_FILE="/var/token", **REGION, **CERTIFICATE, **OWN_FILES[0])
    kubernetes.check(knowing)
    with pytest.raises(stage_command.RunnerError, match=r"^AWS_CA_BUNDLE: received"):
        kubernetes.check(Orchestration())
