"""What the processes of this machine take over from a person's shell, and what each of them sees of it."""

import os
import pwd

import pytest

from tasks.environment import NO_AWS_FILES, lead_to, put_back, taken_over
from tasks.local.airflow import Airflow

TAKEN = {
    "HOME": "/home/me",
    "USER": "me",
    "LOGNAME": "me",
    "LC_ALL": "C.UTF-8",
    "TZ": "Europe/Berlin",
    "STORE": "s3://bucket",
    "STORE_ENCRYPTION": "aws:kms",
    "AWS_PROFILE": "work",
    "DOCKER_HOST": "tcp://engine:2376",
    "KUBECONFIG": "/home/me/.kube/config",
    "CUDA_VISIBLE_DEVICES": "1",
}
# What a person's other work sets.
OTHERS = {
    "AIRFLOW_CONFIG": "/team/airflow.cfg",
    "AIRFLOW_HOME": "/team",
    "AIRFLOW_CONN_TEAM": "aws://",
    "AIRFLOW__CORE__AUTH_MANAGER": "x.Y",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
    "AIRFLOW__CORE__DAGS_FOLDER": "/team/dags",
    "_AIRFLOW_WWW_USER_CREATE": "true",
    "PYTHONPATH": "/team/plugins",
    "PYTHONSTARTUP": "/team/start.py",
    "PYTHONHOME": "/team/python",
    "PYTHONSAFEPATH": "1",
    "PYTHONIOENCODING": "latin-1",
    "MPLBACKEND": "QtAgg",
    "DOCKER_PASSWORD": "canary",
    "TF_TOKEN_app_terraform_io": "canary",
    "SOMEBODY_ELSES_TOKEN": "canary",
}
NETWORK = {
    "HTTPS_PROXY": "http://proxy:3128",
    "ALL_PROXY": "socks5://127.0.0.1:9",
    "SSL_CERT_FILE": "/missing.pem",
    "REQUESTS_CA_BUNDLE": "/missing.pem",
}


def test_airflow_takes_over_what_is_listed_and_nothing_else(tmp_path):
    """Of the options, paths and connections of another Airflow or Python it sees none; its own values are its own."""
    told = Airflow(tmp_path, 8099, taken_over(TAKEN | OTHERS, tmp_path)).environment
    own = {name: value for name, value in told.items() if name not in ("PATH", "SPT_NOENV", "PYTHONPATH")}
    assert {name: value for name, value in own.items() if not name.startswith("AIRFLOW")} == TAKEN
    assert {name for name, value in OTHERS.items() if told.get(name) == value} == set()
    assert told["AIRFLOW_HOME"] == str(tmp_path)
    assert {"AIRFLOW__CORE__AUTH_MANAGER", "AIRFLOW_CONFIG", "AIRFLOW_CONN_TEAM"} & told.keys() == set()


def test_an_empty_variable_is_none(tmp_path):
    """`AWS_PROFILE=` names no profile, and `HOME=` no home."""
    told = taken_over({"AWS_PROFILE": "", "HOME": ""}, tmp_path)
    assert "AWS_PROFILE" not in told
    assert told["HOME"] == pwd.getpwuid(os.getuid()).pw_dir


def test_a_user_without_an_entry_has_a_name_and_a_home(tmp_path, monkeypatch):
    """Any number may be the user, as OpenShift gives them; what the shell says goes before."""
    monkeypatch.setattr(os, "getuid", lambda: 1_234_567)
    told = taken_over({}, tmp_path)
    assert told == {"USER": "uid-1234567", "LOGNAME": "uid-1234567", "HOME": str(tmp_path)}
    assert taken_over(TAKEN, tmp_path) == TAKEN


def test_proxies_and_certificates_are_for_the_stages_alone(tmp_path):
    """Airflow's processes see none of them under its name; a stage sees each, and asks no proxy for this machine."""
    told = Airflow(tmp_path, 8099, taken_over(TAKEN | NETWORK, tmp_path)).environment
    assert {name.lower() for name in told} & {*map(str.lower, NETWORK), "no_proxy"} == set()
    stage = put_back(told)
    assert stage.items() >= NETWORK.items()
    assert stage["NO_PROXY"] == stage["no_proxy"] == "127.0.0.1,localhost"
    assert not [name for name in stage if name.startswith("FOR_STAGES_")]


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_what_a_person_reaches_without_a_proxy_stays_so(tmp_path, name):
    """Libraries read one or the other of the two names: both say what the person said, and this machine."""
    stage = put_back(taken_over({name: "[::1],fd00::/8", "https_proxy": "http://proxy:3128"}, tmp_path))
    assert stage["NO_PROXY"] == stage["no_proxy"] == "127.0.0.1,localhost,[::1],fd00::/8"


def test_a_shell_without_proxies_gets_none(tmp_path):
    """Nothing is set aside, and nothing is put back."""
    assert put_back(taken_over(TAKEN, tmp_path)) == TAKEN


def test_the_embedded_store_is_reached_by_its_own_variables():
    """No profile, file, certificate or address of the person's own S3 stays beside them."""
    theirs = {"AWS_PROFILE": "work", "AWS_CONFIG_FILE": "/c", "AWS_CA_BUNDLE": "/x.pem", "HOME": "/h"}
    connection = {"AWS_ACCESS_KEY_ID": "a", **NO_AWS_FILES}
    lead_to(theirs, connection)
    assert theirs == {"HOME": "/h"} | connection
