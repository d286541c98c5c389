"""A namespace as the chart and the runbook leave it: Airflow's account with its role, and the store's Secret."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.engine.cluster.control_plane import ControlPlane
from tests.support.airflow_rest import awaited
from tests.support.lazy import Lazy

client = Lazy("kubernetes.client")

ACCOUNT = "airflow-worker"
SECRET = "like-for-like-store"
NOBODY = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing"}
# The chart's role for those who launch pods, which docker/kubernetes/values.yaml leaves as it is (allowPodLaunching).
ROLE = {
    "pods": ["create", "list", "get", "patch", "watch", "delete"],
    "pods/log": ["get"],
    "pods/exec": ["create", "get"],
    "events": ["list"],
}


@dataclass(frozen=True)
class Namespace:
    """Its `token` is that of Airflow's account."""

    plane: ControlPlane
    name: str
    token: str

    @property
    def core(self) -> Any:
        """Airflow's way to its pods."""
        return client.CoreV1Api(self.plane.client(self.token))

    @property
    def pods(self) -> list[Any]:
        """All pods in it."""
        return self.plane.core.list_namespaced_pod(self.name).items

    @property
    def configuration(self) -> str:
        """Airflow's kubeconfig."""
        return json.dumps(self.plane.configuration(self.token))


def namespace(plane: ControlPlane, name: str, store: Mapping[str, str] = NOBODY) -> Namespace:
    """Make one by this name; its Secret holds these variables."""
    core, roles = plane.core, client.RbacAuthorizationV1Api(plane.client())
    core.create_namespace({"metadata": {"name": name}})
    core.create_namespaced_service_account(name, {"metadata": {"name": ACCOUNT}})
    core.create_namespaced_secret(name, {"metadata": {"name": SECRET}, "stringData": dict(store)})
    rules = [{"apiGroups": [""], "resources": [kind], "verbs": verbs} for kind, verbs in ROLE.items()]
    roles.create_namespaced_role(name, {"metadata": {"name": "pod-launcher"}, "rules": rules})
    binding = {
        "metadata": {"name": "pod-launcher"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "pod-launcher"},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": name}],
    }
    roles.create_namespaced_role_binding(name, binding)
    asked = core.create_namespaced_service_account_token(ACCOUNT, name, {"spec": {"expirationSeconds": 3600}})
    accounts = lambda: core.list_namespaced_service_account(name).items  # noqa: E731
    # Before the controllers have made the account of all other pods, none is admitted.
    awaited(lambda: any(each.secrets for each in accounts() if each.metadata.name == "default"))
    return Namespace(plane, name, asked.status.token)
