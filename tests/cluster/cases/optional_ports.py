"""Ports of the chart that its own values leave closed, and logs of TCP."""

import base64
import json
import pathlib
import tempfile
from typing import Any

from harness import client
from harness.certificates import self_signed
from harness.scenario import Suite
from harness.waiting import wait_until
from support import images
from support.cluster import Object
from support.objects import meta, says, tls_secret, virtual_service
from support.release import Release, merge, values
from support.scenario import OWN_USER, Scenario, ask, await_answer, is_open

SUITE = Suite()
_SECONDS = 60
_HOST, _SECURE = "ports.test", "secure.ports.test"
_READ_CONFIG, _FAILOVER, _TCP = 8082, 15443, 9000
_TYPE = "type.googleapis.com/envoy.extensions."
_LOG = "connections"


def _install(scenario: Scenario, **more: Any) -> str:
    """A release that serves; the address of its proxy."""
    scenario.install_definitions()
    base = values(settings={"singleNamespace": True, "ipV4Only": True}, discovery={"enabled": False})
    Release(scenario).install(merge(base, more))
    scenario.apply(virtual_service("site", _HOST, says("hello")))
    (pod,) = scenario.get("pods", "-l", "gateway-proxy-id=gateway-proxy")["items"]
    await_answer(pod["status"]["podIP"], 8080, "hello", _HOST, _SECONDS)
    return str(pod["status"]["podIP"])


def _serve_pair(scenario: Scenario, proxy: str) -> list[str]:
    """A certificate of a host, which is served; pieces of its key."""
    with tempfile.TemporaryDirectory() as folder:
        pair = self_signed(pathlib.Path(folder), _SECURE)
        certificate, key = (pair.with_suffix(end).read_text() for end in (".crt", ".key"))
    names = {"secretRef": meta("pair", scenario.namespace), "sniDomains": [_SECURE]}
    scenario.apply(tls_secret("pair", certificate, key), virtual_service("secure", _SECURE, says("over TLS"), sslConfig=names))
    target = client.Target(8443, address=proxy, tls=True, sni=_SECURE)
    request = client.compose("GET", "/", "HTTP/1.1", [("host", _SECURE)], b"")
    served = lambda: client.exchange(target, request, retry_seconds=0).body == b"over TLS"
    wait_until(served, "an answer over TLS", _SECONDS)
    return [*key.splitlines()[1:-1], base64.b64encode(key.encode()).decode()[40:80]]


def _leads_nowhere_else(address: str, port: int, page: str) -> None:
    """Nobody gets from a port with few of Envoy's admin pages to the others."""
    ways = ("/{}", "/{page}/../{}", "/{page}/../../{}", "/{page}/%2e%2e/{}", "/{page}/..%2f{}", "/{page}%2f..%2f{}", "/{page}/..\\{}")
    for other in ("quitquitquit", "server_info", "certs", "logging?level=debug", ""):
        for path in (way.format(other, page=page) for way in ways):
            for method in ("POST", "GET"):
                request = client.compose(method, path, "HTTP/1.1", [("host", "any"), ("content-length", "0")], b"")
                answer = client.exchange(client.Target(port, address=address), request, retry_seconds=0)
                assert answer.status in (400, 404), (method, path, answer.status, answer.body[:100])


@SUITE.case("optional ports: with readConfig 8082 of a proxy shows its configuration without keys, changes nothing, and has a Service")
def read_config(scenario: Scenario) -> None:
    proxy = _install(scenario, gatewayProxies={"gatewayProxy": {"readConfig": True, "readConfigMulticluster": True}})
    key = _serve_pair(scenario, proxy)
    service = scenario.get("service", "gateway-proxy-config-dump-service")["spec"]["clusterIP"]
    for address in (proxy, service):
        wait_until(lambda a=address: ask(a, _READ_CONFIG, path="/ready").status == 200, "it is ready", _SECONDS)
        dump = ask(address, _READ_CONFIG, path="/config_dump?include_eds").body.decode()
        assert _SECURE in dump and json.loads(dump)["configs"], dump[:500]
        assert not [piece for piece in key if piece in dump], "the key of the certificate is shown"
        assert b"server.live: 1" in ask(address, _READ_CONFIG, path="/stats").body
        assert b"::added_via_api::" in ask(address, _READ_CONFIG, path="/clusters").body
        _leads_nowhere_else(address, _READ_CONFIG, "stats")
    _leads_nowhere_else(proxy, 8081, "metrics")
    await_answer(proxy, 8080, "hello", _HOST, _SECONDS)


@SUITE.case("optional ports: the Gateway of failover, 15443, says that it is not served, and all else serves")
def failover(scenario: Scenario) -> None:
    enabled = {"failover": {"enabled": True}}
    proxy = _install(scenario, gatewayProxies={"gatewayProxy": enabled})
    ports = {one["name"]: one["port"] for one in scenario.get("service", "gateway-proxy")["spec"]["ports"]}
    assert ports["failover"] == _FAILOVER, ports

    def told() -> bool:
        status = scenario.get("gateways.gateway.solo.io", "gateway-proxy-failover").get("status") or {}
        own = status.get("statuses", {}).get(scenario.namespace, {})
        return own.get("state") in (3, "Warning") and "tcpGateway: is not translated yet" in own["reason"]

    wait_until(told, "the Gateway says that it is not served", _SECONDS)
    assert not is_open(proxy, _FAILOVER), "somebody listens"
    await_answer(scenario.get("service", "gateway-proxy")["spec"]["clusterIP"], 80, "hello", _HOST, _SECONDS)


def _address(name: str, port: int) -> Object:
    return {"socket_address": {"address": name, "port_value": port}}


def _cluster(name: str, host: str, port: int, **more: Any) -> Object:
    endpoint = {"endpoint": {"address": _address(host, port)}}
    load = {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}
    return {"name": name, "type": "STRICT_DNS", "dns_lookup_family": "V4_ONLY", "load_assignment": load, **more}


def _passes_bytes(namespace: str) -> str:
    """The bootstrap of an Envoy that passes TCP to the echo Service, and logs it as the chart's proxies log requests."""
    grpc = {"envoy_grpc": {"cluster_name": "access_log_cluster"}}
    common = {"log_name": _LOG, "transport_api_version": "V3", "grpc_service": grpc, "buffer_flush_interval": "0.25s"}
    logger = {"@type": f"{_TYPE}access_loggers.grpc.v3.TcpGrpcAccessLogConfig", "common_config": common}
    proxy = {
        "@type": f"{_TYPE}filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": "tcp",
        "cluster": "echo",
        "access_log": [{"name": "envoy.access_loggers.tcp_grpc", "typed_config": logger}],
    }
    chain = {"filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy}]}
    http2 = {"@type": f"{_TYPE}upstreams.http.v3.HttpProtocolOptions", "explicit_http_config": {"http2_protocol_options": {}}}
    options = {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2}
    bootstrap = {
        "node": {"id": "tcp-pod", "cluster": "tcp"},
        "static_resources": {
            "listeners": [{"name": "tcp", "address": _address("0.0.0.0", _TCP), "filter_chains": [chain]}],
            "clusters": [
                _cluster("echo", f"echo.{namespace}.svc.cluster.local", 8080),
                _cluster(
                    "access_log_cluster",
                    f"access-log.{namespace}.svc.cluster.local",
                    8083,
                    typed_extension_protocol_options=options,
                ),
            ],
        },
    }
    return json.dumps(bootstrap)


@SUITE.case("optional ports: access-log, 8083, writes a line for a connection that an Envoy has passed on as TCP")
def tcp_logged(scenario: Scenario) -> None:
    _install(scenario, accessLogger={"enabled": True})
    scenario.deploy_echo()
    command = ["/usr/local/bin/envoy", "--config-yaml", _passes_bytes(scenario.namespace), "--disable-hot-restart"]
    container = {
        "image": images.PROXY,
        "command": [*command, "--concurrency", "1"],
        "ports": [{"containerPort": _TCP}],
        "readinessProbe": {"tcpSocket": {"port": _TCP}, "periodSeconds": 1},
    }
    scenario.deploy("tcp", container, securityContext=OWN_USER)
    address = scenario.get("service", "tcp")["spec"]["clusterIP"]
    request = client.compose("GET", "/", "HTTP/1.1", [("host", "tcp.test")], b"")
    answer = client.exchange(client.Target(_TCP, address=address), request, retry_seconds=0)
    assert answer.status == 200 and b"echo-" in answer.body, answer

    def lines() -> list[Any]:
        """Of this connection alone: the probes of kubelet are logged, too."""
        text = scenario.kubectl("logs", "deployment/access-log", "-c", "access-log")
        found = [json.loads(one) for one in text.splitlines() if '"received tcp request"' in one]
        return [one for one in found if one["received_bytes"] == len(request)]

    (line,) = wait_until(lines, "a line of the connection", _SECONDS)
    assert (line["logger_name"], line["node_id"], line["upstream_cluster"]) == (_LOG, "tcp-pod", "echo"), line
    assert line["sent_bytes"] > len(answer.body) and line["duration"] > 0, (line, answer)
