"""Servers that an Envoy asks about requests: the objects that name them, and requests whose answers show it."""

import json
import pathlib
from typing import Any

from . import client
from .process import Process, binary
from .scenario import Scenario


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


def tls_secret(name: str, pair: pathlib.Path) -> str:
    """A Secret with a pair of `certificates.Authority`: what a client shows, and whom it trusts."""
    data = {file: (pair / file).read_text() for file in ("tls.crt", "tls.key", "ca.crt")}
    return f"apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: default}}\ntype: kubernetes.io/tls\nstringData: {json.dumps(data)}\n"
