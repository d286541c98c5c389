"""Airflow in a cluster by docker/kubernetes/values.yaml, without the chart that is made for them.

Each component is a pod with what the values say of it: variables, options, Secrets, arguments, security, volumes.
The chart's own part is written here by hand, as short as can be. What another site would change is changed too: the
addresses, and the network, which is this machine's. No pod asks for resources, as two cores have to do.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from tasks.project import PROJECT
from tests.engine.cluster.namespace import ACCOUNT, Namespace
from tests.support.airflow_rest import awaited

COMPONENTS = {
    "scheduler": ["airflow", "scheduler"],
    "dagProcessor": ["airflow", "dag-processor"],
    "triggerer": ["airflow", "triggerer", "--skip-serve-logs"],  # that server would listen beyond loopback
    "apiServer": ["airflow", "api-server"],
}
TEMPLATE = "/worker/pod.yaml"
USER = "admin"


@dataclass(frozen=True)
class Installation:
    """It lives in `place`, with `folders` of this machine mounted under the same paths, and `variables` of its own."""

    place: Namespace
    folders: tuple[str, ...]
    variables: Mapping[str, str]

    def install(self, secrets: Mapping[str, Mapping[str, str]]) -> None:
        """Make the Secrets as the runbook does, migrate the database, and start every component."""
        core = self.place.plane.core
        for name, content in secrets.items():
            core.create_namespaced_secret(self.place.name, {"metadata": {"name": name}, "stringData": dict(content)})
        template = yaml.safe_dump(self._pod("worker", [], self.values["workers"]) | {"apiVersion": "v1", "kind": "Pod"})
        configuration = {"metadata": {"name": "worker"}, "data": {"pod.yaml": template}}
        core.create_namespaced_config_map(self.place.name, configuration)
        self._start("migration", ["airflow", "db", "migrate"], {})
        awaited(lambda: self._phase("migration") == "Succeeded")
        for name, line in COMPONENTS.items():
            part = self.values[name]
            self._start(name.lower(), part.get("args", line), part)

    @property
    def values(self) -> dict[str, Any]:
        """The values of the chart."""
        return yaml.safe_load((PROJECT / "docker" / "kubernetes" / "values.yaml").read_text())

    @property
    def image(self) -> str:
        """The image of Airflow."""
        return f"{self.values['defaultAirflowRepository']}:{self.values['defaultAirflowTag']}"

    def says(self, name: str) -> str:
        """The last lines of a component."""
        core, wanted = self.place.plane.core, {"tail_lines": 60, "_preload_content": False}
        return core.read_namespaced_pod_log(name.lower(), self.place.name, **wanted).data.decode()

    def _phase(self, name: str) -> str:
        phase = self.place.plane.core.read_namespaced_pod(name, self.place.name).status.phase
        assert phase != "Failed", self.says(name)
        return phase

    def _start(self, name: str, line: list[str], part: Mapping[str, Any]) -> None:
        self.place.plane.core.create_namespaced_pod(self.place.name, self._pod(name, line, part))

    def _pod(self, name: str, line: list[str], part: Mapping[str, Any]) -> dict[str, Any]:
        """A pod of the image that runs a command, with what the values say of this part."""
        mounts = [{"name": f"folder-{place}", "mountPath": path} for place, path in enumerate(self.folders)]
        volumes = [{"name": f"folder-{place}", "hostPath": {"path": path}} for place, path in enumerate(self.folders)]
        container = {
            "name": "base",
            "image": self.image,
            "imagePullPolicy": "Never",
            "args": line,
            "env": self._environment(),
            "envFrom": yaml.safe_load(self.values["extraEnvFrom"]),
            "securityContext": self.values["securityContexts"]["containers"],
            "volumeMounts": [*mounts, {"name": "worker", "mountPath": "/worker"}, *part.get("extraVolumeMounts", [])],
        }
        if "livenessProbe" in part:
            timing = {"initialDelaySeconds": 120, "periodSeconds": 60, "timeoutSeconds": 60, "failureThreshold": 5}
            container["livenessProbe"] = {"exec": part["livenessProbe"], **timing}
        worker = {"name": "worker", "configMap": {"name": "worker"}}
        spec = {
            "hostNetwork": True,
            "restartPolicy": "Never",
            "serviceAccountName": ACCOUNT,
            "securityContext": self.values["securityContexts"]["pod"],
            "containers": [container],
            "volumes": [*volumes, worker, *part.get("extraVolumes", [])],
        }
        return {"metadata": {"name": name}, "spec": spec}

    def _environment(self) -> list[dict[str, Any]]:
        """Variables in the open, and those that come from Secrets, by the names of the chart."""
        values = self.values
        options = {
            f"AIRFLOW__{section}__{option}".upper(): str(value)
            for section, given in values["config"].items()
            for option, value in given.items()
        }
        known = {each["name"]: each["value"] for each in values["env"]} | options | self._executor() | self.variables
        keys = {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": (values["data"]["metadataSecretName"], "connection"),
            "AIRFLOW__CORE__FERNET_KEY": (values["fernetKeySecretName"], "fernet-key"),
            "AIRFLOW__API__SECRET_KEY": (values["apiSecretKeySecretName"], "api-secret-key"),
            "AIRFLOW__API_AUTH__JWT_SECRET": (values["jwtSecretName"], "jwt-secret"),
        }
        secret = [
            {"name": name, "valueFrom": {"secretKeyRef": {"name": holder, "key": key}}}
            for name, (holder, key) in keys.items()
        ]
        return [{"name": name, "value": value} for name, value in known.items()] + secret

    def _executor(self) -> dict[str, str]:
        """What the chart sets for this executor, and the way to the API server without a proxy on each node."""
        repository, tag = self.image.split(":")
        host, port = self.place.plane.server.removeprefix("https://").split(":")
        return {
            "AIRFLOW__CORE__EXECUTOR": self.values["executor"],
            "AIRFLOW__KUBERNETES_EXECUTOR__NAMESPACE": self.place.name,
            "AIRFLOW__KUBERNETES_EXECUTOR__POD_TEMPLATE_FILE": TEMPLATE,
            "AIRFLOW__KUBERNETES_EXECUTOR__WORKER_CONTAINER_REPOSITORY": repository,
            "AIRFLOW__KUBERNETES_EXECUTOR__WORKER_CONTAINER_TAG": tag,
            "KUBERNETES_SERVICE_HOST": host,
            "KUBERNETES_SERVICE_PORT": port,
        }


def passwords(word: str) -> str:
    """The file of the login for a small team."""
    return json.dumps({USER: word})
