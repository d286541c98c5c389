"""The servers of a head that are not Airflow: a database on its loopback, a broker, and an S3 server behind TLS."""

import json
import shutil
import sys
from pathlib import Path

from tasks.project import PROJECT
from tests.engine.workers.hosts import HOME, Host
from tests.support.airflow_rest import awaited
from tests.support.postgres import OWNER, programs

STORE_PORT = 8443
PACKAGES = {"haproxy": "haproxy", "redis-server": "redis-server", "openssl": "openssl"}
PROXY = """
defaults
  mode http
  timeout connect 10s
  timeout client 10m
  timeout server 10m
frontend store
  bind :{port} ssl crt {home}/tls/both.pem
  default_backend server
backend server
  server store {address}
"""
# What a program on a host gets of this machine's environment.
SEARCHED = f"{HOME}/.local/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
BASE = {"PATH": SEARCHED, "HOME": str(HOME), "LANG": "C.UTF-8"}


def lacking() -> str:
    """What this machine lacks for the servers; empty where it has all."""
    packages = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    packages += [] if programs() else ["postgresql"]
    return f"`apt-get install {' '.join(packages)}` installs what is missing" if packages else ""


def start_database(host: Host) -> str:
    """Start PostgreSQL on the host's loopback; its address."""
    found = programs()
    as_owner = ["runuser", "-u", OWNER, "--"]
    data = HOME / "database" / "data"
    making = f"{found}/initdb -D {data} -U {OWNER} --auth=trust --no-sync"
    host.type(f"chmod a+rx ~ && install -d -o {OWNER} ~/database && {' '.join(as_owner)} {making}", BASE)
    options = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"]
    line = [*as_owner, found / "postgres", "-D", data, *(word for each in options for word in ("-c", each))]
    host.start(line, BASE, host.folder / "database.log")
    ready = f"{found}/pg_isready -h 127.0.0.1 -t 60"
    host.type(f"until {ready}; do sleep 0.2; done", BASE)
    return f"postgresql+psycopg2://{OWNER}@127.0.0.1/postgres"


def start_broker(host: Host, password: str) -> None:
    """Start Redis for the workers of other hosts, which must know the password."""
    (host.home / "redis.conf").write_text(f'bind 0.0.0.0\nrequirepass "{password}"\nsave ""\n')
    host.start(["redis-server", HOME / "redis.conf"], BASE, host.folder / "broker.log")


def start_store(host: Host) -> dict[str, str]:
    """Start the embedded S3 server on the host's loopback, and HAProxy with the host's certificate before it.

    Returns the variables that lead to it from anywhere, the address of the bucket as STORE among them.
    """
    folder = host.home / "store"
    program = [sys.executable, "-m", "tasks.local.swift.object_store", HOME / "store", "--parent", "1"]
    readable = [PROJECT, Path(sys.prefix)]
    environment = BASE | {"PYTHONPATH": str(PROJECT)}
    host.start(program, environment, host.folder / "store.log", readable=readable)
    connection = json.loads(awaited(lambda: _text(folder / "connection.json")))
    variables = connection["environment"]
    address = variables["AWS_ENDPOINT_URL_S3"].removeprefix("http://")
    (host.home / "haproxy.cfg").write_text(PROXY.format(port=STORE_PORT, home=HOME, address=address))
    host.start(["haproxy", "-f", HOME / "haproxy.cfg"], BASE, host.folder / "proxy.log")
    return variables | {"STORE": connection["uri"], "AWS_ENDPOINT_URL_S3": f"https://{host.name}:{STORE_PORT}"}


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
