"""A PostgreSQL server of Debian's packages: a private cluster on loopback, in a folder of its own, with a password."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.patience import PATIENCE

OWNER = "postgres"  # the server refuses to run as root; the package makes this user


def programs() -> Path | None:
    """The folder with the newest release's programs, or None where the package is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return found[-1].parent if found else None


@dataclass(frozen=True)
class Postgres:
    """A running cluster with an empty database `airflow`."""

    bin: Path
    port: int
    password: str

    @property
    def address(self) -> str:
        """The database's address, as SQLAlchemy writes it."""
        return f"postgresql+psycopg2://{OWNER}:{self.password}@127.0.0.1:{self.port}/airflow"

    def dump(self) -> bytes:
        """Every table of the database, as text."""
        line = [self.bin / "pg_dump", "-h", "127.0.0.1", "-p", str(self.port), "-U", OWNER, "airflow"]
        environment = os.environ | {"PGPASSWORD": self.password}
        return subprocess.run(line, env=environment, capture_output=True, check=True, timeout=PATIENCE).stdout


@contextmanager
def private_cluster(bin_folder: Path) -> Iterator[Postgres]:
    """A new cluster that runs during the block; nothing is left of it."""
    with tempfile.TemporaryDirectory(prefix="like-for-like-postgres-") as folder:
        server = Postgres(bin_folder, free_port(), secrets.token_urlsafe(16))
        _create(server, Path(folder))
        try:
            _control(server, Path(folder), "start", "-l", f"{folder}/log", "-o", _options(server, folder))
            environment = os.environ | {"PGPASSWORD": server.password}
            line = [bin_folder / "createdb", "-h", "127.0.0.1", "-p", str(server.port), "-U", OWNER, "airflow"]
            subprocess.run(line, env=environment, check=True, timeout=PATIENCE)
            yield server
        finally:
            _control(server, Path(folder), "stop", "-m", "fast")


def _create(server: Postgres, folder: Path) -> None:
    password = folder / "password"
    password.write_text(server.password)
    if os.geteuid() == 0:
        for path in (folder, password):
            shutil.chown(path, OWNER)
    line = ["initdb", "-D", f"{folder}/data", "-U", OWNER, "--auth=scram-sha-256", f"--pwfile={password}", "--no-sync"]
    _as_owner(server, folder, *line)


def _options(server: Postgres, folder: str) -> str:
    return f"-c listen_addresses=127.0.0.1 -c port={server.port} -c unix_socket_directories={folder} -c fsync=off"


def _control(server: Postgres, folder: Path, *arguments: str) -> None:
    _as_owner(server, folder, "pg_ctl", "-D", f"{folder}/data", "-w", "-t", str(PATIENCE), *arguments)


def _as_owner(server: Postgres, folder: Path, program: str, *arguments: str) -> None:
    line = [str(server.bin / program), *arguments]
    if os.geteuid() == 0:
        line = ["runuser", "-u", OWNER, "--", *line]
    subprocess.run(line, cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=2 * PATIENCE)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
