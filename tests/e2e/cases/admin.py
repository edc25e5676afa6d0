"""`gloo`: health, metrics, the log level, and what it has in its hands, without its secrets."""

import json
import re
import shutil
import socket
import subprocess
import time
from typing import Any

from cases.file_mode import FileMode
from harness import certificates, client, objects
from harness.ports import free_port, is_open
from harness.process import APPLY_SECONDS, binary, replace_file
from harness.scenario import Scenario, Suite, expect_line
from harness.waiting import wait_until

SUITE = Suite()
_DAY = 24 * 3600
_ROLE = "gloo-system~gateway-proxy"
_SNAPSHOTS = ("input", "edge", "proxies", "xds", "krt")


class _Admin:
    """A `gloo` with all its ports open."""

    def __init__(self, scenario: Scenario, *more: str) -> None:
        self.health, self.stats, self.admin = free_port(), free_port(), free_port()
        flags = ["--health-bind", f"127.0.0.1:{self.health}", "--admin-bind", f"127.0.0.1:{self.admin}"]
        flags += ["--stats", "--stats-bind", f"127.0.0.1:{self.stats}"]
        self.mode = FileMode(scenario, more=[*flags, *more])

    def page(self, path: str, port: int | None = None) -> str:
        response = client.get(port or self.admin, path)
        assert response.status == 200, (path, response.status, response.body, response.error)
        return response.body.decode()

    def snapshot(self, name: str) -> Any:
        page = json.loads(self.page(f"/snapshots/{name}"))
        assert page["error"] == "", page
        return page["data"]

    def metric(self, series: str) -> float:
        """The value of a series, with its labels; -1 when there is none."""
        for line in self.page("/metrics", self.stats).splitlines():
            name, _, value = line.rpartition(" ")
            if name == series:
                return float(value)
        return -1

    def send(self, method: str, path: str, body: bytes, content_type: str, port: int | None = None) -> client.Response:
        headers = [("host", "x"), ("content-type", content_type), ("content-length", str(len(body)))]
        request = client.compose(method, path, "HTTP/1.1", headers, body)
        return client.exchange(client.Target(port or self.admin), request, retry_seconds=0)


@SUITE.case("admin: health from the start, readiness with the first world, and a list of what there is")
def health(scenario: Scenario) -> None:
    admin = _Admin(scenario)
    wait_until(lambda: client.get(admin.health, "/readyz").status == 200, "it is ready", APPLY_SECONDS)
    assert admin.page("/healthz", admin.health) == "OK\n"
    for port, pages in (
        (admin.health, {"/healthz", "/readyz"}),
        (admin.stats, {"/metrics", "/logging"}),
        (
            admin.admin,
            {"/metrics", "/logging", "/clients", *(f"/snapshots/{name}" for name in _SNAPSHOTS)},
        ),
    ):
        index = admin.page("/", port)
        assert {line.split()[0] for line in index.splitlines()} == pages, index
        for path in pages:
            assert client.get(port, path).status == 200, path
        assert client.get(port, "/nothing").status == 404
    assert admin.send("PUT", "/metrics", b"x", "text/plain").status == 405
    assert admin.send("POST", "/logging", b"level=debug", "text/plain").status == 405


@SUITE.case("admin: metrics count objects, streams, revisions and what is wrong")
def metrics(scenario: Scenario) -> None:
    admin = _Admin(scenario)
    admin.mode.serve()
    text = admin.page("/metrics", admin.stats)
    names = re.findall(r"^# TYPE (\S+)", text, re.M)
    assert len(names) == len(set(names)) > 40, names
    assert admin.metric('k8sgateway_objects{kind="VirtualService"}') == 1
    assert admin.metric("k8sgateway_xds_streams") == 1
    assert admin.metric("k8sgateway_leader") == 1 and admin.metric("k8sgateway_ready") == 1
    assert admin.metric("validation_gateway_solo_io_valid_config") == 1
    listeners = 'api_gloo_solo_io_translator_resources{proxy_name="gateway-proxy",resource="listeners"}'
    assert admin.metric(listeners) == 1
    assert admin.metric('xds_responses{type="listeners"}') >= 1
    assert abs(admin.metric("k8sgateway_revision_timestamp_seconds") - time.time()) < 60
    assert abs(admin.metric("process_start_time_seconds") - time.time()) < 600
    count = 'gloo_edge_translation_time_sec_count{translator_name="EdgeSnapshotTranslator"}'
    before = admin.metric(count)
    admin.mode.write("virtualservices", "bad", objects.flat_direct("x").replace("site", "bad").replace("{prefix: /}", "{regex: '['}"))
    status = 'validation_gateway_solo_io_virtual_service_config_status{namespace="gloo-system",name="bad"}'
    wait_until(lambda: admin.metric(status) == 1, "the status of the bad one", APPLY_SECONDS)
    assert admin.metric("validation_gateway_solo_io_valid_config") == 0
    assert admin.metric(count) > before
    answered = 'k8sgateway_xds_push_to_ack_seconds_count{proxy_name="gateway-proxy"}'
    before = max(admin.metric(answered), 0)
    admin.mode.write("virtualservices", "bad", objects.flat_direct("x").replace("site", "bad").replace('"*"', "bad.test"))
    wait_until(lambda: admin.metric(status) == -1, "the status is gone", APPLY_SECONDS)
    wait_until(lambda: admin.metric(answered) == before + 1, "Envoy has answered, which is told once", APPLY_SECONDS)


@SUITE.case("admin: a metric tells when the certificate of the sidecar of mTLS ends, once it is there, and of its renewal")
def certificate_ends(scenario: Scenario) -> None:
    folder = scenario.folder / "mtls"
    admin = _Admin(scenario, "--mtls-dir", str(folder))
    wait_until(lambda: client.get(admin.health, "/readyz").status == 200, "it is ready", APPLY_SECONDS)
    series = 'k8sgateway_certificate_expiry_timestamp_seconds{certificate="mtls"}'
    assert admin.metric(series) == -1
    for days in (60, 365):
        words = ["--out", str(folder), "--valid-for", f"{24 * days}h", "--renew-before", "1h"]
        subprocess.run([str(binary(scenario.preset)), "certgen", *words], check=True, capture_output=True)
        assert abs(admin.metric(series) - time.time() - days * _DAY) < 600, days
        shutil.rmtree(folder)
        assert admin.metric(series) == -1


@SUITE.case("admin: the log level is read and set, as JSON and as a form")
def logging(scenario: Scenario) -> None:
    admin = _Admin(scenario)
    wait_until(lambda: client.get(admin.admin, "/logging").status == 200, "the page", APPLY_SECONDS)
    assert json.loads(admin.page("/logging")) == {"level": "info"}
    form = "application/x-www-form-urlencoded"
    for body, content_type, level in (
        (b'{"level":"debug"}', "application/json", "debug"),
        (b"level=warn", form, "warn"),
        (b'{"level":"error"}', form, "error"),
        (b'{"level":"info"}', "application/json", "info"),
    ):
        response = admin.send("PUT", "/logging", body, content_type)
        assert (response.status, json.loads(response.body)) == (200, {"level": level}), response
        assert json.loads(admin.page("/logging")) == {"level": level}
    for body in (b"", b"{", b'{"level":7}', b'{"level":"loud"}', b"level=", b"x" * 4000):
        assert admin.send("PUT", "/logging", body, "application/json").status == 400, body
    assert admin.send("PUT", "/logging", b"x" * 100_000, form).status == 413
    assert json.loads(admin.page("/logging")) == {"level": "info"}


@SUITE.case("admin: the port of metrics, which every pod reaches, shows the log level and does not set it")
def logging_elsewhere(scenario: Scenario) -> None:
    admin = _Admin(scenario)
    wait_until(lambda: client.get(admin.stats, "/logging").status == 200, "the page", APPLY_SECONDS)
    for body, content_type in ((b'{"level":"error"}', "application/json"), (b"level=debug", "text/plain")):
        refused = admin.send("PUT", "/logging", body, content_type, admin.stats)
        assert (refused.status, refused.header("allow")) == (405, "GET, HEAD"), refused
        assert b"--admin-bind" in refused.body and b"127.0.0.1:9095" in refused.body, refused.body
    for port in (admin.stats, admin.admin):
        assert json.loads(admin.page("/logging", port)) == {"level": "info"}
    assert admin.send("PUT", "/logging", b"level=warn", "text/plain").status == 200
    assert json.loads(admin.page("/logging", admin.stats)) == {"level": "warn"}


_HEADER = """\
metadata: {name: header, namespace: gloo-system}
header: {headers: {authorization: "Basic c2VjcmV0LW9mLXRoZS1oZWFkZXI="}}
"""
_AWS = """\
metadata: {name: aws, namespace: gloo-system}
aws: {accessKey: AKIAIOSFODNN7EXAMPLE, secretKey: wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY}
"""


@SUITE.case("admin: snapshots show everything but secrets")
def snapshots(scenario: Scenario) -> None:
    admin = _Admin(scenario)
    mode = admin.mode
    pem = certificates.self_signed(scenario.folder, "secure.test").read_text()
    at = pem.index("-----BEGIN CERTIFICATE")
    key, certificate = pem[:at], pem[at:]
    ssl_port = free_port()
    gateway, service = objects.flat_tls(ssl_port, "certificate")
    mode.write("secrets", "certificate", objects.flat_secret("certificate", certificate, key), "secret")
    mode.write("secrets", "header", _HEADER, "secret")
    mode.write("secrets", "aws", _AWS, "secret")
    mode.write("gateways", "gateway-proxy-ssl", gateway)
    mode.write("virtualservices", "secure", service)
    with_header = objects.flat_direct("hello") + (
        "    options:\n      headerManipulation:\n        requestHeadersToAdd:\n"
        "        - {headerSecretRef: {name: header, namespace: gloo-system}}\n"
    )
    mode.write("virtualservices", "site", with_header)
    listener = f"listener-127.0.0.1-{ssl_port}"
    wait_until(lambda: client.get(admin.admin).status == 200, "the port", APPLY_SECONDS)
    wait_until(
        lambda: listener in admin.snapshot("xds").get(_ROLE, {}).get("Listeners", {}).get("Items", {}),
        "the listener with TLS",
        APPLY_SECONDS,
    )
    xds = admin.snapshot("xds")[_ROLE]
    assert set(xds) == {"Clusters", "Endpoints", "Listeners", "Routes", "Secrets"}, xds
    shown = json.dumps(xds["Listeners"]["Items"][listener])
    assert "HttpConnectionManager" in shown and '"[redacted]"' in shown, shown
    assert json.dumps(certificate)[1:60] in shown, "the public certificate is shown"
    kinds = {(o["kind"], o["metadata"]["name"]) for o in admin.snapshot("input")}
    assert {("Settings", "default"), ("Secret", "aws"), ("VirtualService", "secure")} <= kinds, kinds
    assert any(o["metadata"]["name"] == "gateway-proxy" for o in admin.snapshot("proxies"))
    steps = {one["name"]: one for one in admin.snapshot("krt")["collections"]}
    assert steps["virtual-services"]["inputs"] == [] and any(one["inputs"] for one in steps.values()), steps
    edge = admin.snapshot("edge")
    assert {one["name"] for one in edge["listeners"]} >= {listener}, edge
    body = "".join(key.splitlines()[1:-1])
    # Names of algorithms stand in both.
    public = "".join(certificate.splitlines())
    pieces = {piece for i in range(len(body) - 12) if (piece := body[i : i + 12]) not in public}
    assert len(pieces) > 50, pieces
    pieces |= {"c2VjcmV0LW9mLXRoZS1oZWFkZXI=", "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMIK7MDENG", "PRIVATE KEY"}
    for name in _SNAPSHOTS:
        text = admin.page(f"/snapshots/{name}")
        plain = text.replace("\\n", "").replace("\\/", "/")
        found = [piece for piece in pieces if piece in text or piece in plain]
        assert not found, f"/snapshots/{name} shows {found[:3]}"
    assert "Basic c2Vj" not in admin.page("/snapshots/xds")


@SUITE.case("admin: ports that are taken keep nobody from being served, and are waited for")
def taken(scenario: Scenario) -> None:
    admin = _Admin(scenario)
    admin.mode.process.stop()
    with socket.create_server(("127.0.0.1", admin.health)), socket.create_server(("127.0.0.1", admin.admin)):
        admin.mode.process = admin.mode.start()
        expect_line(admin.mode.process, "gloo: --health-bind: ", "(?i)in use")
        expect_line(admin.mode.process, "gloo: --admin-bind: ", "(?i)in use")
        admin.mode.serve()
        assert "k8sgateway_revision" in admin.page("/metrics", admin.stats)
    wait_until(lambda: client.get(admin.health, "/readyz").status == 200, "health", 30)
    wait_until(lambda: client.get(admin.admin, "/").status == 200, "admin", 30)


@SUITE.case("gloo: a port on [::] is open on both families")
def both_families(scenario: Scenario) -> None:
    flags = {flag: free_port() for flag in ("--health-bind", "--stats-bind", "--admin-bind", "--wasm-bind")}
    mode = FileMode(scenario, more=["--stats", *(word for flag, port in flags.items() for word in (flag, f"[::]:{port}"))])
    mode.process.stop()
    text = mode.settings_path.read_text()
    replace_file(mode.settings_path, re.sub(r"127\.0\.0\.1:(\d+)", r"'[::]:\1'", text))
    mode.process = mode.start()
    for port in (*flags.values(), mode.xds_port, mode.rest_port, mode.debug_port, mode.validation_port):
        for address in ("127.0.0.1", "::1"):
            wait_until(lambda: is_open(port, address), f"{port} is open on {address}", APPLY_SECONDS)


@SUITE.case("admin: slow clients and many of them keep health from nobody")
def hostile(scenario: Scenario) -> None:
    admin = _Admin(scenario)
    wait_until(lambda: client.get(admin.health, "/readyz").status == 200, "it is ready", APPLY_SECONDS)
    slow = [socket.create_connection(("127.0.0.1", admin.health), 10) for _ in range(700)]
    for connection in slow:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
    for _ in range(20):
        assert admin.page("/healthz", admin.health) == "OK\n"
    for connection in slow:
        connection.close()
