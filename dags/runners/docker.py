"""The `docker` runner: a stage is a container of its own, on the engine that DOCKER_HOST names, or this machine's.

`python -m dags.preflight` asks `check` whether a stage could start at all.
"""

import os
import re
from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from docker import APIClient
from docker.errors import APIError, DockerException, ImageNotFound
from docker.types import DeviceRequest, Mount

from dags.gpus import GPU_EXPECTED
from dags.portability import KEYS, require_bucket, require_portable, store_variables
from dags.site import surroundings
from dags.stage_command import SKIPPED, RunnerError, StageOperator, command_among
from dags.store_access import addressed, known_before, store_environment
from tasks.errors import RequestError
from tasks.settings.addresses import folder_of
from tasks.settings.loading import configured
from tasks.settings.orchestration import Orchestration
from tasks.settings.workflow import WATCH

LABEL = "like-for-like"
# Folders of the worker that a stage reads, by the variable that names them; they keep their path in the container.
FOLDERS = ("DATASET_MIRROR", "WORKFLOW_CONFIG")
LOOKING = ("plan", "fetch", WATCH.name)  # what looks at the location of a dataset
# What DockerOperator does not offer: nothing in the container can be changed but its scratch space, no right can be
# gained, and a small init passes the engine's signals on to the stage.
CONFINED = {
    "read_only": True,
    "tmpfs": {"/tmp": "mode=1777"},  # noqa: S108 - the container's own
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "init": True,
}
# Any of these in a profile says who asks: https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
IDENTITIES = {"aws_access_key_id", "role_arn", "credential_process", "sso_session", "sso_start_url", "login_session"}
NO_GPU = "could not select device driver"


class DockerStage(StageOperator, DockerOperator):
    """A stage as a container, removed when it ends, however it ends.

    The store's address and credentials are looked up when the task runs: they stand in no field that Airflow templates,
    serializes or shows. Nothing comes back but the log and the exit code.
    """

    def __init__(self, *, env: Mapping[str, str] | None = None, **options: Any) -> None:
        super().__init__(
            command=["python", "-m", "tasks", *command_among(options).arguments("{{ run_id }}")],
            environment=dict(env or {}),
            auto_remove="force",
            mount_tmp_dir=False,
            skip_on_exit_code=SKIPPED,
            **options,
        )

    @cached_property
    def cli(self) -> APIClient:
        """The engine's client, whose containers are confined."""
        client = self.hook.api_client
        # DockerOperator makes a relative weight of `cpus`; this makes it the limit that its name promises.
        limit = round(self.cpus * 1e9)
        client.create_host_config = partial(client.create_host_config, nano_cpus=limit, **CONFINED)
        return client

    def execute(self, context: Any) -> None:
        """Run the container; an exit code that no retry can mend fails the task at once.

        Raises:
            AirflowSkipException: the run does not ask for this stage.
            AirflowFailException: the request, the configuration or the data is wrong, or the engine lacks the image.
            AirflowException: the stage failed for another reason, or the engine does not answer.
        """
        names = {"run": context["run_id"], "stage": self.stage} | self.stage_command.options
        labels = {f"{LABEL}.{name}": value for name, value in names.items()}
        self.labels = labels
        try:
            environment = store_environment()
            require_bucket(environment.get("STORE"))
            self._private_environment = store_variables(environment)
            self.mounts = [_mount(folder) for folder in folders(environment, self.stage, self.dataset)]
            require_image(self.cli, self.image)
            require_portable(environment, _set_in(self.cli, self.image))
            self._remove_orphans(labels)
            self.on_a_gpu(partial(self._run, context))
        except (RunnerError, RequestError, APIError) as error:
            raise self._failure(error) from error

    def _run(self, context: Any, gpu: str | None) -> None:
        """Run the container, which has that GPU alone, or none."""
        self.device_requests = device_requests(gpu)
        self._private_environment |= GPU_EXPECTED if gpu else {}
        try:
            super().execute(context)
        except AirflowException as error:
            self.fail_as_said(_exit_code(error))
            raise

    def _remove_orphans(self, labels: dict[str, str]) -> None:
        """Remove what an attempt left whose worker died too hard to do it: the same stage at the same place."""
        wanted = [f"{name}={value}" for name, value in labels.items()]
        for container in self.cli.containers(all=True, filters={"label": wanted}):
            self.log.warning("removing container %.12s of an attempt that ended without a word", container["Id"])
            self.cli.remove_container(container["Id"], force=True)

    def _failure(self, error: Exception) -> AirflowException:
        """What the engine refuses for good, or for now."""
        if isinstance(error, RunnerError | RequestError):
            return AirflowFailException(f"{self.stage}: {error}")
        if NO_GPU in str(error):
            return AirflowFailException(f"{self.stage}: {_no_gpu(self.device_requests)}")
        return AirflowException(f"{self.stage}: {error}")


OPERATOR = DockerStage


def options(stage: str, orchestration: Orchestration) -> dict[str, Any]:
    """What this runner adds to an operator of `stage`: image, network, and limits."""
    chosen = orchestration.docker
    return {
        "image": chosen.image,
        "network_mode": chosen.network,
        "mem_limit": chosen.memory,
        "cpus": chosen.cpus,
        "shm_size": chosen.shared_memory,
    }


def device_requests(*gpus: str | None) -> list[DeviceRequest]:
    """The engine's form of the ids of GPUs."""
    ids = list(filter(None, gpus))
    return [DeviceRequest(capabilities=[["gpu"]], device_ids=ids)] if ids else []


def check(orchestration: Orchestration) -> None:
    """Try what every stage needs: the engine, the image, and a container with the GPUs that are asked for.

    Raises:
        RunnerError: something of it is not there.
    """
    chosen = orchestration.docker
    require_bucket(addressed(surroundings(), orchestration).get("STORE") or "s3://the-embedded-one")
    client = _engine()
    require_image(client, chosen.image)
    environment, own = known_before(orchestration), _set_in(client, chosen.image)
    require_portable(environment, own)
    if environment and "AWS_ACCESS_KEY_ID" not in {*environment, *own}:
        _require_no_default_profile()
    if orchestration.gpus.devices:
        _try_gpus(client, orchestration)


def require_image(client: APIClient, image: str) -> None:
    """Check that the engine has `image`; it is never pulled behind anybody's back.

    Raises:
        RunnerError: it does not.
    """
    try:
        client.inspect_image(image)
    except ImageNotFound:
        raise RunnerError(
            f"image {image}: expected it on the engine, found none; `make images` builds it, `docker pull` fetches it"
        ) from None


def _require_no_default_profile() -> None:
    """Check that no file of this machine says who asks the store: no variable names the profile `default`."""
    from botocore.session import Session

    if IDENTITIES & Session().full_config["profiles"].get("default", {}).keys():
        raise RunnerError(f"~/.aws: received the profile 'default', which no container knows; set {KEYS}")


def _set_in(client: APIClient, image: str) -> set[str]:
    """The variables that an image sets by itself."""
    return {line.partition("=")[0] for line in client.inspect_image(image)["Config"].get("Env") or ()}


def _engine() -> APIClient:
    address = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    try:
        return APIClient(base_url=address, version="auto", timeout=10)
    except DockerException as error:
        reason = "this user may not use it" if "Permission denied" in str(error) else "nothing answers"
        raise RunnerError(
            f"Docker engine at {address}: {reason}; start it (`systemctl start docker`), join its group, or set "
            'DOCKER_HOST; `runner = "local"` goes without'
        ) from None


def _try_gpus(client: APIClient, orchestration: Orchestration) -> None:
    requests = device_requests(*orchestration.gpus.devices)
    host = client.create_host_config(device_requests=requests, network_mode="none")
    container = client.create_container(orchestration.docker.image, ["python", "-c", ""], host_config=host)
    try:
        client.start(container["Id"])
    except APIError as error:
        raise RunnerError(f"{_no_gpu(requests)} ({error.explanation})") from None
    finally:
        client.remove_container(container["Id"], force=True)


def _no_gpu(requests: list[DeviceRequest] | None) -> str:
    asked = ", ".join(name for request in requests or [] for name in request["DeviceIDs"])
    return (
        f"GPUs: the engine cannot give {asked}; install the NVIDIA Container Toolkit, or correct `devices` in "
        "[orchestration.gpus]"
    )


def folders(environment: Mapping[str, str], stage: str, dataset: str | None) -> list[str]:
    """What of the worker's machine a stage reads, and its owner names: never what a run's parameters name.

    Where datasets lie that may change, `plan` looks at all of them.
    """
    named = [Path(path) for name in FOLDERS if (path := environment.get(name))]
    datasets = configured(environment).datasets if stage in LOOKING else {}
    addresses = [each.location for name, each in datasets.items() if each.location and dataset in (None, name)]
    locations = [place for address in addresses if (place := folder_of(address))]
    return [str(place) for place in (*named, *locations) if place.exists()]


def _mount(folder: str) -> Mount:
    return Mount(target=folder, source=folder, type="bind", read_only=True)


def _exit_code(error: AirflowException) -> int | None:
    """The container's exit code, which DockerOperator tells in its message alone."""
    found = re.search(r"'StatusCode': (\d+)", str(error))
    return int(found[1]) if found else None
