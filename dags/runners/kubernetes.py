"""The `kubernetes` runner: a stage is a pod of its own, in the cluster that Airflow's worker may start pods in.

What a site adds to the pods stands in the template (config/kubernetes/stage_pod.yaml); what makes them safe, and alike
everywhere, stands here and wins. `python -m dags.preflight` asks `check` whether a pod could be described at all.
"""

import json
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.pod_generator import make_safe_label_value
from airflow.providers.cncf.kubernetes.utils.container import get_container_status
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from kubernetes import client as k8s_client
from kubernetes.client import models as k8s
from kubernetes.config import ConfigException, list_kube_config_contexts
from kubernetes.config.incluster_config import SERVICE_HOST_ENV_NAME

from dags.gpus import GPU_EXPECTED
from dags.portability import KNOWN, require_bucket, require_portable, store_variables
from dags.site import surroundings
from dags.stage_command import SKIPPED, RunnerError, StageOperator, command_among
from dags.store_access import addressed, known_before, store_environment
from tasks.errors import RequestError
from tasks.settings.addresses import is_loopback
from tasks.settings.loading import config_file, config_folder
from tasks.settings.orchestration import Kubernetes, Orchestration, Resources
from tasks.settings.request import slug
from tasks.settings.workflow import COMMANDS

LABEL = "like-for-like"
USER = 10001  # as in docker/trainer.Dockerfile
GPU = "nvidia.com/gpu"
INVALID = 422  # the API server's status for what it will never take
# How to reach the store. Who may, a pod learns from a Secret or from its service account, and from nowhere else:
# whoever may look at pods reads what their descriptions say.
OPEN = (
    *KNOWN,
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_REQUEST_CHECKSUM_CALCULATION",
    "AWS_RESPONSE_CHECKSUM_VALIDATION",
)


class KubernetesStage(StageOperator, KubernetesPodOperator):
    """A stage as a pod that may change nothing but its scratch space, and is removed when it ends, however it ends.

    A worker that dies leaves its pod at work, and the next attempt takes it over. The store's address is
    looked up when the task runs; of its credentials the pod learns from a Secret alone. A stage's time begins when its
    pod does: waiting for a node and for the image has limits of its own.
    """

    def __init__(self, *, env: Mapping[str, str] | None = None, **options: Any) -> None:
        limits = options["container_resources"].limits or {}
        self.env = dict(env or {}) | (GPU_EXPECTED if GPU in limits else {})
        super().__init__(
            cmds=["python", "-m", "tasks"],
            arguments=command_among(options).arguments("{{ run_id }}"),
            env_vars=self.env,
            skip_on_exit_code=SKIPPED,
            automount_service_account_token=False,
            security_context=_pod_security(),
            container_security_context=_container_security(),
            volume_mounts=[k8s.V1VolumeMount(name="scratch", mount_path="/tmp")],  # noqa: S108 - the pod's own
            termination_message_policy="FallbackToLogsOnError",  # a failed task says the stage's last words
            log_pod_spec_on_failure=False,
            log_events_on_failure=True,
            container_name_log_prefix_enabled=False,
            durable=True,
            # Not only when it succeeded: a pod that found no node in time would start after all, beside its retry.
            on_finish_action="delete_pod",
            deferrable=False,  # an exit code is read where `execute` waits for it
            **options,
        )
        if self.execution_timeout:
            self.active_deadline_seconds = int(self.execution_timeout.total_seconds())
            self.execution_timeout += timedelta(seconds=self.schedule_timeout_seconds + self.startup_timeout_seconds)

    def build_pod_request_obj(self, context: Any = None, *, dry_run: bool = False) -> k8s.V1Pod:
        """The pod, with what is known only now: the store's address, and labels that say whose work it is."""
        pod = super().build_pod_request_obj(context, dry_run=dry_run)
        base = pod.spec.containers[0]
        base.args = [_literal(word) for word in base.args]
        for variable in base.env:
            if variable.name in self.env and variable.value:
                variable.value = _literal(variable.value)
        known = sorted(store_variables(store_environment()).items())
        base.env += [k8s.V1EnvVar(name=name, value=_literal(value)) for name, value in known if name in OPEN]
        if context:
            names = {"run": slug(context["run_id"]), "stage": self.stage} | self.stage_command.options
            pod.metadata.labels |= {f"{LABEL}/{name}": make_safe_label_value(value) for name, value in names.items()}
        return pod

    def await_pod_start(self, pod: k8s.V1Pod) -> None:
        """Wait until it is at work; where it does not come to that, remember what the cluster says of it by then."""
        try:
            super().await_pod_start(pod)
        except AirflowException:
            self.remote_pod = self.pod_manager.read_pod(pod)
            raise

    def execute(self, context: Any) -> None:
        """Run the pod; an exit code that no retry can mend fails the task at once.

        Raises:
            AirflowSkipException: the run does not ask for this stage.
            AirflowFailException: the request, the configuration, the template or the data is wrong, or no pod can reach
                the store, or no cluster takes the pod.
            AirflowException: the stage failed for another reason, its pod did not start in time or was taken away,
                or the cluster refused it.
        """
        try:
            environment, template = store_environment(), Path(self.pod_template_file or "")
            require_environment(environment)
            require_template(template)
            _require_portable(environment, template)
            super().execute(context)
        except (RunnerError, RequestError) as error:
            raise AirflowFailException(f"{self.stage}: {error}") from error
        except k8s_client.ApiException as error:
            kind = AirflowFailException if error.status == INVALID else AirflowException
            raise kind(f"{self.stage}: {_answer(error)}") from error
        except AirflowException as error:
            self.fail_as_said(_exit_code(self.remote_pod))
            if why := _intervention(self.remote_pod, error):
                raise AirflowException(f"{self.stage}: {why}") from error
            raise


OPERATOR = KubernetesStage


def options(stage: str, orchestration: Orchestration) -> dict[str, Any]:
    """What this runner adds to an operator of `stage`: image, identity, place, limits; GPUs only where it trains."""
    chosen = orchestration.kubernetes
    place = chosen.training if COMMANDS[stage].trains else chosen.other
    gpus = {GPU: str(chosen.gpus)} if chosen.gpus and COMMANDS[stage].trains else {}
    secret = k8s.V1SecretEnvSource(name=chosen.store_secret)
    return {
        "namespace": chosen.namespace,
        "image": chosen.image,
        "image_pull_policy": chosen.image_pull_policy,
        "service_account_name": chosen.service_account,
        "env_from": [k8s.V1EnvFromSource(secret_ref=secret)] if chosen.store_secret else [],
        "pod_template_file": str(_template(chosen)),
        "container_resources": k8s.V1ResourceRequirements(
            requests=_quantities(place.requests), limits=_quantities(place.limits) | gpus
        ),
        "node_selector": dict(place.node_selector),
        "tolerations": [toleration.model_dump(exclude_none=True) for toleration in place.tolerations],
        "volumes": [k8s.V1Volume(name="scratch", empty_dir=k8s.V1EmptyDirVolumeSource(size_limit=chosen.scratch))],
        "schedule_timeout_seconds": chosen.queue_seconds,
        "startup_timeout_seconds": chosen.startup_seconds,
    }


def check(orchestration: Orchestration) -> None:
    """Look at what every stage's pod needs and no call over the network tells: store, template, way to the cluster.

    Raises:
        RunnerError: something of it is not there.
    """
    require_environment(addressed(surroundings(), orchestration))
    require_template(_template(orchestration.kubernetes))
    _require_portable(known_before(orchestration), _template(orchestration.kubernetes))
    _require_cluster(os.environ)


def require_environment(environment: Mapping[str, str]) -> None:
    """Check that pods can reach the store that `environment` names, and that nothing in the open is a password.

    Raises:
        RunnerError: the store is no bucket or a server of this machine alone, or an address has a password in it.
    """
    require_bucket(environment.get("STORE"))
    for name in OPEN:
        address = urlsplit(environment.get(name) or "")
        if is_loopback(address.hostname or ""):
            raise RunnerError(
                f"{name}: expected a server that pods can reach, received {address.hostname}, which is this machine"
            )
        if address.password:
            raise RunnerError(
                f"{name}: expected an address without a password: whoever may look at a pod would read it"
            )


def require_template(path: Path) -> None:
    """Check that `path` is a template that a stage's pod can be made of.

    Raises:
        RunnerError: there is none, or it describes something else.
    """
    base = KubernetesStage.BASE_CONTAINER_NAME
    expected = f"pod template {path}: expected a Pod whose first container is named {base}"
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunnerError(f"{expected}, cannot read it: {error.strerror}; correct pod_template") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RunnerError(f"{expected}, received no YAML: {' '.join(str(error).split())}") from None
    kind = found.get("kind") if isinstance(found, dict) else type(found).__name__
    if kind != "Pod":
        raise RunnerError(f"{expected}, received {kind}")
    names = [container.get("name") for container in (found.get("spec") or {}).get("containers") or []]
    if names[:1] != [base]:
        raise RunnerError(f"{expected}, received containers {names}")


def _require_portable(environment: Mapping[str, str], template: Path) -> None:
    """As `require_portable`: a Secret or a service account says who a pod is, and the template may say the rest."""
    container = yaml.safe_load(template.read_text(encoding="utf-8"))["spec"]["containers"][0]
    require_portable(environment, {each["name"] for each in container.get("env") or ()}, has_identity=True)


def _require_cluster(environment: Mapping[str, str]) -> None:
    """Check for the way to a cluster where the operator looks for one; a connection in a database is not seen."""
    if environment.get(SERVICE_HOST_ENV_NAME) or environment.get("AIRFLOW_CONN_KUBERNETES_DEFAULT"):
        return
    path = environment.get("KUBECONFIG") or "~/.kube/config"
    try:
        list_kube_config_contexts(path)
    except (ConfigException, OSError, yaml.YAMLError) as error:
        raise RunnerError(
            f"Kubernetes: expected to run in a cluster or a configuration in {path}, received: "
            f"{' '.join(str(error).split())}; set KUBECONFIG or AIRFLOW_CONN_KUBERNETES_DEFAULT; "
            '`runner = "local"` goes without'
        ) from None


def _template(chosen: Kubernetes) -> Path:
    return config_file(config_folder(surroundings()), chosen.pod_template)


def _quantities(resources: Resources) -> dict[str, str]:
    return resources.model_dump(exclude_none=True)


def _pod_security() -> k8s.V1PodSecurityContext:
    return k8s.V1PodSecurityContext(
        run_as_non_root=True,
        run_as_user=USER,
        run_as_group=USER,
        fs_group=USER,
        seccomp_profile=k8s.V1SeccompProfile(type="RuntimeDefault"),
    )


def _container_security() -> k8s.V1SecurityContext:
    return k8s.V1SecurityContext(
        allow_privilege_escalation=False,
        read_only_root_filesystem=True,
        capabilities=k8s.V1Capabilities(drop=["ALL"]),
    )


def _literal(text: str) -> str:
    """`text` for a field in which Kubernetes puts the value of VAR, a credential perhaps, in place of `$(VAR)`.

    https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
    """
    return text.replace("$", "$$")


def _exit_code(pod: k8s.V1Pod | None) -> int | None:
    """The exit code of the stage in `pod`; None where it did not come to one."""
    status = get_container_status(pod, KubernetesStage.BASE_CONTAINER_NAME)
    ended = status.state.terminated if status and status.state else None
    return ended.exit_code if ended else None


def _intervention(pod: k8s.V1Pod | None, error: AirflowException) -> str:
    """What the cluster did to `pod`, or what it did not do in time; empty where the stage itself ended."""
    if pod and pod.status and pod.status.reason:
        return f"{pod.status.reason}: {pod.status.message}"
    # The operator cleans up after what went wrong, and says then that the pod failed.
    cause = error.__context__
    if isinstance(cause, k8s_client.ApiException):
        return _answer(cause)
    return str(cause) if isinstance(cause, AirflowException) else ""


def _answer(error: k8s_client.ApiException) -> str:
    """The API server's own words, in one line."""
    try:
        words = json.loads(error.body)["message"]
    except (TypeError, ValueError, KeyError):
        words = error.reason
    return f"the cluster answered {error.status}: {' '.join(str(words).split())}"
