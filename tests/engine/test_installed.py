"""The wheel in an Airflow that was there before, with the commands of dags/README.md, word for word."""

import json
import re
import shutil

import psutil
import pytest

from tasks.local.swift.object_store import ObjectStore
from tasks.project import PROJECT
from tasks.settings.workflow import DAG_ID, PROMOTE_DAG_ID, REPORT_PAGES
from tasks.storage.location import open_store
from tests.engine.conftest import missing
from tests.engine.foreign_airflow import ForeignAirflow, free_port
from tests.support import leaks
from tests.support.postgres import private_cluster, programs
from tests.support.tiny_data import make_configuration, make_mirror

SECTION = "## In an Airflow that you already have"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINES = 60
THEIRS = ("a_stranger", "z_stranger")
DATASET = "fashion_mnist"
IMPORTED = """
import sys
import like_for_like
def taken():
    return sorted(name for name in sys.modules if name.partition(".")[0] in ("tasks", "dags"))
assert taken() == [], taken()
assert like_for_like.ReportPlugin.name == "comparison_report"
assert like_for_like.compare_image_models.dag_id == "compare_image_models"
assert taken() == [], taken()
assert not [path for path in sys.path if path.endswith("like_for_like")], sys.path
try:
    import tensorflow
except ModuleNotFoundError:
    print("no TensorFlow")
"""


def section():
    """The section for strangers."""
    text = (PROJECT / "dags" / "README.md").read_text(encoding="utf-8")
    return SECTION + re.split(r"^## ", text.partition(SECTION)[2], maxsplit=1, flags=re.MULTILINE)[0]


@pytest.fixture(scope="module")
def database():
    if (found := programs()) is None:
        missing("no PostgreSQL here; `apt-get install postgresql` installs it")
    with private_cluster(found) as server:
        yield server


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with ObjectStore.start(tmp_path_factory.mktemp("a store")) as server:
        yield server


@pytest.fixture(scope="module")
def airflow(tmp_path_factory, database):
    """The stranger's Airflow, with the database migrated; nothing of ours is in it."""
    found = ForeignAirflow(tmp_path_factory.mktemp("stranger"), database.address, free_port())
    try:
        found.install()
        yield found
    finally:
        found.stop()
    assert [process for process in psutil.process_iter() if _belongs(process, found)] == []


def _belongs(process, airflow):
    try:
        return process.environ().get("AIRFLOW_HOME") == str(airflow.home)
    except psutil.Error:
        return False


@pytest.fixture(scope="module")
def documented(airflow, store):
    """The section's blocks as (language, text), with the stranger's own values in place of the examples."""
    mirror = make_mirror(airflow.folder / "mirror")
    wanted = {"profile": "smoke", "datasets": [DATASET], "trials": 1, "replicates": 1, "mirror": str(mirror)}
    own = {
        "/opt/trainer": str(airflow.folder / "trainer"),
        "s3://my-bucket/like-for-like": f"{store.uri}/a-strangers",
        "MY_ACCESS_KEY": store.environment["AWS_ACCESS_KEY_ID"],
        "MY_SECRET_KEY": store.environment["AWS_SECRET_ACCESS_KEY"],
        "eu-central-1": store.environment["AWS_REGION"],
        "https://s3.example.org": store.environment["AWS_ENDPOINT_URL_S3"],
        '{"profile": "smoke"}': json.dumps(wanted),
    }
    text = section()
    for example, value in own.items():
        assert text.count(example) > 0, example
        text = text.replace(example, value)
    return BLOCK.findall(text)


@pytest.fixture(scope="module")
def finished(airflow, documented):
    """What the section says, done from its first line to its last; the run is over, and so are the stranger's own."""
    shell = [text for language, text in documented if language == "sh"]
    (site,) = (text for language, text in documented if language == "toml")
    (connection,) = (text for language, text in documented if language == "json")
    (line,) = (text for language, text in documented if language == "python")
    install, prepare, trigger = shell
    airflow.type(install)
    airflow.write(airflow.home / "like_for_like" / "site.toml", site + _data(airflow))
    airflow.write(airflow.checkout / "store.json", connection)
    airflow.type(prepare)
    airflow.write(airflow.home / "dags" / "ours.py", line)
    airflow.start()
    airflow.awaited("Airflow", lambda: (airflow.api.is_up(), {"starts"}))
    airflow.awaited("the DAG", lambda: (airflow.api.dag() is not None, {airflow.api.import_error() or "is read"}))
    airflow.type(trigger)
    for dag in THEIRS:
        airflow.told(f"dags/{dag}/dagRuns", {"dag_run_id": "theirs", "logical_date": None})
    airflow.awaited("the run", lambda: (_ended(airflow.api.state("first"))[0], _states(airflow)))
    return airflow


def _data(airflow):
    """What the stranger adds of their own: a dataset in place of ours, and a mirror that the form may name."""
    folder = make_configuration(airflow.folder / "tiny")
    (airflow.home / "like_for_like" / "datasets").mkdir(parents=True)
    shutil.copy(folder / "datasets" / f"{DATASET}.toml", airflow.home / "like_for_like" / "datasets")
    return f'\n[downloads]\nallowed_addresses = ["{airflow.folder / "mirror"}"]\n'


def _states(airflow):
    rows = (row for row in airflow.api.tasks("first") if row["state"] not in (None, "skipped", "removed"))
    return {airflow.api.state("first"), *(f"{row['task_id']} {row['state']}" for row in rows)}


@pytest.fixture
def reports(finished, store, monkeypatch):
    """The store, as somebody with the keys finds it."""
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    return open_store(f"{store.uri}/a-strangers")


def test_the_section_is_short():
    """A stranger reads at most 60 lines."""
    assert len(section().strip().splitlines()) <= LINES


def test_the_run_succeeds_and_its_report_is_in_the_store(finished, reports):
    """Every stage ran in the trainer's environment, found the store through the connection, and the report is whole."""
    assert finished.api.state("first") == "success"
    report = json.loads(reports.read("reports/first/report.json"))
    assert report["status"] == "complete"
    assert [dataset["title"] for dataset in report["datasets"]] == ["Tiny Fashion"]
    print("\n".join(reports.list("reports/first/")))


def test_the_page_shows_the_report_to_whoever_is_logged_in(finished, reports):
    """The plugin came with the wheel: no plugins folder, no variable; and nobody reads a report without a login."""
    page = f"{REPORT_PAGES}/first"
    assert finished.answer(page)[0] == 401
    token = finished.token()
    assert finished.answer(page, token) == (200, reports.read("reports/first/report.html"))
    assert finished.answer(f"{REPORT_PAGES}/another", token)[0] == 404
    (plugin,) = (each for each in finished.told("plugins")["plugins"] if each["name"] == "comparison_report")
    assert plugin["external_views"][0]["destination"] == "dag_run"


def test_packages_of_the_same_names_stay_the_strangers(finished):
    """Their DAGs with `tasks` and `dags` of their own are read and run beside ours, also by one process for all."""
    for dag in THEIRS:
        finished.awaited(dag, lambda path=f"dags/{dag}/dagRuns/theirs": _ended(finished.told(path)["state"]))
        assert finished.told(f"dags/{dag}/dagRuns/theirs")["state"] == "success"
    finished.type("airflow dags reserialize")
    assert {dag["dag_id"] for dag in finished.told("dags")["dags"]} == {DAG_ID, PROMOTE_DAG_ID, *THEIRS}
    assert finished.told("importErrors")["import_errors"] == []


def _ended(state):
    return state in ("success", "failed"), {state}


def test_importing_the_package_takes_no_name(finished):
    """In Airflow's own processes `tasks` and `dags` are nobody's, and TensorFlow is not there."""
    finished.write(finished.folder / "imported.py", IMPORTED)
    assert finished.type("python ../imported.py").splitlines()[-1] == "no TensorFlow"


def test_the_stores_secret_is_nowhere(finished, store, database):
    """Not in a log, a rendered field, or any other row of the database; the connection's own is encrypted."""
    secrets = {"store": store.environment["AWS_SECRET_ACCESS_KEY"]}
    found = leaks.in_files([finished.home / "logs", finished.home / "like_for_like"], secrets)
    assert len(found) > 10
    assert {path: names for path, names in found.items() if names} == {}
    dump = database.dump()
    assert b"rendered_task_instance_fields" in dump
    assert leaks.in_bytes(dump, secrets) == set()
