"""What a container takes over from its worker's environment, and what it cannot: files of that machine."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from dags.stage_command import RunnerError
from tasks.environment import STORE_CLIENT, STORE_ENCRYPTION
from tasks.settings.addresses import Bucket, store_place

# These variables lead a stage to its store, as do all that begin with STORE_CLIENT.
KNOWN = ("STORE", STORE_ENCRYPTION, "DATASET_MIRROR", "WORKFLOW_CONFIG", "KERAS_BACKEND")
# They name files of the worker's machine, or what stands in them; a container does not have these files.
MACHINE_SPECIFIC = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
TOKENS = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
CERTIFICATE = "AWS_CA_BUNDLE"
ELSELOCATING = (*MACHINE_SPECIFIC, *TOKENS, CERTIFICATE)
# Any of these says where the store is, so that no file has to.
LOCATING = ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
ADDRESS = "AWS_REGION or AWS_ENDPOINT_URL_S3"
KEYS = (
    "AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY (`aws configure export-credentials --format env` prints them), "
    "or an identity of the container's own"
)


def store_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """What a stage in a container takes over from its worker's `environment`, credentials among it."""
    wanted = {name: value for name, value in environment.items() if name in KNOWN or name.startswith(STORE_CLIENT)}
    return {name: value for name, value in wanted.items() if value and name not in ELSELOCATING}


def require_portable(environment: Mapping[str, str], own: Collection[str] = (), has_identity: bool = False) -> None:
    """Check that a container needs nothing to reach the store that only the worker's machine has.

    `own` names the variables that the container sets itself. `has_identity` says that it has credentials of its own.
    Without them a container would ask another server, or as somebody else.

    Raises:
        RunnerError: `environment` names something of the machine, and the container would need it.
    """
    given = {name: value for name, value in environment.items() if value and value != os.devnull}
    known = {*given, *own}
    who, where = has_identity or "AWS_ACCESS_KEY_ID" in known, not known.isdisjoint(LOCATING)
    expected = [words for is_known, words in ((where, ADDRESS), (who, KEYS)) if not is_known]
    for name in (MACHINE_SPECIFIC if expected else ()) + (() if who else TOKENS):
        if name in given and name not in own:
            raise RunnerError(
                f"{name}: received {given[name]!r}, which no container knows; set {' and '.join(expected)}"
            )
    if CERTIFICATE in given and CERTIFICATE not in own and not _is_unencrypted(given):
        raise RunnerError(
            f"{CERTIFICATE}: received {given[CERTIFICATE]!r}, a file that no container has; put it into the container "
            "and name it there by the same variable, or unset this one where the usual certificates are enough"
        )


def _is_unencrypted(environment: Mapping[str, str]) -> bool:
    """Whether the store is asked without encryption, where no certificate counts."""
    endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL") or ""
    return endpoint.startswith("http://")


def require_bucket(store: str | None) -> None:
    """Check that `store` can be reached from a container.

    Raises:
        RunnerError: it is a folder of this machine, no address of a store, or not named at all.
    """
    if not store:
        raise RunnerError("STORE: expected s3://bucket/prefix, which containers can reach; received nothing")
    if isinstance(named_place(store), Path):
        raise RunnerError(f"STORE: expected s3://bucket/prefix, which containers can reach; received {store!r}")


def named_place(store: str) -> Bucket | Path:
    """Where the store lies that an environment or the settings name.

    Raises:
        RunnerError: it is no address of a store.
    """
    try:
        return store_place(store)
    except ValueError as error:
        raise RunnerError(f"STORE: {error}") from None
