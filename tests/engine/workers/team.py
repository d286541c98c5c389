"""What a team has before a machine joins: the page that says how, the wheel, and the secrets."""

import os
import re
import secrets
import shutil
import subprocess
from functools import cached_property
from pathlib import Path
from typing import Literal

from tasks.project import PROJECT
from tests.engine.foreign_airflow import ENVIRONMENT, INSTALLERS, uv
from tests.engine.workers.hosts import HOME, Host
from tests.engine.workers.servers import BASE
from tests.support.tiny_data import make_configuration

Kind = Literal["celery", "edge"]
DOCUMENT = PROJECT / "docker" / "workers" / "README.md"
TITLES: dict[Kind, str] = {"celery": "Celery", "edge": "Edge"}
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DATASET, CONNECTION, PREFIX = "fashion_mnist", "like_for_like_store", "team"
SITE = """
[orchestration]
store = "{bucket}/{prefix}"
store_connection = "{connection}"
"""


class Team:
    """Those who set up a head and workers of one kind, with the lines of docker/workers/README.md, word for word."""

    def __init__(self, folder: Path, kind: Kind):
        self.folder, self.kind = folder, kind
        self.secrets = {name: secrets.token_urlsafe(64) for name in ("redis", "secret_key", "jwt_secret", "person")}
        self.secrets["fernet_key"] = f"{secrets.token_urlsafe(32)}="
        _do(uv(), "build", "--quiet", "--wheel", "--out-dir", folder, PROJECT)
        export = ("export", "--frozen", "--quiet", "--no-hashes", "--no-annotate", "--all-extras", "--project", PROJECT)
        (folder / "constraints.txt").write_text(_do(uv(), *export))

    @cached_property
    def page(self) -> str:
        """The page with the team's own values in place of the examples."""
        examples = {
            "REDIS_PASSWORD": self.secrets["redis"],
            "SECRET_KEY_OF_THE_HEAD": self.secrets["secret_key"],
            "JWT_SECRET_OF_THE_HEAD": self.secrets["jwt_secret"],
            "KIND": self.kind,
        }
        text = DOCUMENT.read_text(encoding="utf-8")
        for example, value in examples.items():
            assert example in text, example
            text = text.replace(example, value)
        return text

    def block(self, line: str, language: str) -> str:
        """The first block of that language below a line of the page, and before the next heading."""
        assert self.page.count(f"\n{line}\n") == 1, line
        section = re.split(r"^##", self.page.partition(f"\n{line}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
        return next(text for found, text in BLOCK.findall(section) if found == language)

    def bring(self, host: Host, authority: Path, bucket: str) -> None:
        """Bring to a host what the page tells to bring, and the dataset of the team."""
        (wheel,) = self.folder.glob("*.whl")
        for path in (wheel, self.folder / "constraints.txt", authority):
            shutil.copy(path, host.home)
        own = block if self.kind == "edge" and (block := self.block("### For Edge", "toml")) else ""
        (host.home / "site.toml").write_text(SITE.format(bucket=bucket, prefix=PREFIX, connection=CONNECTION) + own)
        datasets = host.home / "airflow" / "like_for_like" / "datasets"
        datasets.mkdir(parents=True)
        shutil.copy(make_configuration(self.folder / host.name) / "datasets" / f"{DATASET}.toml", datasets)
        (host.home / ".local" / "bin").mkdir(parents=True)
        shutil.copy(uv(), host.home / ".local" / "bin")

    def install(self, host: Host, lines: str) -> None:
        """Type lines that install on a host, with this machine's cache of packages, and its way to their index."""
        cache = Path(_do(uv(), "cache", "dir").strip())
        kept = {name: value for name, value in os.environ.items() if name in ENVIRONMENT or name.startswith(INSTALLERS)}
        own = {"UV_CACHE_DIR": str(cache), "UV_LINK_MODE": "copy", "UV_CONSTRAINT": str(HOME / "constraints.txt")}
        host.type(lines, kept | BASE | own, shared=[cache])


def _do(*line: object) -> str:
    return subprocess.run([str(word) for word in line], capture_output=True, text=True, check=True).stdout
