"""A secret that somebody puts into a setting occurs nowhere in what the stages say and store."""

import json

import pytest

from tests.support.leaks import in_bytes, in_files
from tests.support.stage_commands import in_a_process
from tests.support.tiny_data import make_configuration

SECRETS = {"password": "hunter2", "half of it": "hunt"}
MIRROR = f"https://me:{SECRETS['password']}@mirror.example/data"
SIGNED = f"https://mirror.example/data?X-Amz-Signature={SECRETS['password']}"


@pytest.fixture
def planned(tmp_path):
    """Plan a run in a process of its own; how it ended, and which secrets it left in its store."""
    given = {
        "STORE": (tmp_path / "store").as_uri(),
        "WORKFLOW_CONFIG": str(make_configuration(tmp_path / "config")),
        "RUN_PARAMETERS": '{"profile": "smoke"}',
        "DATASET_MIRROR": "",
    }

    def plan(**changes):
        typed = in_a_process(given | changes, "plan", "--run", "r1")
        found = in_files([tmp_path / "store"], SECRETS)
        assert found, "expected at least the record of the run"
        return typed, set().union(*found.values())

    return plan


@pytest.mark.parametrize(
    "changes",
    [
        {"RUN_PARAMETERS": json.dumps({"profile": "smoke", "mirror": MIRROR})},
        {"RUN_PARAMETERS": json.dumps({"profile": "smoke", "mirror": SIGNED})},
        {"RUN_PARAMETERS": json.dumps({"profile": "smoke", "mirror": MIRROR})[:-1]},
        {"RUN_PARAMETERS": json.dumps({"profile": "smoke", "mirrors": MIRROR})},
        {"RUN_PARAMETERS": json.dumps({"profile": "smoke", "aws": {"secret": SECRETS["password"]}})},
        {"RUN_PARAMETERS": json.dumps({"profile": "smoke", "password": SECRETS["password"]})},
        {"RUN_PARAMETERS": json.dumps({"profile": "smoke", MIRROR: 1})},
        {"RUN_PARAMETERS": json.dumps({"profile": "smoke", "mirror": "https://" + "x" * 178 + MIRROR[8:]})},
        {"RUN_PARAMETERS": MIRROR},
        {"DATASET_MIRROR": MIRROR},
        {"DATASET_MIRROR": SIGNED},
    ],
    ids=[
        "mirror", "signed mirror", "cut JSON", "unknown key", "table", "named password", "key", "cut in the middle",
        "no JSON", "owner's mirror", "owner's signed mirror",
    ],
)  # fmt: skip
def test_a_refused_address_is_refused_without_its_secret(planned, changes):
    """The password of a refused mirror is in no line of the output and in no file of the store."""
    typed, stored = planned(**changes)
    assert typed.code == 64
    assert in_bytes(typed.output.encode(), SECRETS) == set()
    assert stored == set()
