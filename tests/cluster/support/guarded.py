"""A control plane that hands configuration only to proxies that prove who they are, and such proxies."""

import base64
import json
import os
import pathlib
import subprocess
import time
from typing import Any, Callable

from harness import client
from harness.certificates import self_signed
from harness.process import Process, binary
from harness.waiting import wait_until

from . import objects
from .cluster import Object, run
from .control_plane import ControlPlane, Proxy, bootstrap
from .scenario import Scenario

AUDIENCE = "k8sgateway-xds"
RECHECK_SECONDS = 5
XDS_PORT, HTTP_PORT, HTTPS_PORT, ADMIN_PORT = 9978, 18090, 18453, 19100
VALIDATION_PORT, DEBUG_PORT = 9989, 9967
# The node, as pods see it.
NODE = "172.30.0.1"
LISTENER = "envoy.config.listener.v3.Listener"
_SECONDS = 20.0


class Guarded:
    """In the namespace of a case, with a Gateway, a host and a private key of its own, for the proxy gateway-proxy."""

    def __init__(self, scenario: Scenario, *more: str) -> None:
        self.scenario = scenario
        self.namespace = scenario.namespace
        self.role = f"{self.namespace}~gateway-proxy"
        stage = scenario.stage()
        self.folder: pathlib.Path = stage.folder / self.namespace
        self.folder.mkdir()
        pair = self_signed(self.folder, scenario.host)
        scenario.apply(
            settings(self.namespace),
            objects.gateway("gateway-proxy", HTTP_PORT, self.namespace),
            objects.gateway("gateway-proxy-ssl", HTTPS_PORT, self.namespace, ssl=True),
            objects.tls_secret(
                "key", pair.with_suffix(".crt").read_text(), pair.with_suffix(".key").read_text()
            ),
            objects.virtual_service("plain", scenario.host, objects.says("hello")),
            objects.virtual_service(
                "secret",
                scenario.host,
                objects.says("hello"),
                sslConfig={
                    "secretRef": objects.meta("key", self.namespace),
                    "sniDomains": [scenario.host],
                },
            ),
        )
        self.make_account("gateway-proxy")
        self.control_plane = ControlPlane(
            self.folder,
            scenario.preset,
            stage.account,
            "gloo-guarded",
            "--xds-auth",
            "service-account",
            "--xds-auth-recheck",
            str(RECHECK_SECONDS),
            *more,
            namespace=self.namespace,
        )
        scenario.cleanup.callback(lambda: self.control_plane.process.stop())
        self.control_plane.wait_ready()

    def make_account(self, name: str) -> None:
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
        self.scenario.apply(account)

    def token(self, account: str = "gateway-proxy", *more: str, audience: str = AUDIENCE) -> str:
        """A new one, as kubelet asks for it."""
        words = ("create", "token", account, *more)
        audiences = [f"--audience={audience}"] if audience else []
        return self.scenario.kubectl(*words, *audiences).strip()

    def expired(self, seconds: int) -> str:
        """A token of gateway-proxy that the cluster has signed, which expired so long ago."""
        head, body, _ = self.token().split(".")
        claims = json.loads(base64.urlsafe_b64decode(body + "=="))
        claims["exp"] = int(time.time()) - seconds
        claims["iat"] = claims["nbf"] = claims["exp"] - 600
        text = f"{head}.{_encode(json.dumps(claims).encode())}"
        key = self.scenario.cluster.folder / "pki/service-accounts.key"
        sign = ["openssl", "dgst", "-sha256", "-sign", str(key)]
        done = subprocess.run(sign, input=text.encode(), capture_output=True, check=True)
        return f"{text}.{_encode(done.stdout)}"

    def ask(
        self, method: str, *authorization: str, role: str = "", kind: str = LISTENER, hold: bool = False
    ) -> Process:
        """A client of xDS that shows these authorization headers."""
        headers = [word for value in authorization for word in ("--header", value)]
        program = binary(self.scenario.preset).parent / "tests/xds_client"
        where = [str(program), f"127.0.0.1:{XDS_PORT}", method, role or self.role, kind]
        process = Process([*where, *headers, *(["--hold"] if hold else [])])
        self.scenario.cleanup.callback(process.stop)
        return process

    def answer(self, *args: Any, **more: Any) -> str:
        """All that such a client prints."""
        process = self.ask(*args, **more)
        process.wait_exit(_SECONDS)
        return "\n".join(process.lines())

    def get(self, address: str = "127.0.0.1") -> client.Response:
        request = client.compose("GET", "/", "HTTP/1.1", [("host", self.scenario.host)], b"")
        return client.exchange(client.Target(HTTP_PORT, address=address), request, retry_seconds=0)

    def await_body(self, body: str, address: str = "127.0.0.1", seconds: float = _SECONDS) -> None:
        wait_until(lambda: self.get(address).body.decode() == body, f"{body!r} is answered", seconds)

    def say(self, body: str) -> None:
        """Edits the route of the host."""
        self.scenario.apply(
            objects.virtual_service("plain", self.scenario.host, objects.says(body))
        )

    def proxy(self, mount: "Mount") -> Proxy:
        """A real Envoy that shows the token of a mount; it ends with the case."""
        proxy = Proxy(self.folder, ADMIN_PORT, config=self.bootstrap(mount.folder))
        self.scenario.cleanup.callback(proxy.process.stop)
        return proxy

    def bootstrap(self, mount: pathlib.Path, control_plane: str = "127.0.0.1") -> Object:
        """As for all proxies, with the header that Envoy adds from the mounted token."""
        config = bootstrap(self.role, control_plane, ADMIN_PORT, XDS_PORT)
        secret = self.folder / "xds-token.json"
        secret.write_text(token_secret(mount))
        show_token(config, str(secret), str(mount))
        return config

    def await_line(self, wanted: Callable[[str], bool], what: str, after: int = 0) -> str:
        return self.control_plane.process.wait_line(wanted, what, after, _SECONDS)


class Mount:
    """A folder with a token, which is replaced as kubelet does it."""

    def __init__(self, folder: pathlib.Path, token: str) -> None:
        self.folder = folder
        self._turn = 0
        folder.mkdir()
        self.replace(token)
        (folder / "token").symlink_to("..data/token")

    def replace(self, token: str) -> None:
        self._turn += 1
        content = self.folder / f"..turn{self._turn}"
        content.mkdir()
        (content / "token").write_text(token)
        link = self.folder / "..data_tmp"
        link.symlink_to(content.name)
        os.replace(link, self.folder / "..data")


def start_call(program: str, scenario: Scenario, token: str, *words: str) -> Process:
    """One of the clients of the services about Proxies, with this token, or none; it ends with the case."""
    path = str(binary(scenario.preset).parent / "tests" / program)
    process = Process([path, *words], {"AUTHORIZATION": f"Bearer {token}"} if token else {})
    scenario.cleanup.callback(process.stop)
    return process


def call(program: str, scenario: Scenario, token: str, *words: str) -> str:
    """All that it prints."""
    process = start_call(program, scenario, token, *words)
    process.wait_exit(_SECONDS)
    return "\n".join(process.lines())


def token_secret(mount: pathlib.Path) -> str:
    """What Envoy reads to find the token: a file that never changes."""
    secret = {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": "xds-token",
        "generic_secret": {"secret": {"filename": f"{mount}/token"}},
    }
    return json.dumps({"resources": [secret]})


def show_token(config: Object, secret: str, mount: str) -> None:
    """Changes a bootstrap so that Envoy shows the token to its control plane."""
    file = {"path": secret, "watched_directory": {"path": mount}}
    credential = {
        "@type": "type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic",
        "credential": {
            "name": "xds-token",
            "sds_config": {"path_config_source": file, "resource_api_version": "V3"},
        },
        "header": "authorization",
        "header_value_prefix": "Bearer ",
    }
    filters = "type.googleapis.com/envoy.extensions.filters.http"
    injector = {
        "@type": f"{filters}.credential_injector.v3.CredentialInjector",
        "credential": {"name": "envoy.http.injected_credentials.generic", "typed_config": credential},
        "overwrite": True,
    }
    codec = {"@type": f"{filters}.upstream_codec.v3.UpstreamCodec"}
    (cluster,) = config["static_resources"]["clusters"]
    (options,) = cluster["typed_extension_protocol_options"].values()
    options["http_filters"] = [
        {"name": "envoy.filters.http.credential_injector", "typed_config": injector},
        {"name": "envoy.filters.http.upstream_codec", "typed_config": codec},
    ]


def settings(namespace: str) -> Object:
    """Of a control plane that shares the network with the one of all cases."""
    return {
        "apiVersion": "gloo.solo.io/v1",
        "kind": "Settings",
        "metadata": {"name": "default"},
        "spec": {
            "discoveryNamespace": namespace,
            "watchNamespaces": [namespace],
            "kubernetesConfigSource": {},
            "kubernetesSecretSource": {},
            "kubernetesArtifactSource": {},
            "gloo": {
                "xdsBindAddr": f"0.0.0.0:{XDS_PORT}",
                "validationBindAddr": f"0.0.0.0:{VALIDATION_PORT}",
                "restXdsBindAddr": "127.0.0.1:0",
                "proxyDebugBindAddr": f"0.0.0.0:{DEBUG_PORT}",
            },
        },
    }


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
