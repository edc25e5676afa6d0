"""mTLS: what the chart renders for proxies and for servers of users, with real Envoys."""

import pathlib
import re
from typing import Any

import yaml

from cases.mtls import World
from harness import asked, client, mtls
from harness.certificates import Authority
from harness.ports import free_port
from harness.process import ROOT, Process, default_envoy, replace_file
from harness.rate_limit_service import RateLimitService
from harness.scenario import Scenario, Suite
from harness.waiting import wait_until

SUITE = Suite()
_SECONDS = 20.0
_UPSTREAM = """\
metadata: {{name: server, namespace: gloo-system}}
static: {{hosts: [{{addr: 127.0.0.1, port: {port}}}]}}
"""
_SHOWS_CERTIFICATE = """\
sslConfig:
  sni: {name}
  alpnProtocols: [http/1.1]
  verifySubjectAltName: [{name}]
  sds:
    clusterName: gateway_proxy_sds
    certificatesSecretName: server_cert
    validationContextName: validation_context
"""
_TO_SERVER = """\
metadata: {name: site, namespace: gloo-system}
virtualHost:
  domains: ["*"]
  routes:
  - matchers: [{prefix: /}]
    routeAction: {single: {upstream: {name: server, namespace: gloo-system}}}
"""
_LIMITS_NAME = "limits.example.com"
_RULES = "domain: custom\ndescriptors: [{key: user, rate_limit: {unit: hour, requests_per_unit: 1}}]\n"
_ASKS = """\
extauth: {extauthzServerRef: {name: ext-auth-mtls, namespace: gloo-system}, requestTimeout: 2s}
ratelimitServer:
  ratelimitServerRef: {name: rate-limit-mtls, namespace: gloo-system}
  requestTimeout: 2s
  denyOnFail: true
"""
_ENDS = "envoy_cluster_ssl_certificate_expiration_unix_time_seconds"
_ASKED_ABOUT = """\
  options:
    extauth: {customAuth: {}}
    ratelimit: {rateLimits: [{actions: [{requestHeaders: {headerName: x-user, descriptorKey: user}}]}]}
"""


@SUITE.case("mtls: a proxy shows its certificate to servers of users, and checks theirs")
def servers(scenario: Scenario) -> None:
    world = World(scenario)
    world.proxy()
    world.await_answer("hello")
    _, port = scenario.backend()
    beside_server = world.make_sidecar(world.make_sds(world.files.folder), port)
    beside_server.await_open()
    upstream = _UPSTREAM.format(port=beside_server.rest_port)

    def answers(text: str, status: int) -> None:
        world.mode.write("upstreams", "server", text)
        found = lambda: client.get(world.mode.http_port).status == status
        wait_until(found, f"{status} for {text}", _SECONDS)

    world.mode.write("upstreams", "server", upstream)
    world.mode.write("virtualservices", "site", _TO_SERVER)
    answers(upstream, 503)
    answers(upstream + _SHOWS_CERTIFICATE.format(name=mtls.NAME), 200)
    answers(upstream + _SHOWS_CERTIFICATE.format(name="petstore.default.svc"), 503)
    answers(upstream + _SHOWS_CERTIFICATE.format(name=mtls.NAME), 200)


# Values of tests/chart: with Secrets that certgen fills, and with those that users bring, servers of theirs have others.
_ALL, _BROUGHT = "mtls", "mtls_brought"


def _object(values: str, kind: str, name: str) -> dict[str, Any]:
    """An object as Helm renders it, from the chart with these values: tests/chart sees to that."""
    objects_ = yaml.safe_load_all((ROOT / f"tests/chart/golden/{values}.yaml").read_text())
    found: dict[str, Any] = next(
        one for one in objects_ if one and (one["kind"], one["metadata"]["name"]) == (kind, name)
    )
    return found


def _moved(text: str, folder: pathlib.Path, ports: dict[int, int]) -> str:
    """A bootstrap for this machine: other ports and folders, and names of pods filled in; the rest stays."""
    for old, new in ports.items():
        text = re.sub(rf"port_value: {old}\b", f"port_value: {new}", text)
    text = re.sub(r"address: [\w-]+\.gloo-system\.svc\.cluster\.local", "address: 127.0.0.1", text)
    text = text.replace("/etc/envoy/", f"{folder}/").replace("/var/run/secrets/k8sgateway", str(folder))
    return text.replace("{{.PodName}}", "gateway-proxy-1").replace("{{.PodNamespace}}", "gloo-system")


def _write_files(values: str, name: str, folder: pathlib.Path, ports: dict[int, int]) -> None:
    """The files of a ConfigMap."""
    for file, text in _object(values, "ConfigMap", name)["data"].items():
        (folder / file).write_text(_moved(text, folder, ports))


def _run(scenario: Scenario, bootstrap: pathlib.Path) -> Process:
    words = [default_envoy(), "-c", str(bootstrap), "--disable-hot-restart", "-l", "warning", "--concurrency", "1"]
    return scenario.own(Process(words))


@SUITE.case("mtls: the bootstraps that the chart renders work together")
def rendered(scenario: Scenario) -> None:
    world = World(scenario)
    folder = scenario.folder / "rendered"
    folder.mkdir()
    (folder / "token").write_text("a.b.c")
    sds = [world.make_sds(world.files.folder) for _ in range(2)]
    gloo = {port: free_port() for port in (9977, 9976, 8081)}
    gloo |= {9999: world.mode.xds_port, 9998: world.mode.rest_port, 8234: sds[0].port}
    proxy = {port: free_port() for port in (8081, 19000)}
    proxy |= {9977: gloo[9977], 9976: gloo[9976], 8234: sds[1].port}
    for name, ports in (("envoy-sidecar-config", gloo), ("gateway-proxy-envoy-config", proxy)):
        _write_files(_ALL, name, folder, ports)
    envoys = [_run(scenario, folder / bootstrap) for bootstrap in ("envoy-sidecar.yaml", "envoy.yaml")]
    world.await_answer("hello")
    world.say("changed")
    world.await_answer("changed")
    wait_until(lambda: client.get(proxy[8081], "/ready").status == 200, "the proxy says that it is ready", _SECONDS)
    # By which the alert EnvoyCertificate goes.
    shown = client.get(proxy[8081], "/metrics").body.decode()
    assert f'{_ENDS}{{envoy_tls_certificate="server_cert",' in shown, re.findall(r"(?m)^.*certificate.*$", shown)
    for envoy in envoys:
        assert "deprecat" not in envoy.log(), envoy.log()


class _ServerSidecar:
    """What the chart renders for a server of a user: the sidecar in front of it, and the Upstream that leads there."""

    def __init__(self, world: World, name: str, port: int, server_port: int, pair: pathlib.Path) -> None:
        """Where the chart has `port` and the one after it, the sidecar has a free one and `server_port`."""
        self._world, self._name, self._port = world, f"{name}-mtls", free_port()
        folder = world.scenario.folder / self._name
        folder.mkdir()
        ports = {port: self._port, port + 1: server_port, 8081: free_port(), 8234: world.make_sds(pair).port}
        _write_files(_BROUGHT, f"{self._name}-sidecar", folder, ports)
        _run(world.scenario, folder / "envoy-sidecar.yaml")

    def write_upstream(self, **changes: Any) -> None:
        """On this machine there are no Services, so hosts stand in place of one."""
        spec = _object(_BROUGHT, "Upstream", self._name)["spec"] | changes
        spec = {key: value for key, value in spec.items() if key != "kube" and value is not None}
        spec["static"] = {"hosts": [{"addr": "127.0.0.1", "port": self._port}]}
        text = yaml.safe_dump({"metadata": {"name": self._name, "namespace": "gloo-system"}, **spec})
        self._world.mode.write("upstreams", self._name, text)


@SUITE.case("mtls: ext auth and rate limit servers stand behind the sidecars that the chart renders")
def asked_servers(scenario: Scenario) -> None:
    authority = Authority(scenario.folder)
    gloo, limits = (authority.issue(scenario.folder / name, name) for name in (mtls.NAME, _LIMITS_NAME))
    world = World(scenario)
    world.files.swap(**{file.name.replace(".", "_"): file.read_bytes() for file in gloo.glob("*.*")})
    world.proxy()
    world.await_answer("hello")
    auth_port = free_port()
    asked.ext_auth_server(scenario, auth_port)
    auth = _ServerSidecar(world, "ext-auth", 8083, auth_port, gloo)
    rate_limit = _ServerSidecar(world, "rate-limit", 18081, RateLimitService(scenario, _RULES).port, limits)
    _, backend = scenario.backend()
    for sidecar in (auth, rate_limit):
        sidecar.write_upstream()
    world.mode.write("upstreams", "server", _UPSTREAM.format(port=backend))
    settings = world.mode.settings_path
    replace_file(settings, settings.read_text() + _ASKS)
    world.mode.write("virtualservices", "site", _TO_SERVER.replace("  routes:", f"{_ASKED_ABOUT}  routes:"))

    def send(headers: dict[str, str]) -> client.Response:
        return asked.send(world.mode.http_port, "/", headers)

    def answers(status: int, headers: dict[str, str]) -> None:
        wait_until(lambda: send(headers).status == status, f"{status} for {headers}", _SECONDS)

    answers(401, {"x-deny": "401"})
    answers(200, {"x-user": "alice"})
    assert asked.seen(send({"x-user": "bob"}))["headers"]["x-auth-path"] == "GET /"
    assert [send({"x-user": name}).status for name in ("alice", "bob", "carol")] == [429, 429, 200]
    # Whoever shows no certificate, or expects another name, asks nobody.
    auth.write_upstream(sslConfig=None)
    answers(403, {"x-deny": "401"})
    auth.write_upstream()
    answers(401, {"x-deny": "401"})
    right = _object(_BROUGHT, "Upstream", "rate-limit-mtls")["spec"]["sslConfig"]
    rate_limit.write_upstream(sslConfig=right | {"verifySubjectAltName": [mtls.NAME]})
    answers(500, {"x-user": "alice"})
    rate_limit.write_upstream()
    answers(429, {"x-user": "alice"})
