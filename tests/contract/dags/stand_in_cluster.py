"""A stand-in for a cluster: the few calls of the Kubernetes API that a pod's life takes, over real HTTP."""

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

POD = re.compile(r"/api/v1/namespaces/(?P<namespace>[^/]+)/pods/(?P<name>[^/]+)(?P<log>/log)?")
LOG = b"2026-01-01T00:00:00.000000000Z the stage's own words\n"


class Cluster:
    """Its pods run until their log has been read, then end with `exit_code`; with no `room` they stay pending.

    A `refusal`, a status and words, keeps every pod out; a `reason` is the cluster's own for their end.
    """

    def __init__(self) -> None:
        self.exit_code, self.room = 0, True
        self.refusal: tuple[int, str] | None = None
        self.reason: dict[str, str] = {}
        self.pods: dict[str, dict] = {}
        self.created: list[dict] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True

    def __enter__(self) -> "Cluster":
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def configuration(self) -> dict:
        """What stands in a kubeconfig."""
        address = f"http://127.0.0.1:{self.server.server_port}"
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "clusters": [{"name": "here", "cluster": {"server": address}}],
            "users": [{"name": "me", "user": {}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        }

    def create(self, pod: dict) -> dict:
        self.created.append(json.loads(json.dumps(pod)))
        pod["status"] = {"phase": "Running" if self.room else "Pending"}
        return self.pods.setdefault(pod["metadata"]["name"], pod)

    def end(self, pod: dict) -> None:
        state = {"terminated": {"exitCode": self.exit_code, "message": "the stage's last words"}}
        status = {"name": "base", "image": "", "imageID": "", "ready": False, "restartCount": 0, "state": state}
        pod["status"] = {"phase": "Failed" if self.exit_code else "Succeeded", "containerStatuses": [status]}
        if self.reason:
            pod["status"] = {"phase": "Failed"} | self.reason

    def select(self, selector: str) -> list[dict]:
        return [pod for pod in self.pods.values() if _selected(pod["metadata"]["labels"], selector)]


def _selected(labels: dict, selector: str) -> bool:
    return all(_meets(labels, term) for term in selector.split(",") if term)


def _meets(labels: dict, term: str) -> bool:
    if term.startswith("!"):
        return term[1:] not in labels
    name, sign, value = re.split("(!?=)", term)
    return (labels.get(name) == value) == (sign == "=")


def _handler(cluster: Cluster) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            if not (found := POD.fullmatch(address.path)):
                selector = parse_qs(address.query).get("labelSelector", [""])[0]
                items = cluster.select(selector) if address.path.endswith("/pods") else []
                return self.answer({"metadata": {}, "items": items})
            pod = cluster.pods.get(found["name"])
            if pod and found["log"]:
                cluster.end(pod)
                return self.answer(LOG)
            return self.answer(pod)

        def do_POST(self) -> None:
            pod = self.body()
            if cluster.refusal:
                status, words = cluster.refusal
                return self.answer({"kind": "Status", "message": words}, status)
            return self.answer(cluster.create(pod), 201)

        def do_PATCH(self) -> None:
            pod = cluster.pods.get(POD.fullmatch(self.path)["name"])
            if pod:
                pod["metadata"]["labels"] |= self.body()["metadata"]["labels"]
            self.answer(pod)

        def do_DELETE(self) -> None:
            self.answer(cluster.pods.pop(POD.fullmatch(urlsplit(self.path).path)["name"], None))

        def body(self) -> dict:
            return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

        def answer(self, what: dict | bytes | None, status: int = 200) -> None:
            body = what if isinstance(what, bytes) else json.dumps(what or {"kind": "Status"}).encode()
            self.send_response(status if what is not None else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
