"""The head of a team: the host of Airflow's API server, scheduler and DAG processor, and of the servers they need."""

import configparser
import io
import json
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3

from tasks.local import airflow_api
from tasks.local.airflow import USER
from tasks.settings.workflow import DAG_ID
from tests.engine.certificates import make_certificates
from tests.engine.workers import servers
from tests.engine.workers.hosts import HOME, Host
from tests.engine.workers.team import CONNECTION, TITLES, Kind, Team
from tests.support.airflow_rest import AirflowRest, awaited
from tests.support.tiny_data import make_mirror

MIRROR = "mirror"
COMPONENTS = ("api-server", "scheduler", "dag-processor")
PORT, SLOTS = 8080, 4
LINE = "from like_for_like import compare_image_models, late_runs, promote_champion, watch_data  # the Airflow DAGs\n"
# What a head has before workers join it. One that dies is missed sooner than by default.
CONFIGURATION = """
[core]
load_examples = False
fernet_key = {fernet_key}
simple_auth_manager_users = {user}:admin
simple_auth_manager_passwords_file = {home}/airflow/passwords.json

[database]
sql_alchemy_conn = {database}

[api]
port = {port}
secret_key = {secret_key}
workers = 1

[api_auth]
jwt_secret = {jwt_secret}

[execution_api]
jwt_expiration_time = 604800

[scheduler]
task_instance_heartbeat_timeout = 40
task_instance_heartbeat_timeout_detection_interval = 5
"""


class Head:
    """The head on a host. Its API server and its store are asked over TLS, from this machine as from any other."""

    def __init__(self, host: Host, team: Team):
        self.host, self.team = host, team
        self.authority = host.home / "tls" / "ca.pem"
        self.url = f"https://{host.address}:{PORT}"
        self.api = AirflowRest(self.url, team.secrets["person"])
        self.store: dict[str, str] = {}
        self._running: dict[str, subprocess.Popen] = {}

    @property
    def environment(self) -> dict[str, str]:
        """What the shell on the head has."""
        path = f"{HOME}/head/bin:{servers.BASE['PATH']}"
        own = {"AWS_CA_BUNDLE": f"{HOME}/tls/ca.pem", "STAGE_PYTHON": f"{HOME}/trainer/bin/python"}
        return servers.BASE | {"PATH": path, "AIRFLOW_HOME": f"{HOME}/airflow", **own}

    def set_up(self) -> None:
        """Start the servers, install the wheel, and configure Airflow as the page says."""
        make_certificates(self.host.home / "tls", self.host.name, self.host.address)
        database = servers.start_database(self.host)
        if self.team.kind == "celery":
            servers.start_broker(self.host, self.team.secrets["redis"])
        self.store = servers.start_store(self.host)
        self.team.bring(self.host, self.authority, self.store["STORE"])
        self._install("head", f"airflow,{self.team.kind}", "asyncpg psycopg2-binary")
        if self.team.kind == "edge":
            self._install("trainer", "train")  # the stages that do not train stay here
        self._configure(database)
        self.host.type("airflow db migrate", self.environment)
        self.host.type(f"airflow pools set training {SLOTS} trainings", self.environment)
        self.put_data()
        self.host.type("airflow connections import ~/store.json && rm ~/store.json", self.environment)

    def _install(self, folder: str, extras: str, others: str = "") -> None:
        wheel = f'"$(ls ~/like_for_like-*.whl)[{extras}]"'
        line = f"uv pip install --quiet --python ~/{folder}/bin/python {wheel} {others}"
        self.team.install(self.host, f"uv venv --quiet ~/{folder}\n{line}")

    def _configure(self, database: str) -> None:
        """Write the head's files: its configuration with what the page adds, its line of DAGs, the way to the store."""
        given = {"home": HOME, "user": USER, "port": PORT, "database": database, **self.team.secrets}
        configuration = configparser.ConfigParser(interpolation=None)
        configuration.read_string(CONFIGURATION.format(**given))
        configuration.read_string(self.team.block(f"### For {TITLES[self.team.kind]}", "ini"))
        written = io.StringIO()
        configuration.write(written)
        airflow = self.host.home / "airflow"
        (airflow / "dags").mkdir()
        (airflow / "airflow.cfg").write_text(written.getvalue())
        (airflow / "passwords.json").write_text(json.dumps({USER: self.team.secrets["person"]}))
        (airflow / "dags" / "ours.py").write_text(LINE)
        (self.host.home / "site.toml").rename(airflow / "like_for_like" / "site.toml")
        extra = {"region_name": self.store["AWS_REGION"], "endpoint_url": self.store["AWS_ENDPOINT_URL_S3"]}
        keys = {"login": self.store["AWS_ACCESS_KEY_ID"], "password": self.store["AWS_SECRET_ACCESS_KEY"]}
        connection = {CONNECTION: {"conn_type": "aws", "extra": json.dumps(extra), **keys}}
        (self.host.home / "store.json").write_text(json.dumps(connection))

    def start(self, *components: str) -> None:
        """Start these processes of Airflow, and wait until each gives a sign of life."""
        for name in components:
            log = self.host.folder / f"{name}.log"
            self._running[name] = self.host.start(["airflow", name], self.environment, log)
        awaited(self.api.is_up)
        awaited(lambda: self.api.dag() is not None)

    @contextmanager
    def trusted(self) -> Iterator[None]:
        """During the block, what on this machine asks the API server believes the team's authority."""
        context = ssl.create_default_context(cafile=str(self.authority))
        handlers = (urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        before, airflow_api.OPENER = airflow_api.OPENER, urllib.request.build_opener(*handlers)
        try:
            yield
        finally:
            airflow_api.OPENER = before

    def log(self, row: Mapping[str, Any]) -> str:
        """The log of a task instance's last attempt, as the UI shows it."""
        task = f"{row['task_id']}/logs/{row['try_number']}?map_index={row['map_index']}&full_content=true"
        told = self.api.get(f"/dags/{DAG_ID}/dagRuns/{row['dag_run_id']}/taskInstances/{task}")
        return "\n".join(
            str(line.get("event", line)) if isinstance(line, dict) else str(line) for line in told["content"]
        )

    def kill(self, component: str) -> None:
        """End one of them without a word."""
        self.host.end(self._running.pop(component))

    def put_data(self) -> None:
        """Bring the tiny data into the bucket, from which every machine fetches them."""
        folder = make_mirror(self.host.folder / MIRROR)
        for path in folder.rglob("*.gz"):
            self.bucket.upload_file(str(path), self.bucket_name, f"{MIRROR}/{path.relative_to(folder)}")

    @property
    def mirror(self) -> str:
        """Where the data lie."""
        return f"{self.store['STORE']}/{MIRROR}"

    @property
    def bucket_name(self) -> str:
        """The name of the store's bucket."""
        return self.store["STORE"].removeprefix("s3://")

    @cached_property
    def bucket(self) -> Any:
        """A client of the store, from this machine."""
        return boto3.client(
            "s3",
            endpoint_url=self.store["AWS_ENDPOINT_URL_S3"].replace(f"//{self.host.name}:", f"//{self.host.address}:"),
            region_name=self.store["AWS_REGION"],
            aws_access_key_id=self.store["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.store["AWS_SECRET_ACCESS_KEY"],
            verify=str(self.authority),
        )


@contextmanager
def running(host: Host, folder: Path, kind: Kind) -> Iterator[Head]:
    """The head of a team whose workers are of this kind, at work during the block; `folder` is the team's."""
    head = Head(host, Team(folder, kind))
    head.set_up()
    with head.trusted():
        head.start(*COMPONENTS)
        yield head
