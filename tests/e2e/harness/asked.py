"""Servers that an Envoy asks about requests: the objects that name them, and requests whose answers show it."""

import json
import pathlib
import subprocess
from typing import Any

from . import client
from .process import Process, binary
from .scenario import Scenario

ROOT = pathlib.Path(__file__).resolve().parents[3]


def settings(spec: str) -> str:
    return f"apiVersion: gloo.solo.io/v1\nkind: Settings\nmetadata: {{name: default, namespace: gloo-system}}\nspec: {spec}\n"


def gateway(port: int, options: str = "") -> str:
    return f"""\
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {{name: gateway-proxy, namespace: gloo-system}}
spec: {{bindAddress: 127.0.0.1, bindPort: {port}, httpGateway: {{options: {{{options}}}}}}}
"""


def upstream(name: str, port: int, more: str = "") -> str:
    return f"""\
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {{name: {name}, namespace: default}}
spec: {{{more}static: {{hosts: [{{addr: 127.0.0.1, port: {port}}}]}}}}
"""


def grpc_upstream(name: str, port: int, more: str = "") -> str:
    return upstream(name, port, f"useHttp2: true, {more}")


def route(prefix: str, options: str = "") -> str:
    """A route to the Upstream `backend`."""
    to = "routeAction: {single: {upstream: {name: backend, namespace: default}}}"
    return f"{{matchers: [{{prefix: {prefix}}}], options: {{{options}}}, {to}}}"


def service(name: str, routes: list[str], options: str = "", domain: str = "*") -> str:
    return f"""\
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: default}}
spec: {{virtualHost: {{domains: ["{domain}"], options: {{{options}}}, routes: [{", ".join(routes)}]}}}}
"""


def documents(*texts: str) -> str:
    return "---\n".join(texts)


def send(
    port: int, path: str = "/", headers: dict[str, str] | None = None, body: str = "", host: str = "localhost"
) -> client.Response:
    """A request, with POST when it has a body."""
    fields = [("host", host), *(headers or {}).items()]
    if body:
        fields.append(("content-length", str(len(body))))
    method = "POST" if body else "GET"
    return client.exchange(
        client.Target(port), client.compose(method, path, "HTTP/1.1", fields, body.encode()), retry_seconds=0
    )


def seen(response: client.Response) -> dict[str, Any]:
    """What the backend saw of a request that it answered."""
    assert response.status == 200, f"{response.status} {response.body!r} {response.error}"
    return json.loads(response.body)


def ext_auth_server(scenario: Scenario, port: int, *more: str) -> Process:
    program = binary(scenario.preset).parent / "tests/ext_auth_server"
    process = scenario.own(Process([str(program), str(port), *more]))
    process.wait_ready()
    return process


class Authority:
    """Makes certificates, in a folder of its own."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        folder.mkdir()
        self._openssl("req", "-x509", "-days", "2", "-subj", "/CN=Authority", *self._new("ca"), "-out", self.path("ca.crt"))

    def path(self, name: str) -> str:
        return str(self._folder / name)

    def issue(self, name: str) -> None:
        """Writes NAME.crt and NAME.key, for the server or client of this name."""
        self._openssl("req", "-subj", f"/CN={name}", *self._new(name), "-out", self.path(f"{name}.csr"))
        names = self._folder / f"{name}.ext"
        names.write_text(f"subjectAltName=DNS:{name}\n")
        authority = ("-CA", self.path("ca.crt"), "-CAkey", self.path("ca.key"), "-CAcreateserial")
        self._openssl(
            "x509", "-req", "-days", "2", "-in", self.path(f"{name}.csr"), *authority, "-extfile", str(names),
            "-out", self.path(f"{name}.crt"),
        )  # fmt: skip

    def secret(self, name: str, client_name: str) -> str:
        """A Secret with the client's certificate, and the authority that servers must be of."""
        parts = {"tls.crt": f"{client_name}.crt", "tls.key": f"{client_name}.key", "ca.crt": "ca.crt"}
        data = {key: pathlib.Path(self.path(file)).read_text() for key, file in parts.items()}
        return f"apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: default}}\ntype: kubernetes.io/tls\nstringData: {json.dumps(data)}\n"

    def _new(self, name: str) -> list[str]:
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        return [*curve, "-keyout", self.path(f"{name}.key")]

    @staticmethod
    def _openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True)
