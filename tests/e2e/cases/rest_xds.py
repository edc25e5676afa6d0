"""`gloo`: xDS over REST, asked by a client of its own and by a real Envoy."""

import json
import socket
from typing import Any

import yaml

from cases.file_mode import FileMode
from harness import certificates, client, objects
from harness.ports import free_port, is_open
from harness.process import APPLY_SECONDS, Process, default_envoy, replace_file
from harness.scenario import Scenario, Suite, expect_line
from harness.waiting import wait_until

SUITE = Suite()
_ROLE = "gloo-system~gateway-proxy"
_TYPE = "type.googleapis.com/envoy."
_SECRET = "extensions.transport_sockets.tls.v3.Secret"


class _Rest:
    """A `gloo`, and how it is asked."""

    def __init__(self, scenario: Scenario) -> None:
        self.mode = FileMode(scenario)
        expect_line(self.mode.process, f"ready: REST xDS on 127.0.0.1:{self.mode.rest_port}")

    def ask(self, kind: str, role: str | None = _ROLE, **more: Any) -> client.Response:
        node = {"id": "test", "metadata": {"role": role} if role else {}}
        return self.post(f"/v3/discovery:{kind}", json.dumps({"node": node, **more}).encode())

    def post(self, path: str, body: bytes) -> client.Response:
        return self.send("POST", path, body)

    def send(self, method: str, path: str, body: bytes) -> client.Response:
        headers = [("host", "gloo"), ("content-length", str(len(body)))]
        request = client.compose(method, path, "HTTP/1.1", headers, body)
        return client.exchange(client.Target(self.mode.rest_port), request, retry_seconds=0)


def _names(response: client.Response) -> list[str]:
    assert response.status == 200, (response.status, response.body)
    return [r.get("name") or r["clusterName"] for r in json.loads(response.body).get("resources", [])]


@SUITE.case("REST xDS: answers what streams get, 304 for who has it, and refuses what makes no sense")
def answers(scenario: Scenario) -> None:
    rest = _Rest(scenario)
    mode = rest.mode
    mode.write("upstreams", "u", "metadata: {name: u, namespace: gloo-system}\nstatic: {hosts: [{addr: 127.0.0.1, port: 9}]}\n")
    route = "routeAction: {single: {upstream: {name: u, namespace: gloo-system}}}"
    mode.write("virtualservices", "site", objects.flat_direct("x").split("directResponseAction")[0] + route + "\n")
    wait_until(lambda: "u_gloo-system" in _names(rest.ask("clusters")), "the cluster is there", APPLY_SECONDS)
    listeners = rest.ask("listeners")
    assert _names(listeners) == [f"listener-127.0.0.1-{mode.http_port}"], listeners.body
    assert listeners.header("content-type") == "application/json"
    (table,) = _names(rest.ask("routes"))
    assert table.startswith("listener-127.0.0.1"), table
    answer = json.loads(listeners.body)
    assert answer["typeUrl"] == _TYPE + "config.listener.v3.Listener" and "nonce" not in answer, answer
    assert rest.ask("listeners", versionInfo=answer["versionInfo"]).status == 304
    assert rest.ask("secrets").status == 200 and rest.ask("endpoints").status == 200
    unknown = rest.ask("clusters", "no~body")
    assert (unknown.status, unknown.body) == (500, b'fetch error: missing snapshot for "no~body"\n'), unknown
    assert _names(rest.ask("listeners", None)) == ["listener-for-invalid-envoy"]
    for body in (b"", b"hello", b"[]", b'{"nod": 1}', b'{"resourceNames": 7}', b"[" * 100_000):
        assert rest.post("/v3/discovery:clusters", body).status == 400, body[:20]
    for path in ("/", "/v3/discovery:secret", "/v2/discovery:clusters"):
        assert rest.post(path, b"{}").status == 404, path
    refused = rest.send("PUT", "/v3/discovery:clusters", b"{}")
    assert (refused.status, refused.header("allow")) == (405, "GET, POST"), refused
    question = json.dumps({"node": {"metadata": {"role": _ROLE}}}).encode()
    for kind in ("clusters", "listeners", "endpoints"):
        path = f"/v3/discovery:{kind}"
        got, posted = rest.send("GET", path, question), rest.post(path, question)
        assert (got.status, got.body) == (200, posted.body), got
    # What a browser sends.
    empty = client.get(mode.rest_port, "/v3/discovery:clusters")
    assert empty.status == 400 and b"POST" in empty.body, empty


@SUITE.case("REST xDS: keys are in listeners, as streams have them, and secrets are an empty list")
def keys(scenario: Scenario) -> None:
    rest = _Rest(scenario)
    certificates.self_signed(scenario.folder, "site.test")
    texts = [(scenario.folder / f"site.test.{extension}").read_text() for extension in ("crt", "key")]
    folder = rest.mode.data / "config/secrets/gloo-system"
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / "cert.yaml", objects.flat_secret("cert", *texts))
    gateway, service = objects.flat_tls(free_port(), "cert")
    rest.mode.write("gateways", "gateway-proxy-ssl", gateway)
    rest.mode.write("virtualservices", "secure", service)
    wait_until(lambda: b"PRIVATE KEY" in rest.ask("listeners").body, "the key is there", APPLY_SECONDS)
    answer = json.loads(rest.ask("secrets").body)
    assert answer == {"versionInfo": answer["versionInfo"], "typeUrl": _TYPE + _SECRET} and answer["versionInfo"], answer
    assert rest.ask("secrets", versionInfo=answer["versionInfo"]).status == 304


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _rest_cluster(mode: FileMode) -> dict[str, Any]:
    name = "rest_xds_cluster"
    endpoint = {"endpoint": {"address": _address(mode.rest_port)}}
    return {
        "name": name,
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _bootstrap(mode: FileMode, http_port: int, admin_port: int) -> dict[str, Any]:
    """An Envoy with a listener and a cluster of its own, which asks for the cluster's endpoints by REST."""

    source = {
        "resource_api_version": "V3",
        "api_config_source": {
            "api_type": "REST",
            "transport_api_version": "V3",
            "cluster_names": ["rest_xds_cluster"],
            "refresh_delay": "0.2s",
            "request_timeout": "2s",
        },
    }
    echo = {
        "name": "echo_gloo-system",
        "type": "EDS",
        "connect_timeout": "1s",
        "eds_cluster_config": {"eds_config": source},
    }
    manager = {
        "@type": _TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "http",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "echo_gloo-system"}}],
                }
            ]
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": _TYPE + "extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    return {
        "node": {"id": "pod.gloo-system", "cluster": "gateway", "metadata": {"role": _ROLE}},
        "admin": {"address": _address(admin_port)},
        "static_resources": {
            "listeners": [{"name": "http", "address": _address(http_port), "filter_chains": [chain]}],
            "clusters": [_rest_cluster(mode), echo],
        },
    }


def _write_service(mode: FileMode, port: int) -> None:
    """A Service with one endpoint on this machine, and the Upstream that stands for it."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "echo", "namespace": "gloo-system"},
        "spec": {"ports": [{"name": "http", "port": 80}]},
    }
    _write_object(mode, "service", service)
    _write_endpoint(mode, port)
    kube = "kube: {serviceName: echo, serviceNamespace: gloo-system, servicePort: 80}"
    mode.write("upstreams", "echo", f"metadata: {{name: echo, namespace: gloo-system}}\n{kube}\n")


def _write_endpoint(mode: FileMode, port: int) -> None:
    endpoint = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "echo-1",
            "namespace": "gloo-system",
            "labels": {"kubernetes.io/service-name": "echo"},
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": port}],
        "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
    }
    _write_object(mode, "endpointslice", endpoint)


def _write_object(mode: FileMode, name: str, document: dict[str, Any]) -> None:
    replace_file(mode.data / "config" / f"{name}.yaml", yaml.safe_dump(document))


@SUITE.case("REST xDS: a real Envoy has its endpoints from there, and their changes")
def envoy(scenario: Scenario) -> None:
    rest = _Rest(scenario)
    mode = rest.mode
    _, first_port = scenario.backend()
    _, second_port = scenario.backend()
    _write_service(mode, first_port)
    wait_until(lambda: "echo_gloo-system" in _names(rest.ask("endpoints")), "the endpoints", APPLY_SECONDS)
    http_port, admin_port = free_port(), free_port()
    path = scenario.folder / "rest.yaml"
    path.write_text(yaml.safe_dump(_bootstrap(mode, http_port, admin_port)))
    args = [default_envoy(), "-c", str(path), "--disable-hot-restart", "-l", "warning", "--concurrency", "1"]
    scenario.own(Process(args))
    wait_until(lambda: client.get(http_port).status == 200, "an answer from the backend", 20)
    assert f"127.0.0.1:{first_port}::" in client.get(admin_port, "/clusters").body.decode()
    _write_endpoint(mode, second_port)
    clusters = lambda: client.get(admin_port, "/clusters").body.decode()
    wait_until(lambda: f"127.0.0.1:{second_port}::" in clusters(), "the other endpoint", 20)
    wait_until(lambda: f"127.0.0.1:{first_port}::" not in clusters(), "the first one is gone", 20)
    assert client.get(http_port).status == 200
    stats = client.get(admin_port, "/stats?filter=echo_gloo-system.update_").body.decode()
    assert "update_rejected: 0" in stats and "update_success: 0" not in stats, stats


@SUITE.case("REST xDS: with enableRestEds, Envoys have all but endpoints from the stream")
def enabled(scenario: Scenario) -> None:
    mode = _Rest(scenario).mode
    text = mode.settings_path.read_text()
    replace_file(mode.settings_path, text.replace("gloo:\n", "gloo:\n  enableRestEds: true\n", 1))
    _, port = scenario.backend()
    _write_service(mode, port)
    route = "routeAction: {single: {upstream: {name: echo, namespace: gloo-system}}}"
    mode.write("virtualservices", "site", objects.flat_direct("x").split("directResponseAction")[0] + route + "\n")
    admin_port = free_port()
    path = scenario.folder / "both.yaml"
    bootstrap = yaml.safe_load(objects.bootstrap(mode.xds_port, admin_port, _ROLE))
    bootstrap["static_resources"]["clusters"].append(_rest_cluster(mode))
    path.write_text(yaml.safe_dump(bootstrap))
    args = [default_envoy(), "-c", str(path), "--disable-hot-restart", "-l", "warning", "--concurrency", "1"]
    scenario.own(Process(args))
    wait_until(lambda: client.get(mode.http_port).status == 200, "an answer from the backend", 30)
    stats = client.get(admin_port, "/stats?filter=cluster.echo_gloo-system.update_").body.decode()
    assert "update_rejected: 0" in stats, stats
    assert "echo_gloo-system" in client.get(admin_port, "/clusters").body.decode()


@SUITE.case("REST xDS: restXdsBindAddr moves while it runs; a port that is taken is waited for")
def moves(scenario: Scenario) -> None:
    rest = _Rest(scenario)
    mode = rest.mode
    old_port, mode.rest_port = mode.rest_port, free_port()
    with socket.create_server(("127.0.0.1", mode.rest_port)):
        mark = mode.process.mark()
        mode.write_settings()
        expect_line(mode.process, r"default\.yaml:8\b", "restXdsBindAddr", "(?i)in use", after=mark)
        assert is_open(old_port), "the old port is closed"
    wait_until(lambda: not is_open(old_port), "the old port is closed", 30)
    assert rest.ask("clusters").status == 200
    mode.process.stop()
    with socket.create_server(("127.0.0.1", mode.rest_port)):
        mode.process = mode.start()
        expect_line(mode.process, "restXdsBindAddr", "(?i)in use")
        mode.serve()
    expect_line(mode.process, "ready: REST xDS on")


@SUITE.case("REST xDS: huge bodies and slow clients keep nobody else from answers")
def hostile(scenario: Scenario) -> None:
    rest = _Rest(scenario)
    head = b"POST /v3/discovery:clusters HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n"
    slow = [socket.create_connection(("127.0.0.1", rest.mode.rest_port), 10) for _ in range(300)]
    for connection in slow:
        connection.sendall(head[:40])
    slow[0].sendall(head[40:])
    assert b"413" in slow[0].recv(1000)
    assert rest.ask("listeners").status == 200
    assert all(rest.ask("clusters").status == 200 for _ in range(50))
    for connection in slow:
        connection.close()
