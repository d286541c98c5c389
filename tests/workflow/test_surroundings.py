"""A run in the shell of a person who has other work: another Airflow, another S3, a proxy, files of their own alone."""

import os

import pytest

from tasks.project import PROJECT
from tests.support.machine import Machine

ANOTHER_AIRFLOW = "[core]\ndags_folder = /nowhere/dags\n[logging]\nlogging_config_class = team.LOGGING\n"
ANOTHER_S3 = """
[profile work]
ignore_configured_endpoint_urls = true
region = eu-central-1
s3 =
  addressing_style = virtual
"""
ANOTHER_KERAS = '{"floatx": "float64", "epsilon": 0.1, "image_data_format": "channels_first", "backend": "torch"}'
BROKEN = 'raise ImportError("this is the package of another installation")\n'
DEAD = "127.0.0.1:9"


@pytest.fixture
def shell(tmp_path):
    """What such a person's shell exports; the home holds the files that it names."""
    home = tmp_path / "home"
    for name, text in (
        (".aws/config", ANOTHER_S3),
        (".keras/keras.json", ANOTHER_KERAS),
        ("airflow/airflow.cfg", ANOTHER_AIRFLOW),
        ("packages/airflow/__init__.py", BROKEN),
        ("packages/airflow_local_settings.py", BROKEN),
    ):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    return {
        "HOME": str(home),
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW_CONFIG": str(home / "airflow" / "airflow.cfg"),
        "AIRFLOW__CORE__AUTH_MANAGER": "x.Y",
        "PYTHONPATH": f"{PROJECT}{os.pathsep}{home / 'packages'}",
        "PYTHONSTARTUP": str(home / "start.py"),
        "PYTHONIOENCODING": "latin-1",
        "KERAS_MAX_EPOCHS": "1",
        "OMP_NUM_THREADS": "7",
        "AWS_PROFILE": "work",
        "AWS_CA_BUNDLE": "/missing.pem",
        "AWS_ENDPOINT_URL": f"http://{DEAD}",
        "NO_PROXY": "[::1],fd00::/8",
        "HTTP_PROXY": f"http://{DEAD}",
        "HTTPS_PROXY": f"http://{DEAD}",
        "ALL_PROXY": f"socks5://{DEAD}",
        "SSL_CERT_FILE": "/missing.pem",
        "REQUESTS_CA_BUNDLE": "/missing.pem",
    }


@pytest.fixture
def private():
    """Whatever is made now is for its owner alone."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_a_persons_other_work_does_not_reach_a_run(tmp_path, shell, private):
    """A run ends well whatever another Airflow, S3, Keras, a proxy, a stream and the folder's name say."""
    folder = tmp_path / "ein schöner Ort"
    folder.mkdir()
    machine = Machine(folder, **shell)
    code, output, report = machine.run("--datasets", "cifar10", "--replicates", "1", "--trials", "1")
    assert (code, report["status"]) == (0, "complete"), output
