"""The compose stack as it is written: what it publishes, pins, mounts and keeps to itself."""

import importlib.util
import re
import shutil

import pytest
import yaml

from tasks.project import CONFIG, PROJECT
from tasks.settings.loading import load_configuration

DOCKER = PROJECT / "docker"


@pytest.fixture(scope="module")
def stack():
    return yaml.safe_load((DOCKER / "compose.yaml").read_text())


@pytest.fixture(scope="module")
def services(stack):
    found = stack["services"]
    assert len(found) == 12
    return found


@pytest.fixture
def make_secrets(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("make_secrets", DOCKER / "make_secrets.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "FOLDER", tmp_path / "secrets")
    return module


def test_only_the_ui_is_published_and_only_on_loopback(services):
    """No port but the UI's leaves the stack's networks, and that one stays on this machine."""
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {"api-server": ["127.0.0.1:${UI_PORT:-8080}:8080"]}


def test_others_images_are_pinned(services):
    """Every image that is not built here has a version for a tag."""
    others = [service["image"] for service in services.values() if not service["image"].startswith("like-for-like/")]
    assert len(others) == 4
    assert all(re.search(r":\d+\.\d+", image) for image in others), others


def test_one_service_sees_the_engines_socket(services):
    """Through that reach it those whose processes make the containers: the scheduler, or a worker."""
    holders = [name for name, service in services.items() if "docker.sock" in str(service.get("volumes"))]
    assert holders == ["engine-proxy"]
    assert [name for name, service in services.items() if "engine" in service.get("networks", [])] == [
        "engine-proxy",
        "scheduler",
        "celery-worker",
        "edge-worker",
    ]


def test_every_service_that_stays_says_whether_it_is_well(services):
    """What is started for good has a health check, so that the others can wait for it."""
    staying = {name for name, service in services.items() if service.get("restart") == "unless-stopped"}
    assert len(staying) == 10
    assert staying == {name for name, service in services.items() if "healthcheck" in service}


def test_the_secrets_are_made_once_behind_a_closed_door(stack, make_secrets):
    """One command writes every file that the stack names; a second time it changes nothing; others cannot enter."""
    make_secrets.main()
    before = {path.name: path.read_text() for path in make_secrets.FOLDER.iterdir()}
    named = {entry["file"].partition("/")[2] for entry in stack["secrets"].values()}
    assert named | {"store.env"} == {*before}
    assert all(len(text) > 20 for text in before.values())
    assert make_secrets.FOLDER.stat().st_mode & 0o777 == 0o700
    make_secrets.main()
    assert {path.name: path.read_text() for path in make_secrets.FOLDER.iterdir()} == before


def test_the_sites_settings_are_valid(stack, tmp_path):
    """The files that are laid over the configuration make the docker runner, on the stack's own network."""
    folder = shutil.copytree(CONFIG, tmp_path / "config")
    for accelerator, gpus in (("cpu", 0), ("gpu", 1)):
        shutil.copy(DOCKER / "compose" / f"{accelerator}.toml", folder / "site.toml")
        orchestration = load_configuration(folder).orchestration
        assert (orchestration.runner, orchestration.gpus.places) == ("docker", gpus)
        assert orchestration.docker.network == stack["networks"]["stages"]["name"]
        assert orchestration.docker.shared_memory == load_configuration(CONFIG).orchestration.docker.shared_memory
