"""A site's own folder: what it lacks comes from the project's configuration, and what it has goes before."""

import shutil

import pytest

from tasks.errors import RequestError
from tasks.project import CONFIG
from tasks.settings import loading
from tasks.settings.loading import config_file, config_folder, load_configuration, site_folder
from tests.support.tiny_data import make_configuration


@pytest.fixture
def site(tmp_path):
    """A folder with one setting and nothing else."""
    (tmp_path / "site.toml").write_text('[orchestration]\nschedule = ""\nthreads = 3\n')
    return tmp_path


def test_one_setting_is_enough(site):
    """All that `site.toml` does not say is as in the project's own configuration."""
    ours, theirs = load_configuration(), load_configuration(site)
    assert (theirs.orchestration.threads, theirs.orchestration.schedule) == (3, "")
    assert theirs.orchestration.docker == ours.orchestration.docker
    assert (theirs.profiles, theirs.datasets) == (ours.profiles, ours.datasets)


def test_a_dataset_of_the_same_name_replaces_ours_and_another_is_added(site, tmp_path_factory):
    """The site's folder and ours make one list of datasets, file by file."""
    tiny = make_configuration(tmp_path_factory.mktemp("tiny") / "config") / "datasets"
    (site / "datasets").mkdir()
    shutil.copy(tiny / "cifar10.toml", site / "datasets")
    shutil.copy(tiny / "cifar10.toml", site / "datasets" / "another.toml")
    titles = {name: dataset.title for name, dataset in load_configuration(site).datasets.items()}
    ours = {name: dataset.title for name, dataset in load_configuration().datasets.items()}
    assert titles == ours | {"another": "Tiny CIFAR", "cifar10": "Tiny CIFAR"}


def test_datasets_alone_are_a_site(site):
    """A folder with nothing but datasets needs no `site.toml`."""
    (site / "site.toml").unlink()
    (site / "datasets").mkdir()
    assert load_configuration(site) == load_configuration()


def test_a_file_is_the_sites_or_else_ours(site):
    """The template of the pods is looked for in the site's folder first."""
    assert config_file(site, "kubernetes/stage_pod.yaml") == CONFIG / "kubernetes" / "stage_pod.yaml"
    (site / "pod.yaml").touch()
    assert config_file(site, "pod.yaml") == site / "pod.yaml"
    assert config_file(site, "nowhere.yaml") == site / "nowhere.yaml"


def test_a_folder_with_a_workflow_is_whole_by_itself(site):
    """Whoever brings a `workflow.toml` gets no dataset of ours."""
    shutil.copy(CONFIG / "workflow.toml", site)
    assert load_configuration(site).datasets == {}
    assert config_file(site, "kubernetes/stage_pod.yaml") == site / "kubernetes" / "stage_pod.yaml"


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_a_mistyped_folder_is_no_site(tmp_path, name):
    """A folder with nothing of a configuration in it is an error, and not silently ours."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(RequestError, match=f"{name}/workflow.toml: expected a configuration file, found none"):
        load_configuration(tmp_path / name)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('store = "my-bucket"', "orchestration.store: .*received 'my-bucket'"),
        ('store = "s3://"', "orchestration.store: bucket '': expected 3 to 63"),
        ('store_connection = "c"', 'store_connection: expected store = "s3://bucket/prefix" beside it, received None'),
        ('store = "file:///x"\nstore_connection = "c"', "store_connection: .* beside it, received 'file:///x'"),
        ('store = "s3://b"\nstore_connection = "a b"', "orchestration.store_connection: .*received 'a b'"),
        ('python = "python3"', "orchestration.python: .*received 'python3'"),
    ],
)
def test_a_wrong_way_to_the_store_or_to_python_is_one_line(site, line, complaint):
    """What could lead nowhere is refused where it stands, before a run starts."""
    (site / "site.toml").write_text(f"[orchestration]\n{line}\n")
    with pytest.raises(RequestError, match=complaint):
        load_configuration(site)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder that stands for the project's own configuration, with two datasets."""
    monkeypatch.setattr(loading, "SITE", "site")
    monkeypatch.setattr(loading, "CONFIG", make_configuration(tmp_path / "config"))
    return tmp_path / "config"


def test_the_projects_own_folder_takes_what_its_site_folder_adds(project):
    """One's own datasets and settings lie in `config/site/`, which git ignores, and no variable has to name it."""
    own = site_folder({})
    assert (config_folder({}), own) == (project, project / "site")
    (own / "datasets").mkdir(parents=True)
    shutil.copy(project / "datasets" / "cifar10.toml", own / "datasets" / "mine.toml")
    (own / "site.toml").write_text("[orchestration]\nthreads = 3\n")
    after = load_configuration(project)
    assert list(after.datasets) == ["cifar10", "fashion_mnist", "mine"]
    assert after.orchestration.threads == 3
    (project / "site.toml").write_text("[orchestration]\nthreads = 2\n")
    assert load_configuration(project).orchestration.threads == 3


def test_the_folder_that_is_named_is_ones_own(project, tmp_path):
    """Whoever sets WORKFLOW_CONFIG keeps everything of their own there."""
    assert site_folder({"WORKFLOW_CONFIG": str(tmp_path / "mine")}) == tmp_path / "mine"
