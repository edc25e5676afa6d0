"""The installation of the rows of mTLS: the chart with sidecars, and servers of a user that proxies ask."""

import base64
import ssl
import subprocess
from typing import Any

from harness import client, mtls
from harness.waiting import wait_until
from support import images
from support.cluster import Cluster, Object
from support.objects import meta, to_service, virtual_service
from support.release import merge, values
from support.scenario import RESTRICTED, Scenario, ask

from .installed import WITH_ACCESS_LOG, Installed

NAMESPACE = "port-reference-mtls"
SITE = "asked.port-reference.test"
SECRET = "gloo-mtls-certs"
# The sidecars of servers of users take these ports, and lead to the ones after them.
AUTH_PORT, LIMIT_PORT = 8083, 18081
SECONDS = 90
_SMALL = {"requests": {"cpu": "20m", "memory": "32Mi"}}
_RULES = "domain: custom\ndescriptors: [{key: user, rate_limit: {unit: hour, requests_per_unit: 1}}]\n"
_SERVERS = [
    {"name": "ext-auth", "port": AUTH_PORT, "localPort": AUTH_PORT + 1},
    {"name": "rate-limit", "port": LIMIT_PORT, "localPort": LIMIT_PORT + 1},
]
_LIMITED = {"actions": [{"requestHeaders": {"headerName": "x-user", "descriptorKey": "user"}}]}
_OPTIONS = {"extauth": {"customAuth": {}}, "ratelimit": {"rateLimits": [_LIMITED]}}
_RATE_LIMIT_ENV = {
    "REDIS_SOCKET_TYPE": "tcp",
    "REDIS_URL": "127.0.0.1:6379",
    "RUNTIME_ROOT": "/runtime",
    "RUNTIME_SUBDIRECTORY": "limits",
    "RUNTIME_WATCH_ROOT": "false",
    # A mounted ConfigMap has each file twice, once in a folder of its own.
    "RUNTIME_IGNOREDOTFILES": "true",
    "USE_STATSD": "false",
    "HOST": "127.0.0.1",
    "GRPC_HOST": "127.0.0.1",
    "DEBUG_HOST": "127.0.0.1",
    "PORT": "18090",
    "GRPC_PORT": str(LIMIT_PORT + 1),
    "DEBUG_PORT": "16070",
}


def _asks(server: str) -> Object:
    return {"name": f"{server}-mtls", "namespace": NAMESPACE}


def _values() -> Object:
    base = values(settings={"singleNamespace": True})
    tls = {
        "enabled": True,
        "envoySidecarResources": _SMALL,
        "sdsResources": _SMALL,
        "servers": _SERVERS,
    }
    auth = {"extauthzServerRef": _asks("ext-auth"), "requestTimeout": "2s"}
    limit = {"ratelimitServerRef": _asks("rate-limit"), "requestTimeout": "2s", "denyOnFail": True}
    more = {
        "global": {"glooMtls": tls, "extensions": {"extAuth": auth}},
        "settings": {"ratelimitServer": limit},
        **WITH_ACCESS_LOG,
    }
    return merge(base, more)


class MtlsInstallation(Installed):
    def __init__(self, cluster: Cluster, preset: str) -> None:
        super().__init__(cluster, preset, NAMESPACE, _values())
        cluster.load(images.ext_auth(self.folder, preset), images.rate_limit(self.folder))
        self._deploy("ext-auth", [{"name": "ext-auth", "image": images.EXT_AUTH, "args": [str(AUTH_PORT + 1)]}])
        self._deploy("rate-limit", self._rate_limit(), [{"name": "rules", "configMap": {"name": "rules"}}])
        self.scenario.apply(virtual_service("site", SITE, to_service("echo", NAMESPACE), options=_OPTIONS))
        wait_until(lambda: self.send("nobody", "418").status == 418, "the authorization server is asked", SECONDS)
        # Without a word from the rate-limit service, requests are refused.
        wait_until(lambda: self.send("somebody").status == 200, "the rate-limit service is asked", SECONDS)

    def _rate_limit(self) -> list[Object]:
        rules = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("rules"), "data": {"custom.yaml": _RULES}}
        self.scenario.apply(rules)
        redis = ["/usr/local/bin/redis-server", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        return [
            {
                "name": "rate-limit",
                "image": images.RATE_LIMIT,
                "env": [{"name": name, "value": value} for name, value in _RATE_LIMIT_ENV.items()],
                "volumeMounts": [{"name": "rules", "mountPath": "/runtime/limits/config"}],
            },
            {"name": "redis", "image": images.RATE_LIMIT, "command": redis},
        ]

    def _deploy(self, name: str, containers: list[Object], volumes: list[Object] | None = None) -> None:
        """A server of a user, and then what the chart has for it, as docs/security.md says."""
        labels = {"app": name}
        pod = {"securityContext": RESTRICTED, "containers": containers, "volumes": volumes or []}
        template = {"metadata": {"labels": labels}, "spec": pod}
        spec = {"selector": {"matchLabels": labels}, "template": template}
        port = next(one["port"] for one in _SERVERS if one["name"] == name)
        service = {"selector": labels, "ports": [{"port": port}]}
        self.scenario.apply(
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta(name), "spec": spec},
            {"apiVersion": "v1", "kind": "Service", "metadata": meta(name), "spec": service},
        )
        patch = self.folder / f"{name}.yaml"
        patch.write_text(self.scenario.get("configmap", f"{name}-mtls-sidecar")["data"]["patch.yaml"])
        self.scenario.kubectl("patch", "deployment", name, "--patch-file", str(patch))
        self.scenario.await_rollout(name)

    def send(self, user: str, deny: str = "") -> client.Response:
        """A request to the proxy; the authorization server gives the status that `deny` says."""
        headers = [("host", SITE), ("x-user", user), *([("x-deny", deny)] if deny else [])]
        target = client.Target(8080, address=self.address("gateway-proxy"))
        return client.exchange(target, client.compose("GET", "/", "HTTP/1.1", headers, b""), retry_seconds=0)

    def pod(self, name: str) -> Any:
        """The pod of a component, or of a server; one that ends is none."""
        label = f"app={name}" if name in ("ext-auth", "rate-limit") else f"gloo={name}"
        pods = self.scenario.get("pods", "-l", label)["items"]
        (pod,) = [one for one in pods if "deletionTimestamp" not in one["metadata"]]
        return pod

    def containers(self, name: str) -> list[str]:
        return [one["name"] for one in self.pod(name)["spec"]["containers"]]

    def server(self, port: int, of: str = "gloo") -> mtls.Server:
        """By the Service; all servers show the certificate of gloo."""
        address = self.scenario.get("service", of)["spec"]["clusterIP"]
        return mtls.Server(port, address, f"gloo.{NAMESPACE}.svc")

    def context(self, certificate: bool = True) -> ssl.SSLContext:
        """A client that trusts the authority, with the pair of the Secret or without."""
        data = self.scenario.get("secret", SECRET)["data"]
        for name in ("tls.crt", "tls.key", "ca.crt"):
            (self.folder / name).write_bytes(base64.b64decode(data[name]))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.folder / "ca.crt")
        if certificate:
            context.load_cert_chain(self.folder / "tls.crt", self.folder / "tls.key")
        return context

    def old_context(self) -> ssl.SSLContext:
        """A client that has the pair, and speaks nothing newer than TLS 1.1."""
        context = self.context()
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        return context

    def post_discovery(self, context: ssl.SSLContext, token: str, protocol: str = "http/1.1") -> tuple[int, bytes]:
        """What REST xDS answers about listeners; OSError or EOFError for a refusal by TLS."""
        return mtls.post_discovery(self.server(9976), context, self.role, token, protocol)

    def serial(self) -> int:
        """That of the certificate in the Secret."""
        text = base64.b64decode(self.scenario.get("secret", SECRET)["data"]["tls.crt"])
        words = ["openssl", "x509", "-noout", "-serial"]
        done = subprocess.run(words, input=text, capture_output=True, check=True)
        return int(done.stdout.decode().strip().partition("=")[2], 16)

    def status_without_tls(self, name: str, port: int) -> int:
        """Of an answer; 0 for none."""
        return ask(self.address(name), port).status

    def answers_within(self, name: str, container: str, port: int) -> bool:
        """Whether a port on loopback of a pod takes connections from there, as the probe of our program sees it."""
        words = ("exec", self.pod(name)["metadata"]["name"], "-c", container, "--")
        probe = ("/usr/local/bin/k8sgateway", "probe", "--seconds=5", f"tcp://127.0.0.1:{port}")
        try:
            self.scenario.kubectl(*words, *probe)
        except (AssertionError, subprocess.SubprocessError):
            return False
        return True


def mtls_installation(scenario: Scenario) -> MtlsInstallation:
    """Made by the first row, and gone with the cluster."""
    cluster = scenario.cluster
    if not cluster.mtls_installation:
        cluster.mtls_installation = MtlsInstallation(cluster, scenario.preset)
    return cluster.mtls_installation
