"""Each row speaks the real protocol to its port. The docstrings are what docs/port-reference.md says is shown."""

import contextlib
import json
import os
import socket
import subprocess
import urllib.error
import urllib.request
from typing import Any

from harness import client, grpc, h2
from harness.waiting import wait_until
from support import webhook
from support.guarded import LISTENER
from support.objects import says, virtual_service
from support.scenario import Scenario, ask, await_answer

from .installation import NAMESPACE, SECURE
from .row import At, Pod, Reference, Service

_REFERENCE = Reference()
SUITE = _REFERENCE.suite
_SECONDS = 30
_DELTA = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
_LOGS = "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs"
_BAD_ROUTE = {**says("never"), "matchers": [{"regex": "("}]}


def _is_closed(address: str, port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection((address, port), 2).close()
        return False
    return True


def _of_gloo(port: int, service_port: int = 0) -> tuple[Pod, Service]:
    return Pod("gloo", port), Service("gloo", service_port or port, "gloo", port)


@_REFERENCE.row("validation (webhook)", *_of_gloo(8443, 443))
def _webhook(at: At) -> None:
    """An AdmissionReview over TLS with a bad regex is denied, with its field; a good one is allowed. By the Service,
    `kubectl apply` is denied the same"""
    def answer(*routes: Any) -> Any:
        probe = {**virtual_service("probe", "probe.test", *routes), "metadata": _meta("probe")}
        return json.loads(webhook.ask(webhook.review(probe), at.address, at.port)[1])["response"]

    denied = answer(_BAD_ROUTE)
    assert not denied["allowed"] and "regex" in denied["status"]["message"], denied
    assert answer(says("good"))["allowed"]
    if isinstance(at.place, Service):
        scenario = at.installation.scenario
        bad = {**virtual_service("bad", "bad.test", _BAD_ROUTE), "metadata": _meta("bad")}
        dry = ("apply", "--dry-run=server", "-f", "-")
        said = lambda: scenario.cluster.attempt(*dry, stdin=json.dumps(bad))
        wait_until(lambda: "denied the request" in said()[1], "kubectl is denied", _SECONDS)


def _meta(name: str) -> dict[str, str]:
    return {"name": name, "namespace": NAMESPACE}


@_REFERENCE.row("REST xDS", *_of_gloo(9976))
def _rest_xds(at: At) -> None:
    """`POST /v3/discovery:clusters` with the token of a proxy answers its clusters as JSON, and 304 to whoever has
    them; without a token, 401"""

    def post(token: str, version: str = "") -> tuple[int, Any]:
        node = {"id": "client", "metadata": {"role": at.installation.role}}
        headers = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
        body = json.dumps({"node": node, "version_info": version}).encode()
        asked = urllib.request.Request(f"http://{at.host_port}/v3/discovery:clusters", body, headers)
        try:
            with urllib.request.urlopen(asked, timeout=10) as got:
                return got.status, json.load(got)
        except urllib.error.HTTPError as error:
            return error.code, None

    token = at.installation.token()
    status, clusters = post(token)
    assert status == 200 and clusters["resources"], (status, clusters)
    assert f"echo-8080_{NAMESPACE}" in json.dumps(clusters), clusters
    assert post(token, clusters["versionInfo"])[0] == 304
    assert post("")[0] == 401


@_REFERENCE.row("xDS server", *_of_gloo(9977))
def _xds(at: At) -> None:
    """Delta ADS over gRPC brings the listeners to a client with the token of a proxy; without one, nothing"""
    ask_for = lambda *more: at.installation.client(
        "xds_client", at.host_port, _DELTA, at.installation.role, LISTENER, *more
    )
    got = ask_for("--header", f"Bearer {at.installation.token()}")
    assert got.startswith("got") and "failed" not in got, got
    refused = ask_for()
    assert refused.startswith("failed: 16: "), refused


@_REFERENCE.row("validation (gRPC)", *_of_gloo(9988))
def _validation(at: At) -> None:
    """`gloo.solo.io.GlooValidationService/Validate` reports on the Proxy to an account that may read Proxies; without
    its token, nothing"""
    said = at.installation.read("validation_client", at.host_port, "send", "")
    assert "failed" not in said and "proxy" in said, said
    refused = at.installation.client("validation_client", at.host_port, "send", "")
    assert refused.startswith("failed: 16: "), refused


@_REFERENCE.row("WASM cache", *_of_gloo(9979))
def _wasm(at: At) -> None:
    """HTTP answers, and 404 for a module that nobody configured"""
    answer = ask(at.address, at.port, path=f"/images/{'0' * 64}")
    assert answer.status == 404, answer


@_REFERENCE.row("proxy debug (gRPC)", Service("gloo", 9966, "gloo", 9966))
def _proxy_debug(at: At) -> None:
    """`gloo.solo.io.ProxyEndpointService/GetProxies` shows the Proxy that was made to an account that may read Proxies;
    without its token, nothing"""
    said = at.installation.read("proxies_client", at.host_port, NAMESPACE, "gateway-proxy")
    assert "site.test" in said, said
    refused = at.installation.client("proxies_client", at.host_port, NAMESPACE, "gateway-proxy")
    assert refused.startswith("failed: 16 "), refused


def _of_proxy(port: int, service_port: int) -> tuple[Pod, Service]:
    return Pod("gateway-proxy", port), Service("gateway-proxy", service_port, "gateway-proxy", port)


@_REFERENCE.row("HTTP", *_of_proxy(8080, 80))
def _http(at: At) -> None:
    """A request for the host of a VirtualService is answered by its backend"""
    await_answer(at.address, at.port, "echo-", "site.test", _SECONDS)
    if isinstance(at.place, Service):
        await_answer(at.installation.scenario.balanced("gateway-proxy"), at.port, "echo-", "site.test", _SECONDS)


@_REFERENCE.row("HTTPS", *_of_proxy(8443, 443))
def _https(at: At) -> None:
    """TLS with the name of a VirtualService shows the certificate of its Secret, and answers"""
    target = client.Target(at.port, address=at.address, tls=True, sni=SECURE)
    request = client.compose("GET", "/", "HTTP/1.1", [("host", SECURE)], b"")

    answer = client.Response()

    def answered() -> bool:
        nonlocal answer
        answer = client.exchange(target, request, retry_seconds=0, want_certificate=True)
        return answer.body == b"over TLS"

    try:
        wait_until(answered, "an answer over TLS", _SECONDS)
    except TimeoutError as error:
        raise AssertionError(f"{error}; the last was {answer}") from None
    assert SECURE in answer.certificate, answer.certificate


@_REFERENCE.row("Envoy admin", Pod("gateway-proxy", 19000), declared=False)
def _admin(at: At) -> None:
    """Envoy 1.40 answers `/server_info` on loopback of the pod, and nobody from outside"""
    assert _is_closed(at.address, at.port), "the admin port is open to the network"
    forward = [at.installation.scenario.cluster.kubectl_path, "-n", NAMESPACE, "port-forward"]
    pod = at.installation.pod("gateway-proxy")["metadata"]["name"]
    with subprocess.Popen([*forward, f"pod/{pod}", f":{at.port}"], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            port = int(process.stdout.readline().split()[2].rpartition(":")[2])
            info = json.loads(client.get(port, "/server_info").body)
        finally:
            process.terminate()
    assert "/1.40." in info["version"] and info["state"] == "LIVE", info


@_REFERENCE.row("access logging", Pod("access-log", 8083), Service("access-log", 8083, "access-log", 8083))
def _access_log(at: At) -> None:
    """A stream of ALS v3 becomes a line of the pod's stdout. By the Service, so does a request to the proxy"""
    host = f"{type(at.place).__name__.lower()}.logged.test"
    _send_entry(at, host)
    written = lambda of: f'"request_authority":"{of}"' in at.installation.logs("access-log").replace('": "', '":"')
    wait_until(lambda: written(host), "the entry is written", _SECONDS)
    if isinstance(at.place, Service):
        await_answer(at.installation.pod("gateway-proxy")["status"]["podIP"], 8080, "echo-", "site.test", _SECONDS)
        wait_until(lambda: written("site.test"), "the proxy's own entry is written", _SECONDS)


def _send_entry(at: At, host: str) -> None:
    identifier = grpc.field(1, grpc.field(1, "client")) + grpc.field(2, "requests")
    request = grpc.field(1, 1) + grpc.field(3, host) + grpc.field(5, "/")
    message = grpc.field(1, identifier) + grpc.field(2, grpc.field(1, grpc.field(3, request)))
    with socket.create_connection((at.address, at.port), 10) as connection:
        h2.call(connection, at.host_port, _LOGS, message)


@_REFERENCE.row("outbound connections only", Pod("discovery", 0))
def _discovery(at: At) -> None:
    """No socket of the pod listens; the Upstream of a Service is there"""
    scenario = at.installation.scenario
    scenario.get("upstream", f"{NAMESPACE}-echo-8080")
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit() and _is_discovery(name)]
    assert pids, "discovery does not run"
    for pid in pids:
        assert not _listening(pid), _listening(pid)


def _is_discovery(pid: str) -> bool:
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as line, open(f"/proc/{pid}/environ", "rb") as environ:
            words = line.read().split("\0")
            return "discovery" in words[1:2] and f"POD_NAMESPACE={NAMESPACE}".encode() in environ.read().split(b"\0")
    return False


def _listening(pid: int) -> list[str]:
    """Local addresses in the network of a process on which somebody listens."""
    found = []
    for table in ("tcp", "tcp6"):
        with open(f"/proc/{pid}/net/{table}", encoding="ascii") as lines:
            found += [line.split()[1] for line in list(lines)[1:] if line.split()[3] == "0A"]
    return found


@SUITE.case("port reference: the page has these rows")
def page(_: Scenario) -> None:
    _REFERENCE.check_page()
