"""What a case on the cluster works with: a namespace of its own, and what is usual in it."""

import contextlib
import pathlib
import socket
import subprocess
from typing import Any, Callable

from harness import client
from harness.process import binary
from harness.waiting import wait_until

from . import images
from .cluster import Cluster, Object, run
from .stage import Stage

ROLLOUT_SECONDS = 60
_SHOWN_LINES = 20
# What a careful cluster asks of every pod. Our images name a user; those of the tests do not.
OWN_USER = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
RESTRICTED = {**OWN_USER, "runAsUser": 65534}


class Scenario:
    """One case; its namespace goes with it."""

    def __init__(self, cluster: Cluster, namespace: str, preset: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.preset = preset
        self.cleanup = contextlib.ExitStack()
        self.notes: list[str] = []

    def begin(self) -> None:
        self.make_namespace(self.namespace)

    def kubectl(self, *args: str, stdin: str = "", check: bool = True) -> str:
        return self.cluster.kubectl("-n", self.namespace, *args, stdin=stdin, check=check)

    def get(self, *args: str) -> Any:
        return self.cluster.get("-n", self.namespace, *args)

    def apply(self, *objects: Object) -> None:
        """Applies objects that name no namespace to that of the case."""
        self.cluster.apply(
            *({**o, "metadata": {"namespace": self.namespace, **o["metadata"]}} for o in objects)
        )

    def gateway(self, *args: str) -> str:
        """What our program prints."""
        return run([str(binary(self.preset)), *args])

    def install_definitions(self) -> list[str]:
        """Gives our kinds to the cluster, once for all cases; returns their names."""
        if not self.cluster.definitions:
            definitions = self.gateway("crds")
            applied = self.cluster.kubectl("apply", "-f", "-", stdin=definitions)
            names = [line.split()[0] for line in applied.splitlines()]
            # kubectl cannot wait for definitions that the server has not yet looked at.
            established = ("wait", "--for=condition=Established", "--timeout=30s", *names)
            wait_until(lambda: self.cluster.attempt(*established)[0], "definitions", 40)
            self.cluster.definitions = [name.partition("/")[2] for name in names]
        return self.cluster.definitions

    def stage(self) -> Stage:
        """The control plane and the Envoy that cases share, which run from the first use on."""
        self.install_definitions()
        if not self.cluster.stage:
            self.cluster.stage = Stage(self.cluster, self.preset)
            self.cluster.stage.control_plane.wait_ready()
        return self.cluster.stage

    def make_namespace(self, name: str) -> None:
        """One more, which goes with the case."""
        self.cluster.kubectl("create", "namespace", name)
        self.cleanup.callback(
            self.cluster.kubectl, "delete", "namespace", name, "--wait=false", check=False
        )

    @property
    def host(self) -> str:
        """A host of the case's own."""
        return f"{self.namespace}.test"

    def deploy(
        self,
        name: str,
        container: Object,
        replicas: int = 1,
        strategy: Object | None = None,
        **pod: Any,
    ) -> None:
        """Runs a container behind a Service of the same name.

        Waits until all pods are ready, and the Service leads to one of them at least.
        """
        labels = {"app": name}
        ports = [{"name": f"p{p['containerPort']}", **p} for p in container.get("ports", [])]
        self.apply(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": name},
                "spec": {
                    "replicas": replicas,
                    "selector": {"matchLabels": labels},
                    "template": {
                        "metadata": {"labels": labels},
                        "spec": {"containers": [{"name": name, **container}], **pod},
                    },
                    **({"strategy": strategy} if strategy else {}),
                },
            },
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": name},
                "spec": {
                    "type": "LoadBalancer",  # which has a ClusterIP and a NodePort, too
                    "selector": labels,
                    "ports": [{"name": p["name"], "port": p["containerPort"]} for p in ports],
                },
            },
        )
        self.await_rollout(name)
        address = self.get("service", name)["spec"]["clusterIP"]
        for port in ports:  # kube-proxy learns of ready pods later, much later after an outage of the API server
            wait_until(lambda p=port: _connects(address, p["containerPort"]), f"Service {name}", 120)

    def deploy_echo(
        self, name: str = "echo", replicas: int = 1, strategy: Object | None = None, **more: Any
    ) -> None:
        """Runs the echo backend on port 8080; `more` is of the container."""
        container = {
            "image": images.ECHO,
            "ports": [{"containerPort": 8080}],
            "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
            **more,
        }
        self.deploy(name, container, replicas, strategy, securityContext=RESTRICTED)

    def await_rollout(self, name: str) -> None:
        self.kubectl("rollout", "status", f"deployment/{name}", f"--timeout={ROLLOUT_SECONDS}s")

    def page(self, pod: str, port: int, path: str) -> str:
        """What a port on loopback of a pod serves."""
        forward = [self.cluster.kubectl_path, "-n", self.namespace, "port-forward", f"pod/{pod}", f":{port}"]
        with subprocess.Popen(forward, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout
                local = int(process.stdout.readline().split()[2].rpartition(":")[2])
                answer = client.get(local, path)
            finally:
                process.terminate()
        assert answer.status == 200, answer
        return answer.body.decode()

    def balanced(self, name: str) -> str:
        """The address that the load balancer gave to a Service."""

        def address() -> str:
            ingress = self.get("service", name)["status"]["loadBalancer"].get("ingress")
            return ingress[0]["ip"] if ingress else ""

        return wait_until(address, f"an address for Service {name}", 10)

    def pids(self, is_one: Callable[[pathlib.Path], bool]) -> list[int]:
        """Processes of ours in pods of the case, of which this holds; it is given their folder in /proc.

        Pods have spaces of ids of their own, so all of the machine are looked at.
        """
        own = f"POD_NAMESPACE={self.namespace}".encode()
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if is_one(entry) and own in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        return found

    def note(self, text: str) -> None:
        """Something measured; shown with -v."""
        self.notes.append(text)

    def evidence(self) -> list[str]:
        """What a reader wants to see of a case that failed."""
        commands = [
            ["get", "pods,services,endpointslices", "-o", "wide"],
            ["get", "events", "--sort-by=.lastTimestamp"],
        ]
        with contextlib.suppress(AssertionError, KeyError, subprocess.SubprocessError):
            pods = [one["metadata"]["name"] for one in self.get("pods")["items"]]
            commands += [["logs", pod, f"--tail={_SHOWN_LINES}"] for pod in pods]
        lines = self.cluster.stage.logs(_SHOWN_LINES) if self.cluster.stage else []
        for command in commands:
            with contextlib.suppress(subprocess.SubprocessError):
                lines += [f"$ kubectl {' '.join(command)}"]
                lines += self.kubectl(*command, check=False).splitlines()[-_SHOWN_LINES:]
        return lines


def is_open(address: str, port: int) -> bool:
    """Whether somebody listens there."""
    return _connects(address, port)


def _connects(address: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((address, port), 5):
        return True
    return False


def ask(address: str, port: int, host: str = "localhost", path: str = "/") -> client.Response:
    """A plain GET to an address in the network of the cluster."""
    request = client.compose("GET", path, "HTTP/1.1", [("host", host)], b"")
    return client.exchange(client.Target(port, address=address), request, retry_seconds=0)


def await_answer(
    address: str, port: int, body: str, host: str = "localhost", seconds: float = 10
) -> client.Response:
    """Waits until a GET is answered with 200 and a body that holds this text."""
    last = client.Response()

    def answered() -> bool:
        nonlocal last
        last = ask(address, port, host)
        return last.status == 200 and body in last.body.decode()

    try:
        wait_until(answered, f"200 with {body!r} from {address}:{port}", seconds)
    except TimeoutError as error:
        raise TimeoutError(
            f"{error}; the last answer was {last.status} {last.body!r} {last.error}"
        ) from None
    return last
