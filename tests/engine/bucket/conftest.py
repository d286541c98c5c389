"""Fixtures: the server, started once; its owner; buckets; and users who may do what `config/iam/` allows them."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from tasks.environment import STORE_CLIENT, STORE_ENCRYPTION
from tasks.project import CONFIG
from tests.engine.bucket.ceph import Ceph, User, ceph, lacking
from tests.engine.conftest import missing


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ceph]:
    """The running server."""
    if reason := lacking():
        missing(reason)
    with ceph(tmp_path_factory.mktemp("ceph")) as found:
        yield found


@pytest.fixture(scope="session")
def owner(server: Ceph) -> User:
    """Who owns every bucket here, and may do everything."""
    return server.user("owner")


@dataclass
class Bucket:
    """A bucket of the owner's, with a policy that grows. `client` is the owner's."""

    server: Ceph
    name: str
    client: Any
    statements: list[dict] = field(default_factory=list)

    @property
    def resources(self) -> list[str]:
        """What a policy calls the bucket and all that is in it."""
        return [f"arn:aws:s3:::{self.name}", f"arn:aws:s3:::{self.name}/*"]

    def user(self, policy: str, prefix: str) -> User:
        """A new user, who may do below `prefix` what a policy of `config/iam/` allows."""
        made = self.server.user(f"{policy}-{uuid4().hex[:8]}")
        text = (CONFIG / "iam" / f"{policy}.json").read_text().replace("BUCKET", self.name).replace("PREFIX", prefix)
        for statement in json.loads(text)["Statement"]:
            self.add(statement | {"Sid": uuid4().hex, "Principal": {"AWS": [made.arn]}})
        return made

    def deny(self, action: str, condition: dict | None = None) -> None:
        """Refuse `action` to everybody, under a condition."""
        refused = {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": self.resources}
        self.add(refused | ({"Condition": condition} if condition else {}))

    def add(self, statement: dict) -> None:
        """Let the bucket's policy have one more statement."""
        self.statements.append(statement)
        policy = {"Version": "2012-10-17", "Statement": self.statements}
        self.client.put_bucket_policy(Bucket=self.name, Policy=json.dumps(policy))

    def listed(self) -> list[str]:
        """All that is in the bucket, as the owner sees it."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    def versions(self) -> list[tuple[str, bool]]:
        """Every version in the bucket: its key, and whether it is the present one."""
        found = self.client.list_object_versions(Bucket=self.name).get("Versions", [])
        return [(version["Key"], version["IsLatest"]) for version in found]


@pytest.fixture(scope="session")
def make_bucket(server: Ceph, owner: User) -> Callable[..., Bucket]:
    """Make a new bucket; further arguments as boto3 takes them."""

    def make(**more: Any) -> Bucket:
        found = Bucket(server, f"bucket-{uuid4().hex[:8]}", server.client(owner))
        found.client.create_bucket(Bucket=found.name, **more)
        return found

    return make


@pytest.fixture
def bucket(make_bucket: Callable[..., Bucket]) -> Bucket:
    """A new bucket without versions."""
    return make_bucket()


@pytest.fixture
def become(server: Ceph, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let this process's environment be that of a user; further variables change it."""

    def change(user: User, **more: str) -> None:
        for name in [name for name in os.environ if name.startswith(STORE_CLIENT) or name == STORE_ENCRYPTION]:
            monkeypatch.delenv(name)
        for name, value in (server.environment(user) | more).items():
            monkeypatch.setenv(name, value)

    return change
