"""What leads to the store: STORE and AWS_*, from this process's environment or from the settings and a connection.

STORE in the environment goes first, and the AWS_* variables with it. Without it, `store` of the settings is the
address, and the Airflow connection that `store_connection` names knows the way and the credentials.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from airflow.sdk.exceptions import AirflowNotFoundException

from dags.portability import named_place
from dags.site import surroundings
from dags.stage_command import RunnerError
from tasks.environment import PROXY, STORE_CLIENT
from tasks.settings.loading import configured
from tasks.settings.orchestration import Orchestration

# They say what to trust and how to check, not who asks: a connection leaves them as they are.
KEPT = ("AWS_CA_BUNDLE", "AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION")


def store_environment() -> dict[str, str]:
    """This process's environment, in which STORE and AWS_* lead to the store.

    A connection is asked for, so this is for a running task or the web server, and never for the parsing of a DAG file.
    The result may hold credentials: it goes to a stage or to a client, and into no field, message or log.

    Raises:
        RunnerError: the settings name a connection that Airflow does not have.
        RequestError: the configuration is wrong.
    """
    found = surroundings()
    orchestration = configured(found).orchestration
    if found.get("STORE") or not orchestration.store_connection:
        return addressed(found, orchestration)
    return _through_connection(addressed(found, orchestration), orchestration.store_connection)


def addressed(environment: Mapping[str, str], orchestration: Orchestration) -> dict[str, str]:
    """`environment`, in which STORE is the configured store where it was not said; asks no connection."""
    store = environment.get("STORE") or orchestration.store
    return {**environment, "STORE": store} if store else dict(environment)


def known_before(orchestration: Orchestration) -> dict[str, str]:
    """What `store_environment` will be, asking no connection; nothing where one decides, or the embedded store does."""
    found = surroundings()
    is_known = found.get("STORE") or (orchestration.store and not orchestration.store_connection)
    return addressed(found, orchestration) if is_known else {}


def stored(key: str) -> bytes | None:
    """What the store holds under `key`, or None.

    The few lines of `tasks.storage` that a reader needs: Airflow does not depend on the stages' code.

    Raises:
        RunnerError: no store is named, its address is wrong, or its connection is not there.
    """
    environment = store_environment()
    if not environment.get("STORE"):
        raise RunnerError("STORE: expected s3://bucket/prefix or file:///folder, found neither it nor `store`")
    place = named_place(environment["STORE"])
    if isinstance(place, Path):
        path = place / key
        return path.read_bytes() if path.is_file() else None
    client, name = _s3_client(environment), f"{place.prefix}/{key}".lstrip("/")
    try:
        answer = client.get_object(Bucket=place.name, Key=name)
    except client.exceptions.NoSuchKey:
        return None
    except client.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied" or _is_listed(client, place.name, name):
            raise
        return None
    return answer["Body"].read()


def _is_listed(client: Any, bucket: str, name: str) -> bool:
    """Whether an object is there: some servers deny what is missing to whoever may list only below a prefix."""
    page = client.list_objects_v2(Bucket=bucket, Prefix=name, MaxKeys=1)
    return name in [item["Key"] for item in page.get("Contents", ())]


def _s3_client(environment: Mapping[str, str]) -> Any:
    """A client that goes where `environment` leads; what that does not say, boto3 finds out as everywhere."""
    import boto3
    from botocore.config import Config

    # A server of one's own is asked for /bucket/key: its certificate and name need not know the bucket's.
    own = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    host = urlsplit(own).hostname if own else "s3.amazonaws.com"
    return boto3.client(
        "s3",
        endpoint_url=own,
        region_name=environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION"),
        aws_access_key_id=environment.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=environment.get("AWS_SESSION_TOKEN"),
        verify=environment.get("AWS_CA_BUNDLE") or environment.get("REQUESTS_CA_BUNDLE"),
        config=Config(
            s3={"addressing_style": "path" if own else "auto"},
            proxies=proxies(environment, host or ""),
        ),
    )


def proxies(environment: Mapping[str, str], host: str) -> dict[str, str]:
    """The proxies on the way to `host`, by scheme, as `environment` names them; none where it makes an exception."""
    # Capitals come first in the order, and small letters go before them, as in Python's own libraries.
    said = {name.lower(): value for name, value in sorted(environment.items()) if name.lower().endswith(PROXY)}
    by_scheme = {name.removesuffix(PROXY): value for name, value in said.items() if value}
    if proxy_bypass_environment(host, by_scheme):
        return {}
    return {scheme: by_scheme[scheme] for scheme in ("http", "https") if scheme in by_scheme}


def _through_connection(environment: dict[str, str], name: str) -> dict[str, str]:
    """`environment` with the way to the S3 server that an Airflow connection of type `aws` knows.

    A connection with keys, a role or a profile replaces every identity of the worker. One without them keeps the
    worker's own: the role of its machine or pod. The credentials of a role last as long as AWS lets them.
    """
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

    hook = AwsBaseHook(aws_conn_id=name, client_type="s3")
    try:
        hook.get_connection(name)  # the hook itself would go on without it, as whoever the worker is
    except AirflowNotFoundException:
        raise RunnerError(
            f"store_connection: expected an Airflow connection named {name!r}, found none; `airflow connections add` it"
        ) from None
    known = hook.conn_config
    if known.aws_access_key_id or known.role_arn or known.profile_name:
        environment = {key: value for key, value in environment.items() if _is_anybodys(key)} | _credentials(hook)
    way = {
        "AWS_ENDPOINT_URL_S3": known.get_service_endpoint_url("s3"),
        "AWS_REGION": hook.region_name,
        "AWS_DEFAULT_REGION": hook.region_name,
    }
    return environment | {key: value for key, value in way.items() if value}


def _is_anybodys(variable: str) -> bool:
    return variable in KEPT or not variable.startswith(STORE_CLIENT)


def _credentials(hook: Any) -> dict[str, str]:
    """The hook's credentials as variables; Airflow masks them in the task's log."""
    frozen = hook.get_credentials()
    token = {"AWS_SESSION_TOKEN": frozen.token} if frozen.token else {}
    return {"AWS_ACCESS_KEY_ID": frozen.access_key, "AWS_SECRET_ACCESS_KEY": frozen.secret_key} | token
