"""The module in a stock Envoy, with configuration that is written by hand."""

import json
import socket
import subprocess
from typing import Any

from harness import client
from harness.backend import Backend
from harness.ports import free_port, is_open
from harness.process import APPLY_SECONDS, Process
from harness.scenario import Scenario, Suite
from harness.sharding import HEADER, OWN_HEADER, Keepalive, admin, envoy_with_module, module_of
from harness.waiting import wait_until

SUITE = Suite()
_SHARDS = 8


def extension(text: str, module: str = "k8sgateway_3") -> dict[str, Any]:
    """The extension of the connection manager with this configuration, out of this module."""
    return {
        "name": "shard",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.http.early_header_mutation.dynamic_modules.v3"
            ".DynamicModuleEarlyHeaderMutation",
            "dynamic_module_config": {"name": module, "do_not_close": True},
            "early_header_mutation_name": "shard",
            "early_header_mutation_config": {
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": text,
            },
        },
    }


def config_of(header: str = HEADER) -> str:
    """What the extension is told: parts by the whole host, and keys in this header."""
    return f"3 {_SHARDS} {header} p/"


def _table(number: int, header: str) -> dict[str, Any]:
    return {
        "name": f"p{number}",
        "request_headers_to_remove": [header],
        "virtual_hosts": [
            {
                "name": "all",
                "domains": ["*"],
                "response_headers_to_add": [
                    {"header": {"key": "x-part", "value": str(number)}},
                    {"header": {"key": "x-key", "value": f"%REQ({header})%"}},
                ],
                "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "backend"}}],
            }
        ],
    }


def bootstrap(
    text: str, port: int, admin_port: int, backend_port: int, header: str = HEADER
) -> dict[str, Any]:
    """An Envoy whose parts say their number, with this configuration of the extension."""
    scopes = [
        {
            "name": f"p{i}",
            "route_configuration": _table(i, header),
            "key": {"fragments": [{"string_key": f"p/{i}"}]},
        }
        for i in range(_SHARDS)
    ]
    hcm = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3"
        ".HttpConnectionManager",
        "stat_prefix": "http",
        "early_header_mutation_extensions": [extension(text)],
        "scoped_routes": {
            "name": "s",
            "scope_key_builder": {
                "fragments": [{"header_value_extractor": {"name": header, "index": 0}}]
            },
            "rds_config_source": {"ads": {}},
            "scoped_route_configurations_list": {"scoped_route_configurations": scopes},
        },
        "http_filters": [
            {
                "name": "router",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
                },
            }
        ],
    }
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    endpoint = {"socket_address": {"address": "127.0.0.1", "port_value": backend_port}}
    return {
        "admin": {
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": admin_port}}
        },
        "static_resources": {
            "listeners": [
                {
                    "name": "l",
                    "address": address,
                    "filter_chains": [{"filters": [{"name": "hcm", "typed_config": hcm}]}],
                }
            ],
            "clusters": [
                {
                    "name": "backend",
                    "type": "STATIC",
                    "load_assignment": {
                        "cluster_name": "backend",
                        "endpoints": [
                            {"lb_endpoints": [{"endpoint": {"address": endpoint}}]}
                        ],
                    },
                }
            ],
        },
    }


class _Stage:
    """A running Envoy with a backend behind it."""

    def __init__(self, scenario: Scenario, header: str = HEADER) -> None:
        self.backend: Backend
        self.backend, backend_port = scenario.backend()
        self.port, self.admin_port = free_port(), free_port()
        text = config_of(header)
        config = bootstrap(text, self.port, self.admin_port, backend_port, header)
        path = scenario.folder / "envoy.json"
        path.write_text(json.dumps(config))
        self.process = scenario.own(
            Process(
                [envoy_with_module(scenario.preset), "-c", str(path), "--concurrency", "2"]
                + ["--disable-hot-restart", "-l", "warning"],
                {"ENVOY_DYNAMIC_MODULES_SEARCH_PATH": str(module_of(scenario.preset).parent)},
            )
        )
        wait_until(lambda: is_open(self.port), "the listener", APPLY_SECONDS)

    def part(self, host: str, headers: client.Headers | None = None) -> str:
        """The part that answered for a host."""
        fields = [("host", host), *(headers or [])]
        request = client.compose("GET", "/", "HTTP/1.1", fields, b"")
        response = client.exchange(client.Target(self.port), request)
        assert response.status == 200, f"{host}: {response.status} {response.error}"
        part = response.header("x-part")
        assert part is not None
        return part


@SUITE.case("module: all forms of a host are of one part, and hosts spread")
def forms(scenario: Scenario) -> None:
    for header in (HEADER, OWN_HEADER):
        _forms(_Stage(scenario, header))


def _forms(stage: _Stage) -> None:
    hosts = [f"h{i}.example.com" for i in range(64)] + ["10.0.0.1", "[::1]", "localhost"]
    parts = {host: stage.part(host) for host in hosts}
    assert len(set(parts.values())) == _SHARDS, f"only the parts {set(parts.values())}"
    for host in hosts[::5]:
        for form in (host.upper(), host + ":80", host + ".", host + ".:8443", host + ":"):
            assert stage.part(form) == parts[host], f"{form} is not where {host} is"


@SUITE.case("module: a forged key is harmless, and no key reaches the upstream")
def forged(scenario: Scenario) -> None:
    for header in (HEADER, OWN_HEADER):
        stage = _Stage(scenario, header)
        part = stage.part("a.example.com")
        for number in range(_SHARDS):
            for values in ([f"p/{number}"], [f"p/{number}", "p/0"], [""]):
                for name in (header, header.upper()):
                    headers = [(name, value) for value in values]
                    assert stage.part("a.example.com", headers) == part, f"{headers} matters"
        seen = stage.backend.seen("backend")
        assert len(seen) > _SHARDS
        leaked = [request for request in seen if header in request["headers"]]
        assert not leaked, f"the upstream saw {leaked[0]}"


@SUITE.case("module: a client that asks whether to go on is answered, and its body comes")
def continued(scenario: Scenario) -> None:
    stage = _Stage(scenario)
    fields = [("host", "a.example.com"), ("expect", "100-continue"), ("content-length", "4")]
    request = client.compose("POST", "/", "HTTP/1.1", fields, b"")
    with socket.create_connection(("127.0.0.1", stage.port), timeout=APPLY_SECONDS) as connection:
        connection.sendall(request)
        answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 100 "), answer
        connection.sendall(b"body")
        answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200 "), answer
    (seen,) = stage.backend.seen("backend")
    assert "expect" not in seen["headers"], seen


@SUITE.case("module: requests leave no memory behind")
def memory(scenario: Scenario) -> None:
    stage = _Stage(scenario)

    def rounds(count: int) -> int:
        connection = Keepalive(stage.port)
        for i in range(count):
            status, _ = connection.get(f"h{i % 100}.example.com")
            assert status == 200, status
        connection.close()
        return int(json.loads(admin(stage.admin_port, "/memory"))["allocated"])

    before = rounds(500)
    after = rounds(1500)
    assert after - before < 2_000_000, f"{before} bytes before, {after} after"


@SUITE.case("module: what it does not know is refused with the configuration")
def refused(scenario: Scenario) -> None:
    for text in ("2 8 h p/", "3 0 h p/", "", "3 8 h", "3 8 h: p/"):
        path = scenario.folder / "bad.json"
        path.write_text(json.dumps(bootstrap(text, free_port(), free_port(), 1)))
        done = subprocess.run(
            [envoy_with_module(scenario.preset), "--mode", "validate", "-c", str(path)],
            capture_output=True,
            text=True,
            check=False,
            env={"ENVOY_DYNAMIC_MODULES_SEARCH_PATH": str(module_of(scenario.preset).parent)},
        )
        assert done.returncode != 0, f"{text!r} was taken: {done.stderr[-500:]}"
        assert "early" in done.stderr.lower() or "module" in done.stderr.lower(), done.stderr[-500:]
