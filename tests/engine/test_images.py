"""The two images: what is in them, and what is not."""

import tomllib

import pytest

from tasks.project import PROJECT
from tasks.storage.provenance import code_digest
from tests.engine.conftest import IMAGE, missing

AIRFLOW = "like-for-like/airflow:latest"
STAGE = ("tasks.stages.train", "tasks.models.cnn")


@pytest.fixture(params=[IMAGE, AIRFLOW])
def image(request, engine):
    found = engine.images.list(name=request.param)
    if not found:
        missing(f"image {request.param}: none on the engine; `make images` builds it")
    return found[0]


def said(engine, image, *command):
    """What a command says in a container of the image, which has nothing but a scratch folder to write to."""
    settings = {"read_only": True, "tmpfs": {"/tmp": ""}, "network_mode": "none", "remove": True}
    return engine.containers.run(image, list(command), **settings).decode().strip()


def test_it_says_where_it_comes_from_and_is_not_root(image):
    """Labels of the Open Container Initiative name source, revision and version; the user has a fixed number."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    labels = {name.rpartition(".")[2]: value for name, value in image.labels.items()}
    assert labels["version"] == project["version"]
    assert len(labels["revision"]) == 40
    assert "source" in labels
    assert image.attrs["Config"]["User"] == "10001:10001"


def test_each_has_what_it_is_for(engine):
    """Stages bring no Airflow along, and Airflow no TensorFlow."""
    look = "import importlib.util as u; print([n for n in ('airflow', 'tensorflow', 'keras') if u.find_spec(n)])"
    assert said(engine, IMAGE, "python", "-c", look) == "['tensorflow', 'keras']"
    assert said(engine, AIRFLOW, "python", "-c", look) == "['airflow']"


def test_the_code_in_it_is_the_code_outside(engine):
    """The digest that keys the artifacts does not depend on where the code lies."""
    ask = f"from tasks.storage.provenance import code_digest; print(code_digest({STAGE!r}))"
    assert said(engine, IMAGE, "python", "-c", ask) == code_digest(STAGE)
