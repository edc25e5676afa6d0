"""`gloo`: what the xDS port offers, and what it does not."""

import re
import socket

from cases.file_mode import FileMode
from harness import grpc, h2
from harness.process import Process, binary
from harness.scenario import Scenario, Suite, expect_line

SUITE = Suite()
_SERVICE = "envoy.service."
_KINDS = ("cluster.v3.Cluster", "endpoint.v3.Endpoint", "listener.v3.Listener", "route.v3.Route", "secret.v3.Secret")
_SERVICES = {
    "envoy.service.discovery.v3.AggregatedDiscoveryService",
    *(f"{_SERVICE}{kind}DiscoveryService" for kind in _KINDS),
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
}
_REFLECTION = "/grpc.reflection.{}.ServerReflection/ServerReflectionInfo"
# list_services of a ServerReflectionRequest.
_LIST = grpc.field(7, "*")


def _call(mode: FileMode, path: str, message: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", mode.xds_port), 10) as connection:
        return h2.call(connection, "gloo", path, message)


@SUITE.case("xDS: reflection tells the services that there are, and no others are")
def services(scenario: Scenario) -> None:
    mode = FileMode(scenario)
    expect_line(mode.process, "ready: xDS")
    for version in ("v1", "v1alpha"):
        answer = _call(mode, _REFLECTION.format(version), _LIST)
        assert set(re.findall(rb"[a-z]+(?:\.\w+)+", answer)) == {name.encode() for name in _SERVICES}, answer
    # Health, that of the whole: SERVING.
    assert _call(mode, "/grpc.health.v1.Health/Check", b"") == grpc.field(1, 1)
    solo = "/solo.io.xds.SoloDiscoveryService/StreamAggregatedResources"
    assert _call(mode, solo, _LIST) == b""
    program = binary(scenario.preset).parent / "tests/xds_client"
    words = [str(program), f"127.0.0.1:{mode.xds_port}", solo, "gloo-system~gateway-proxy", "envoy.config.listener.v3.Listener"]
    expect_line(scenario.own(Process(words)), "failed: 12")
