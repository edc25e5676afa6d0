"""mTLS: what the chart renders for proxies and for servers of users, with real Envoys."""

import pathlib
import re

import yaml

from cases.mtls import World
from harness import client, mtls
from harness.ports import free_port
from harness.process import ROOT, Process, default_envoy
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


def _rendered(name: str) -> dict[str, str]:
    """The files of a ConfigMap, as Helm renders the chart with mTLS: tests/chart sees to that."""
    objects_ = yaml.safe_load_all((ROOT / "tests/chart/golden/mtls.yaml").read_text())
    data: dict[str, str] = next(
        one["data"] for one in objects_ if one and (one["kind"], one["metadata"]["name"]) == ("ConfigMap", name)
    )
    return data


def _moved(text: str, folder: pathlib.Path, ports: dict[int, int]) -> str:
    """A bootstrap for this machine: other ports and folders, and names of pods filled in; the rest stays."""
    for old, new in ports.items():
        text = re.sub(rf"port_value: {old}\b", f"port_value: {new}", text)
    text = re.sub(r"address: [\w-]+\.gloo-system\.svc\.cluster\.local", "address: 127.0.0.1", text)
    text = text.replace("/etc/envoy/", f"{folder}/").replace("/var/run/secrets/k8sgateway", str(folder))
    return text.replace("{{.PodName}}", "gateway-proxy-1").replace("{{.PodNamespace}}", "gloo-system")


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
        for file, text in _rendered(name).items():
            (folder / file).write_text(_moved(text, folder, ports))
    envoys = []
    for bootstrap in ("envoy-sidecar.yaml", "envoy.yaml"):
        words = [default_envoy(), "-c", str(folder / bootstrap), "--disable-hot-restart", "-l", "warning"]
        envoys.append(scenario.own(Process([*words, "--concurrency", "1"])))
    world.await_answer("hello")
    world.say("changed")
    world.await_answer("changed")
    wait_until(lambda: client.get(proxy[8081], "/ready").status == 200, "the proxy says that it is ready", _SECONDS)
    for envoy in envoys:
        assert "deprecat" not in envoy.log(), envoy.log()
