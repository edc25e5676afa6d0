"""Each row speaks the real protocol to its port. The docstrings are what docs/port-reference.md says is shown."""

import base64
import contextlib
import hashlib
import json
import os
import re
import socket
import urllib.error
import urllib.request
from typing import Any

import yaml

from harness import client, grpc, h2, wasm_module
from harness.waiting import wait_until
from support import webhook
from support.guarded import LISTENER
from support.objects import says, virtual_service
from support.release import CHART
from support.scenario import ask, await_answer

from .installation import MODULE, NAMESPACE, SECURE, SITE, USED, WASM_PORT
from .row import REFERENCE, At, Pod, Service

_SECONDS = 30
_DELTA = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
_FETCH = "/envoy.service.listener.v3.ListenerDiscoveryService/FetchListeners"
_LOGS = "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs"
# What there is of each kind.
_REST = {
    "clusters": f"echo-8080_{NAMESPACE}",
    "endpoints": f"echo-8080_{NAMESPACE}",
    "listeners": "listener-::-8080",
    "routes": SITE,
    # None: by default, certificates stand in listeners.
    "secrets": "transport_sockets.tls.v3.Secret",
}
_SNAPSHOTS = ("input", "edge", "proxies", "xds", "krt")
_GONE = f"there is no Upstream {NAMESPACE}/{USED}"
_BAD_ROUTE = {**says("never"), "matchers": [{"regex": "("}]}


def _is_closed(address: str, port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection((address, port), 2).close()
        return False
    return True


def _of_gloo(port: int, service_port: int = 0) -> tuple[Pod, Service]:
    return Pod("gloo", port), Service("gloo", service_port or port, "gloo", port)


@REFERENCE.row("validation (webhook)", *_of_gloo(8443, 443))
def _webhook(at: At) -> None:
    """An AdmissionReview over TLS with a field that does not exist is denied, with its place; a good one is allowed, and
    one with a bad regex, too, with a warning, as `alwaysAcceptResources` says. By the Service, `kubectl apply` shows the
    same warning"""
    def answer(*routes: Any) -> Any:
        probe = {**virtual_service("probe", "probe.test", *routes), "metadata": _meta("probe")}
        return json.loads(webhook.ask(webhook.review(probe), at.address, at.port)[1])["response"]

    denied = answer({**says("never"), "matcher": []})
    assert not denied["allowed"] and "matcher" in denied["status"]["message"], denied
    assert answer(says("good"))["allowed"]
    warned = answer(_BAD_ROUTE)
    assert warned["allowed"] and "regex" in " ".join(warned["warnings"]), warned
    if isinstance(at.place, Service):
        scenario = at.installation.scenario
        bad = {**virtual_service("bad", "bad.test", _BAD_ROUTE), "metadata": _meta("bad")}
        dry = ("apply", "--dry-run=server", "-f", "-")

        def said() -> bool:
            taken, words = scenario.cluster.attempt(*dry, stdin=json.dumps(bad))
            return taken and "Warning: " in words and "regex" in words

        wait_until(said, "kubectl shows the warning", _SECONDS)


def _meta(name: str) -> dict[str, str]:
    return {"name": name, "namespace": NAMESPACE}


@REFERENCE.row("REST xDS", *_of_gloo(9976))
def _rest_xds(at: At) -> None:
    """`POST /v3/discovery:` with `clusters`, `endpoints`, `listeners`, `routes` or `secrets` and the token of a proxy
    answers what that proxy has of the names that are asked for, as JSON, and 304 to whoever has it; without a token 401,
    for another proxy 403"""
    names: dict[str, list[str]] = {}

    def post(what: str, token: str, version: str = "", role: str = at.installation.role) -> tuple[int, Any]:
        node = {"id": "client", "metadata": {"role": role}}
        headers = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
        request = {"node": node, "version_info": version, "resource_names": names.get(what, [])}
        body = json.dumps(request).encode()
        asked = urllib.request.Request(f"http://{at.host_port}/v3/discovery:{what}", body, headers)
        try:
            with urllib.request.urlopen(asked, timeout=10) as got:
                return got.status, json.load(got)
        except urllib.error.HTTPError as error:
            return error.code, None

    token = at.installation.token()
    for what, text in _REST.items():
        status, answer = post(what, token)
        shown = json.dumps(answer)
        assert status == 200 and text in shown, (what, status, answer)
        # Of these Envoy names those that it needs.
        if what == "clusters":
            clusters = [one["name"] for one in answer["resources"]]
            names["endpoints"] = re.findall(r'"serviceName": "([^"]+)"', shown) + clusters
        if what == "listeners":
            names["routes"] = re.findall(r'"routeConfigName": "([^"]+)"', shown)
        others = (post(what, token, answer["versionInfo"]), post(what, ""), post(what, token, role="other~proxy"))
        assert [other for other, _ in others] == [304, 401, 403], (what, others)


@REFERENCE.row("xDS server", *_of_gloo(9977))
def _xds(at: At) -> None:
    """Delta ADS over gRPC, and the unary `FetchListeners`, bring the listeners to a client with the token of a proxy;
    without one UNAUTHENTICATED, for another proxy PERMISSION_DENIED, and nothing else"""
    role = at.installation.role
    ask_for = lambda method, whose, *more: at.installation.client(
        "xds_client", at.host_port, method, whose, LISTENER, *more
    )
    shown = ("--header", f"Bearer {at.installation.token()}")
    for method in (_DELTA, _FETCH):
        got = ask_for(method, role, *shown)
        assert got.startswith("got") and not got.startswith("got 0 ") and "failed" not in got, (method, got)
        # Without a token 16, and with that of one proxy for another 7.
        refused = (ask_for(method, role), ask_for(method, "other~proxy", *shown))
        assert [one.split(": ")[:2] for one in refused] == [["failed", "16"], ["failed", "7"]], (method, refused)


@REFERENCE.row("validation (gRPC)", *_of_gloo(9988))
def _validation(at: At) -> None:
    """`gloo.solo.io.GlooValidationService/Validate` reports on the Proxy to an account that may read Proxies, and warns
    of the `InvalidDestination` that would be left when an Upstream in use is deleted; `NotifyOnResync` sends its first
    message. Without the token, nothing"""
    ask_for = lambda *words: at.installation.read("validation_client", at.host_port, *words)
    said = ask_for("send", "")
    assert "failed" not in said and "proxy" in said and _GONE not in said, said
    gone = ask_for("delete", NAMESPACE, USED)
    # Printed without its type, as that is the first: InvalidDestinationWarning.
    warned = rf'warnings {{ reason: "VirtualService {NAMESPACE}/by-upstream: [^"]*{_GONE}'
    assert re.search(warned, gone), gone
    at.installation.await_line("resync", "validation_client", at.host_port, "listen")
    for words in (("send", ""), ("delete", NAMESPACE, USED), ("listen",)):
        refused = at.installation.client("validation_client", at.host_port, *words)
        assert refused.startswith("failed: 16: "), (words, refused)


@REFERENCE.row("WASM cache", *_of_gloo(9979))
def _wasm(at: At) -> None:
    """A module that a Gateway names by its image comes out of a registry in the cluster: the port has it by its SHA-256,
    and a request to the proxy shows its header. 404 for a module that nobody names, and requests pull nothing, though
    the registry has it"""
    path = lambda module: f"/images/{hashlib.sha256(module).hexdigest()}"
    served = lambda: ask(at.address, at.port, path=path(MODULE)).body == MODULE
    wait_until(served, "the module is in the cache", _SECONDS)
    proxy = at.installation.pod("gateway-proxy")["status"]["podIP"]
    last = await_answer(proxy, WASM_PORT, "echo-", SITE, _SECONDS)
    assert last.header("x-wasm") == "from a registry", last.headers
    other = wasm_module.adds_header("x-wasm", "nobody names it")
    at.installation.registry.push("team/other", "v1", other)
    assert ask(at.address, at.port, path=path(other)).status == 404
    asked = at.installation.scenario.kubectl("logs", "deployment/registry")
    assert "GET /v2/team/greeting" in asked and "GET /v2/team/other" not in asked, asked


@REFERENCE.row("proxy debug (gRPC)", Service("gloo", 9966, "gloo", 9966))
def _proxy_debug(at: At) -> None:
    """`gloo.solo.io.ProxyEndpointService/GetProxies` shows the Proxy that was made to an account that may read Proxies;
    without its token, nothing"""
    said = at.installation.read("proxies_client", at.host_port, NAMESPACE, "gateway-proxy")
    assert SITE in said, said
    refused = at.installation.client("proxies_client", at.host_port, NAMESPACE, "gateway-proxy")
    assert refused.startswith("failed: 16 "), refused


@REFERENCE.row("gloo admin", Pod("gloo", 9095), declared=False)
def _gloo_admin(at: At) -> None:
    """`/snapshots/` with `input`, `edge`, `proxies`, `xds` and `krt` are there on loopback of the pod, for `kubectl
    port-forward`, and nobody answers from outside. The Secret of an HTTPS listener is in none of them with its key"""
    assert _is_closed(at.address, at.port), "the admin port is open to the network"
    snapshots = {name: at.installation.page("gloo", at.port, f"/snapshots/{name}") for name in _SNAPSHOTS}
    for name, text in snapshots.items():
        snapshot = json.loads(text)
        assert snapshot["data"] and not snapshot["error"], (name, text[:500])
        # All but the graph, which is without contents, have what is served with the key.
        assert name == "krt" or SECURE in text, (name, text[:500])
    encoded = at.installation.get("secret", "pair")["data"]["tls.key"]
    (_, *key, _) = base64.b64decode(encoded).decode().splitlines()
    for piece in ("PRIVATE KEY", encoded, *key):
        shown = [name for name, text in snapshots.items() if piece in text]
        assert not shown, f"a key is shown by {shown}"


def _of_proxy(port: int, service_port: int) -> tuple[Pod, Service]:
    return Pod("gateway-proxy", port), Service("gateway-proxy", service_port, "gateway-proxy", port)


@REFERENCE.row("HTTP", *_of_proxy(8080, 80))
def _http(at: At) -> None:
    """A request for the host of a VirtualService is answered by its backend"""
    await_answer(at.address, at.port, "echo-", SITE, _SECONDS)
    if isinstance(at.place, Service):
        await_answer(at.installation.scenario.balanced("gateway-proxy"), at.port, "echo-", SITE, _SECONDS)


@REFERENCE.row("HTTPS", *_of_proxy(8443, 443))
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


@REFERENCE.row("Envoy admin", Pod("gateway-proxy", 19000), declared=False)
def _admin(at: At) -> None:
    """Envoy 1.40 answers `/server_info` on loopback of the pod, and nobody from outside"""
    assert _is_closed(at.address, at.port), "the admin port is open to the network"
    info = json.loads(at.installation.page("gateway-proxy", at.port, "/server_info"))
    assert "/1.40." in info["version"] and info["state"] == "LIVE", info


@REFERENCE.row("readiness and metrics", Pod("gateway-proxy", 8081))
def _metrics(at: At) -> None:
    """`/ready` says LIVE, and `/metrics` has what the alerts of the chart go by"""
    assert ask(at.address, at.port, path="/ready").body.startswith(b"LIVE")
    shown = ask(at.address, at.port, path="/metrics").body.decode()
    groups = yaml.safe_load((CHART / "files/alerts.yaml").read_text())["groups"]
    # That of certificates has something to tell with mTLS alone; cases of mTLS show it.
    rules = [rule for group in groups for rule in group["rules"] if rule["alert"] != "EnvoyCertificate"]
    names = {name for rule in rules for name in re.findall(r"\benvoy_\w+", rule["expr"])}
    missing = [name for name in names if not re.search(rf"(?m)^{name}[{{ ]", shown)]
    assert names and not missing, missing


@REFERENCE.row(
    "access logging",
    Pod("access-log", 8083),
    *(Service(name, 8083, "access-log", 8083) for name in ("access-log", "gateway-proxy-access-logger")),
)
def _access_log(at: At) -> None:
    """A stream of ALS v3 becomes a line of the pod's stdout. By the Service, so does a request to the proxy"""
    host = f"{at.place.name}.{type(at.place).__name__.lower()}.logged.test"
    _send_entry(at, host)
    written = lambda of: f'"request_authority":"{of}"' in at.installation.logs("access-log").replace('": "', '":"')
    wait_until(lambda: written(host), "the entry is written", _SECONDS)
    if isinstance(at.place, Service):
        await_answer(at.installation.pod("gateway-proxy")["status"]["podIP"], 8080, "echo-", SITE, _SECONDS)
        wait_until(lambda: written(SITE), "the proxy's own entry is written", _SECONDS)


def _send_entry(at: At, host: str) -> None:
    identifier = grpc.field(1, grpc.field(1, "client")) + grpc.field(2, "requests")
    request = grpc.field(1, 1) + grpc.field(3, host) + grpc.field(5, "/")
    message = grpc.field(1, identifier) + grpc.field(2, grpc.field(1, grpc.field(3, request)))
    with socket.create_connection((at.address, at.port), 10) as connection:
        h2.call(connection, at.host_port, _LOGS, message)


@REFERENCE.row("outbound connections only", Pod("discovery", 0))
def _discovery(at: At) -> None:
    """No socket of the pod listens, on TCP or UDP; the Upstream of a Service is there"""
    scenario = at.installation.scenario
    scenario.get("upstream", f"{NAMESPACE}-echo-8080")
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit() and _is_discovery(name)]
    assert pids, "discovery does not run"
    for pid in pids:
        found = _listening(pid)
        assert not found, found


def _is_discovery(pid: str) -> bool:
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as line, open(f"/proc/{pid}/environ", "rb") as environ:
            words = line.read().split("\0")
            return "discovery" in words[1:2] and f"POD_NAMESPACE={NAMESPACE}".encode() in environ.read().split(b"\0")
    return False


def _listening(pid: int) -> list[str]:
    """Local addresses in the network of a process on which somebody listens, or takes UDP from everybody."""
    found = []
    for table, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        with open(f"/proc/{pid}/net/{table}", encoding="ascii") as lines:
            found += [f"{table} {line.split()[1]}" for line in list(lines)[1:] if line.split()[3] == state]
    return found
