"""One control plane and one Envoy that most cases share: each case has hosts and a namespace of its own."""

import pathlib
import time
from typing import Any, Callable

from harness import client
from harness.waiting import wait_until

from . import objects, webhook
from .cluster import Cluster, Object
from .control_plane import SYSTEM, Account, ControlPlane, Proxy, install_account

# Not 19000, which a proxy in the network of the node has.
ADMIN_PORT = 19200
SECONDS = 15.0
_STATES = ("Pending", "Accepted", "Rejected", "Warning")


class Stage:
    """Brings them up; what a case breaks, the case mends."""

    def __init__(self, cluster: Cluster, preset: str) -> None:
        self.cluster = cluster
        self.folder: pathlib.Path = cluster.folder / "stage"
        self.preset = preset
        self._proxies = 0
        self.folder.mkdir()
        install_account(cluster)
        self.certificate = webhook.Certificate(cluster, self.folder)
        self.validation = {
            "validationWebhookTlsCert": str(self.certificate.certificate),
            "validationWebhookTlsKey": str(self.certificate.key),
        }
        cluster.apply(
            settings(gateway={"validation": self.validation}),
            objects.gateway("gateway-proxy", objects.HTTP_PORT),
            objects.gateway("gateway-proxy-ssl", objects.HTTPS_PORT, ssl=True),
            _always(),
        )
        self.account = Account(cluster, self.folder)
        self.state = self.folder / "state"
        self.control_plane = ControlPlane(
            self.folder, preset, self.account, "gloo-first", "--state-dir", str(self.state)
        )
        self.proxy = Proxy(self.folder, ADMIN_PORT)

    def close(self) -> None:
        self.proxy.process.stop()
        self.control_plane.process.stop()

    def restart_proxy(self) -> None:
        """A new Envoy in the place of the first, with nothing of it."""
        self.proxy = Proxy(self.folder, ADMIN_PORT)

    def other_proxy(self, control_plane: str = "127.0.0.1", runtime: Object | None = None) -> Proxy:
        """One more Envoy of the same role, which shares the ports of the first; the caller stops it."""
        self._proxies += 1
        return Proxy(self.folder, ADMIN_PORT + self._proxies, control_plane, runtime=runtime)

    def logs(self, lines: int) -> list[str]:
        """The ends of what both printed."""
        shown = []
        for process in (self.control_plane.process, self.proxy.process):
            shown += [f"$ {' '.join(process.args)}", *process.lines()[-lines:]]
        return shown

    def ask(self, host: str, path: str = "/") -> client.Response:
        request = client.compose("GET", path, "HTTP/1.1", [("host", host)], b"")
        return client.exchange(client.Target(objects.HTTP_PORT), request, retry_seconds=0)

    def await_answer(
        self, host: str, status: int = 200, body: str = "", path: str = "/", seconds: float = SECONDS
    ) -> client.Response:
        """Waits until a GET through the Envoy has this status, and this text in its body."""
        last = client.Response()

        def answered() -> bool:
            nonlocal last
            last = self.ask(host, path)
            return last.status == status and body in last.body.decode()

        try:
            wait_until(answered, f"{status} {body!r} for {host}{path}", seconds)
        except TimeoutError as error:
            shown = f"{last.status} {last.body[:200]!r} {last.error}"
            raise TimeoutError(f"{error}; the last answer was {shown}") from None
        return last

    def await_secure_answer(self, host: str, body: str) -> None:
        """The same over TLS."""
        target = client.Target(objects.HTTPS_PORT, tls=True, sni=host)
        request = client.compose("GET", "/", "HTTP/1.1", [("host", host)], b"")
        answered = lambda: client.exchange(target, request, retry_seconds=0).body.decode() == body
        wait_until(answered, f"{body!r} for https://{host}", SECONDS)

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
        return wait_until(condition, what, seconds)

    def stays(self, condition: Callable[[], Any], what: str, seconds: float) -> None:
        """Fails as soon as the condition does not hold, within this time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert condition(), f"no longer: {what}"
            time.sleep(0.05)

    def await_exists(self, *place: str) -> None:
        """Waits until `kubectl get` finds this."""
        found = lambda: self.cluster.kubectl("get", *place, "-o", "name", check=False)
        self.wait(found, f"{' '.join(place)} exists")

    def await_gone(self, *place: str) -> None:
        gone = lambda: not self.cluster.kubectl("get", *place, "-o", "name", check=False)
        self.wait(gone, f"{' '.join(place)} is gone")

    def await_kept(self, text: str) -> None:
        """Waits until the last good versions on disk hold this."""

        def kept() -> bool:
            files = (path for path in self.state.rglob("*") if path.is_file())
            return any(text.encode() in path.read_bytes() for path in files)

        self.wait(kept, f"{text!r} is kept")

    def status_of(self, kind: str, name: str, namespace: str) -> Object:
        """What the control plane wrote into an object; empty before it did."""
        found = self.cluster.get("-n", namespace, kind, name)
        ours: Object = (found.get("status") or {}).get("statuses", {}).get(SYSTEM, {})
        state = ours.get("state", 0)
        return {**ours, "state": _STATES[state] if isinstance(state, int) else state} if ours else {}

    def await_quiet(self) -> None:
        """Waits until nothing of earlier cases is going away."""

        def quiet() -> bool:
            names, phases = (
                self.cluster.kubectl("get", "namespaces", "-o", f"jsonpath={{..{path}}}")
                for path in ("metadata.name", "status.phase")
            )
            path = "jsonpath={..spec.kube.serviceNamespace}"
            discovered = self.cluster.kubectl("-n", SYSTEM, "get", "upstreams", "-o", path)
            return "Terminating" not in phases and set(discovered.split()) <= set(names.split())

        self.wait(quiet, "earlier cases are gone", 60)

    def await_written(self, kind: str, name: str, namespace: str) -> Object:
        """Waits until an object has a status of ours that is not Pending."""

        def written() -> Object:
            found = self.status_of(kind, name, namespace)
            return found if found.get("state", "Pending") != "Pending" else {}

        found: Object = self.wait(written, f"a status of {kind} {name}")
        return found

    def await_state(
        self, kind: str, name: str, namespace: str, state: str, *reasons: str, seconds: float = SECONDS
    ) -> Object:
        """Waits for a state, with all of these texts in its reason."""
        last: Object = {}

        def there() -> Any:
            nonlocal last
            last = self.status_of(kind, name, namespace)
            found = last.get("reason", "") + " ".join(last.get("messages") or [])
            return last.get("state") == state and all(one in found for one in reasons)

        try:
            wait_until(there, f"{kind} {name} is {state} with {reasons}", seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; it is {last}") from None
        return last


def _always() -> Object:
    """A host of no case: without any, the port would be closed."""
    one = objects.virtual_service("always", "always.test", objects.says("always"))
    one["metadata"]["namespace"] = SYSTEM
    return one


def settings(**spec: Any) -> Object:
    return {
        "apiVersion": "gloo.solo.io/v1",
        "kind": "Settings",
        "metadata": objects.meta("default", SYSTEM),
        "spec": {
            "discoveryNamespace": SYSTEM,
            "kubernetesConfigSource": {},
            "kubernetesSecretSource": {},
            "kubernetesArtifactSource": {},
            "gloo": {"xdsBindAddr": "0.0.0.0:9977"},
            **spec,
        },
    }
