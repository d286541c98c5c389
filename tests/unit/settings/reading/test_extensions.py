"""Extensions: which files are families, formats and runners, and which are not."""

import pytest

from tasks.errors import RequestError
from tasks.project import PROJECT
from tasks.settings.loading import load_configuration, resolve
from tasks.settings.reading.extensions import EXTENSIONS, offered
from tasks.settings.request import Parameters
from tests.support.tiny_data import make_configuration


@pytest.fixture
def project(tmp_path):
    """A project with one working file of each kind."""
    for kind in EXTENSIONS.values():
        (tmp_path / "project" / kind.folder).mkdir(parents=True)
    for place in ("models/cnn", "data/formats/idx", "data/formats/cifar"):
        (tmp_path / "project" / "tasks" / f"{place}.py").write_text("def build(): ...\ndef read(): ...\n")
    return tmp_path / "project"


@pytest.mark.parametrize("kind", EXTENSIONS)
def test_every_file_of_ours_offers_its_entry(kind):
    """Our own families, formats and runners are all found, and nothing else is."""
    files = {path.stem for path in (PROJECT / EXTENSIONS[kind].folder).glob("[!_]*.py")}
    assert offered(EXTENSIONS[kind], PROJECT) == (tuple(sorted(files)), {})


@pytest.mark.parametrize(
    "text", ["WIDTH = 3\n", "", "def helper(build): ...\n", "class Builder:\n    def build(self): ...\n"]
)
def test_a_helper_is_no_family(project, text):
    """A file in tasks/models/ that offers no `build` is a helper of the families."""
    (project / "tasks" / "models" / "blocks.py").write_text(text)
    assert offered(EXTENSIONS["families"], project) == (("cnn",), {})


@pytest.mark.parametrize(
    "text",
    [
        "def build(): ...",
        "from x import build",
        "from x import make as build",
        "build = 1",
        "build: int = 1",
        "try:\n    from x import build\nexcept ImportError:\n    build = 1",
    ],
)
def test_a_family_may_define_assign_or_import_its_entry(project, text):
    """However `build` comes to be a name of the module, the file is a family; nothing is imported to know it."""
    (project / "tasks" / "models" / "mine.py").write_text(f"import nothing_of_that_name\n{text}\n")
    assert offered(EXTENSIONS["families"], project).names == ("cnn", "mine")


@pytest.mark.parametrize("body", [b"def build(:\n", b"x = 1\ndef build():\n\xff\n", b"\0"])
def test_a_broken_family_spoils_no_run_of_others(project, tmp_path, body):
    """A file that is no Python fails the run that asks for it, by name; the other families are there."""
    (project / "tasks" / "models" / "mine.py").write_bytes(body)
    config = load_configuration(make_configuration(tmp_path / "config"), project)
    assert resolve(config, Parameters(), "r").families == ("cnn",)
    with pytest.raises(RequestError, match=r"families: mine cannot be used: tasks/models/mine.py.*: expected a Python"):
        resolve(config, Parameters(families=("mine",)), "r")


def test_a_broken_format_spoils_its_datasets_alone(project, tmp_path):
    """Datasets of another format go on."""
    (project / "tasks" / "data" / "formats" / "idx.py").write_text("def read(:\n")
    config = load_configuration(make_configuration(tmp_path / "config"), project)
    assert list(config.datasets) == ["cifar10"]
    assert "tasks/data/formats/idx.py:1: expected a Python module" in config.unusable["datasets"]["fashion_mnist"]


@pytest.mark.parametrize("body", ["title = ", 'title = "x"\n', "\ud800"])
def test_a_broken_dataset_spoils_no_run_of_others(tmp_path, body):
    """A file that is no TOML, or half of a dataset, fails the run that asks for it, with all its errors."""
    folder = make_configuration(tmp_path / "config")
    (folder / "datasets" / "mine.toml").write_bytes(body.encode(errors="surrogatepass"))
    config = load_configuration(folder)
    assert [dataset.name for dataset in resolve(config, Parameters(), "r").datasets] == ["cifar10", "fashion_mnist"]
    with pytest.raises(RequestError, match=r"datasets: mine cannot be used: .*mine.toml"):
        resolve(config, Parameters(datasets=("mine",)), "r")


def test_a_run_without_any_usable_dataset_is_refused(tmp_path):
    """With every dataset broken the configuration still loads, and a run is told that it has nothing to compare on."""
    folder = make_configuration(tmp_path / "config")
    for path in (folder / "datasets").glob("*.toml"):
        path.write_text("title = ")
    config = load_configuration(folder)
    assert sorted(config.unusable["datasets"]) == ["cifar10", "fashion_mnist"]
    with pytest.raises(RequestError, match=r"cifar10 cannot be used"):
        resolve(config, Parameters(), "r")
