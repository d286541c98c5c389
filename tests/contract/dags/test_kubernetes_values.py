"""The values for Airflow's chart name what the code reads; there is no chart and no cluster here to try them on."""

import re
from importlib import import_module, metadata

import pytest
import yaml

from tasks.project import PROJECT
from tasks.settings.loading import load_configuration
from tasks.settings.workflow import POOL, STAGES
from tests.support.lazy import Lazy

kubernetes = Lazy("dags.runners.kubernetes")

FOLDER = PROJECT / "docker" / "kubernetes"
SECRETS = {"like-for-like-store", "like-for-like-database", "like-for-like-airflow", "like-for-like-passwords"}


@pytest.fixture(scope="module")
def values():
    return yaml.safe_load((FOLDER / "values.yaml").read_text())


@pytest.fixture(scope="module")
def environment(values):
    return {variable["name"]: variable["value"] for variable in values["env"]}


@pytest.fixture(scope="module")
def pods():
    return load_configuration().orchestration.kubernetes


def test_airflow_starts_pods(environment, pods):
    """Airflow's own pods choose this runner, and the store that they name is one that stages can reach."""
    assert load_configuration().with_runner(environment["RUNNER"]).orchestration.runner == "kubernetes"
    kubernetes.require_environment(environment)


def test_credentials_come_from_secrets(values, pods):
    """No credential stands in the values; the store's Secret is the one that the stages' pods get."""
    (source,) = yaml.safe_load(values["extraEnvFrom"])
    assert source["secretRef"]["name"] == pods.store_secret
    text = (FOLDER / "values.yaml").read_text()
    assert not re.search(r"^\s*(fernetKey|apiSecretKey|jwtSecret|pass|password|connection|brokerUrl):", text, re.M)
    named = set(re.findall(r"(?:SecretName|secretName): (\S+)", text)) | {source["secretRef"]["name"]}
    assert named == SECRETS


def test_the_runbook_makes_every_secret(pods):
    """Each Secret that the values name is made in the runbook, in the namespace of the stages' pods."""
    text = (FOLDER / "README.md").read_text()
    assert {name for name in SECRETS if f"create secret generic {name}" in text} == SECRETS
    assert f"create namespace {pods.namespace}" in text
    assert set(re.findall(r"(?:-n|--namespace) (\S+)", text)) == {pods.namespace}


def test_the_pool_is_made(values):
    """The pool that training stages wait in exists before the scheduler looks at them."""
    command = values["scheduler"]["args"][-1]
    assert re.match(rf"airflow pools set {POOL} [1-9]\d* \S.* && exec airflow scheduler$", command)


def test_logs_go_to_the_bucket(values, environment):
    """The connection of the logs is defined, without a secret, and they land in the store's bucket."""
    logging = values["config"]["logging"]
    assert environment[f"AIRFLOW_CONN_{logging['remote_log_conn_id'].upper()}"] == '{"conn_type": "aws"}'
    assert logging["remote_base_log_folder"].startswith(environment["STORE"] + "/")


def test_every_option_is_airflows(values):
    """Each option under `config` is one that this release of Airflow knows, and so is the class that it names."""
    assert values["airflowVersion"] == metadata.version("apache-airflow")
    known = Lazy("airflow.configuration").conf.configuration_description
    for section, options in values["config"].items():
        for option in options:
            assert option in known[section]["options"], f"{section}.{option}"
    module, _, name = values["config"]["core"]["auth_manager"].rpartition(".")
    assert hasattr(import_module(module), name)


def test_a_token_outlives_a_task(values, pods):
    """The longest stage, its queue and its start included, ends before its task's token does."""
    longest = max(stage.limit for stage in STAGES.values()).total_seconds() + pods.queue_seconds + pods.startup_seconds
    assert int(values["config"]["execution_api"]["jwt_expiration_time"]) > longest


def test_probes_ask_for_jobs_that_exist(values):
    """A component's probe asks for that component's kind of job."""
    for component in ("scheduler", "triggerer", "dag_processor"):
        module = import_module(f"airflow.jobs.{component}_job_runner")
        runner = next(
            kind for name, kind in vars(module).items() if name.lower() == f"{component}jobrunner".replace("_", "")
        )
        part = values["dagProcessor" if component == "dag_processor" else component]
        probes = [part[name]["command"] for name in ("livenessProbe", "startupProbe") if name in part]
        assert probes
        assert all(probe == ["airflow", "jobs", "check", "--job-type", runner.job_type, "--local"] for probe in probes)


@pytest.mark.skipif(not (PROJECT / "docker" / "airflow.Dockerfile").exists(), reason="no image of Airflow yet")
def test_the_image_is_the_one_that_is_built(values):
    """Repository, user, home and folders are those of docker/airflow.Dockerfile."""
    image = (PROJECT / "docker" / "airflow.Dockerfile").read_text()
    assert f"-t {values['defaultAirflowRepository']} ." in image
    assert f"USER {kubernetes.USER}:{kubernetes.USER}" in image
    assert values["securityContexts"]["pod"]["runAsUser"] == kubernetes.USER
    assert f"AIRFLOW_HOME={values['airflowHome']} " in image
    for option in ("dags_folder", "plugins_folder"):
        assert f"AIRFLOW__CORE__{option.upper()}={values['config']['core'][option]} " in image


def test_git_sync_finds_the_dag(values):
    """The DAG of the clone is found, its packages before those of the image, and the values' own variables stay."""
    synced = yaml.safe_load((FOLDER / "git-sync.yaml").read_text())
    variables = {variable["name"]: variable["value"] for variable in yaml.safe_load(synced["extraEnv"])}
    clone = f"{values['airflowHome']}/dags/repo"
    assert variables["AIRFLOW__CORE__DAGS_FOLDER"] == f"{clone}/{synced['dags']['gitSync']['subPath']}"
    assert variables["PYTHONPATH"].split(":")[0] == clone
    assert (PROJECT / synced["dags"]["gitSync"]["subPath"] / "compare_image_models.py").exists()
    assert not set(synced) & {"env", "extraEnvFrom"}
