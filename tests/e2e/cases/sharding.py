"""Divided route tables: they answer as whole ones do, also while they are made, changed and taken back."""

import json
import random
import time
from typing import Any

from harness import asked, client, objects
from harness.ports import free_port
from harness.process import APPLY_SECONDS, Process
from harness.scenario import Scenario, Suite, await_answer, expect_line
from harness.sharding import (
    HEADER,
    MODULE,
    OWN_HEADER,
    Keepalive,
    Load,
    admin,
    divided,
    envoy_with_module,
    module_of,
    scopes_of,
)
from harness.waiting import wait_until

from .file_mode import FileMode

SUITE = Suite()
# Old parts are gone after three drains of Envoy.
_OLD_SECONDS = 45
# Of the control plane of `run`.
_DRAIN_SECONDS = 3


def site(name: str, domains: list[str], body: str | None = None, options: str = "{}") -> str:
    """A VirtualService that answers with its name, or with another text."""
    return f"""\
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: default}}
spec:
  virtualHost:
    domains: {json.dumps(domains)}
    options: {options}
    routes:
    - matchers: [{{prefix: /}}]
      directResponseAction: {{status: 200, body: {body or name}}}
"""


def sites(count: int, first: int = 0) -> str:
    """One of exact domains each."""
    return "".join(site(f"s{i}", [f"h{i}.example.com"]) for i in range(first, first + count))


def answers(count: int) -> dict[str, str]:
    """What those say."""
    return {f"h{i}.example.com": f"s{i}" for i in range(count)}


@SUITE.case("divided: from some hundred domains on, and whole again, without a wrong answer")
def grows_and_shrinks(scenario: Scenario) -> None:
    scenario.write("a.yaml", sites(250))
    gateway = scenario.run(divided(scenario.flags(), "auto"))
    port, admin_port = gateway.flags.http_port, gateway.flags.admin_port
    load = Load(port, answers(150))
    for more, parts in ((400, 128), (250, 128), (150, 0), (320, 128)):
        before = gateway.revision()
        scenario.write("a.yaml", sites(more))
        gateway.wait_applied(before)
        await_answer(port, f"s{more - 1}", f"h{more - 1}.example.com")
        wait_until(
            lambda parts=parts: len(scopes_of(admin_port)) == parts,
            f"{parts} parts, there are {len(scopes_of(admin_port))}",
            _OLD_SECONDS,
        )
    load.stop()


@SUITE.case("divided: into another number of parts, without a wrong answer")
def divided_anew(scenario: Scenario) -> None:
    scenario.write("a.yaml", sites(400))
    gateway = scenario.run(divided(scenario.flags(), "auto"))
    port, admin_port = gateway.flags.http_port, gateway.flags.admin_port
    wild = "".join(site(f"w{i}", [f"*.w{i}.example.com"]) for i in range(10))
    load = Load(port, answers(400))
    for text, parts in ((wild, "/3h.32/"), ("", "/3h.128/"), (wild, "/3h.32/")):
        before = gateway.revision()
        scenario.write("w.yaml", text or "# nothing\n")
        gateway.wait_applied(before)

        def only(parts: str = parts) -> bool:
            scopes = scopes_of(admin_port)
            return bool(scopes) and all(parts in scope for scope in scopes)

        if text:
            await_answer(port, "w9", "any.w9.example.com")
        wait_until(only, f"only parts {parts}, not {scopes_of(admin_port)[:3]}", _OLD_SECONDS)
    load.stop()


@SUITE.case("divided: domains come, move and go, and the others do not notice")
def domains_move(scenario: Scenario) -> None:
    choose = random.Random(4)
    scenario.write("a.yaml", sites(60))
    gateway = scenario.run(divided(scenario.flags(), "16"))
    port = gateway.flags.http_port
    load = Load(port, answers(60))
    moving = [f"m{i}.example.com" for i in range(12)]
    # These only move: whoever has them, they are answered at any moment.
    staying = moving[:4]
    at_any_moment: Load | None = None
    for step in range(25):
        owners: dict[str, str] = {}
        groups: dict[str, list[str]] = {"a": [], "b": [], "c": []}
        for domain in moving:
            owner = choose.choice(["a", "b", "c", *([] if domain in staying else [""])])
            if owner:
                groups[owner].append(domain)
                owners[domain] = f"{owner}{step}"
        before = gateway.revision()
        text = "".join(site(f"g-{n}", d, f"{n}{step}") for n, d in groups.items() if d)
        scenario.write("m.yaml", text + site(f"step{step}", ["step.example.com"]))
        gateway.wait_applied(before)
        await_answer(port, f"step{step}", "step.example.com")
        connection = Keepalive(port)
        for domain in moving:
            wanted = (200, owners[domain]) if domain in owners else (404, "")
            got = connection.get(domain)
            assert got == wanted, f"step {step}: {domain} has {got}, not {wanted}"
        connection.close()
        at_any_moment = at_any_moment or Load(port, dict.fromkeys(staying))
    load.stop()
    assert at_any_moment
    at_any_moment.stop()


@SUITE.case("divided: an edit sends one part, and Envoy takes it")
def one_part(scenario: Scenario) -> None:
    scenario.write("a.yaml", sites(399))
    scenario.write("b.yaml", site("b", ["b.example.com"], "old"))
    gateway = scenario.run(divided(scenario.flags(), "auto"))
    port, admin_port = gateway.flags.http_port, gateway.flags.admin_port

    def updates() -> int:
        stats = admin(admin_port, "/stats?filter=rds.*config_reload$").splitlines()
        return sum(int(line.rsplit(" ", 1)[1]) for line in stats)

    await_answer(port, "old", "b.example.com")
    before, revision = updates(), gateway.revision()
    assert before >= 128, f"{before} tables"
    scenario.write("b.yaml", site("b", ["b.example.com"], "new"))
    gateway.wait_applied(revision)
    await_answer(port, "new", "b.example.com")
    assert updates() - before == 1, f"{updates() - before} tables were made anew"


@SUITE.case("divided: a limit of rates that copies would multiply keeps the table whole")
def limited(scenario: Scenario) -> None:
    limit = "{ratelimit: {localRatelimit: {maxTokens: 100, tokensPerFill: 100, fillInterval: 1s}}}"
    scenario.write("a.yaml", sites(20))
    scenario.write("b.yaml", site("b", ["*"], options=limit))
    gateway = scenario.run(divided(scenario.flags(), "16"))
    expect_line(gateway.process, "its many domains stay in one route table", "limits the rate")
    assert not scopes_of(gateway.flags.admin_port)
    mark, before = gateway.process.mark(), gateway.revision()
    scenario.write("b.yaml", site("b", ["b.example.com"], options=limit))
    gateway.wait_applied(before)
    expect_line(gateway.process, "mended", "stay in one route table", after=mark)
    await_answer(gateway.flags.http_port, "b", "b.example.com")
    assert len(scopes_of(gateway.flags.admin_port)) == 16


@SUITE.case("divided: the key does not reach the upstream")
def hidden(scenario: Scenario) -> None:
    backend, port = scenario.backend()
    scenario.write("a.yaml", objects.to_backend("site", port))
    gateway = scenario.run(divided(scenario.flags(), "16"))
    for headers in ([], [(HEADER, "forged")]):
        request = client.compose("GET", "/", "HTTP/1.1", [("host", "a"), *headers], b"")
        assert client.exchange(client.Target(gateway.flags.http_port), request).status == 200
    seen = backend.seen("backend")
    assert len(seen) == 2 and not any(HEADER in request["headers"] for request in seen), seen


@SUITE.case("divided: a listener that Envoy refuses leaves the parts there that the one in force uses")
def listener_refused(scenario: Scenario) -> None:
    scenario.write("a.yaml", sites(20))
    flags = divided(scenario.flags(), "16")
    gateway = scenario.run(flags)
    load = Load(flags.http_port, answers(20))
    eight = asked.gateway(flags.http_port).replace(
        "metadata: {", "metadata: {annotations: {k8sgateway.io/route-shards: '8'}, "
    )
    # Only Envoy knows that there is no such folder.
    log = "options: {accessLoggingService: {accessLog: [{fileSink: {path: /no/such/folder/log, stringFormat: x}}]}}"
    scenario.write("gateway.yaml", eight.replace("httpGateway: ", f"{log}, httpGateway: "))
    wait_until(lambda: gateway.status()["nacks"] > 0, "Envoy refuses the listener", APPLY_SECONDS)
    # The control plane makes no parts of 16 any more then, which nothing shows.
    time.sleep(4 * _DRAIN_SECONDS)
    assert sum("/3h.16/" in scope for scope in scopes_of(flags.admin_port)) == 16, scopes_of(flags.admin_port)
    scenario.write("gateway.yaml", eight)
    wait_until(
        lambda: all("/3h.8/" in scope for scope in scopes_of(flags.admin_port)), "only parts of 8", _OLD_SECONDS
    )
    load.stop()


@SUITE.case("divided: another header carries the key where the usual one has a use")
def passed_on(scenario: Scenario) -> None:
    backend, port = scenario.backend()
    scenario.write("a.yaml", objects.to_backend("site", port))
    flags = divided(scenario.flags(), "16")
    options = "httpConnectionManagerSettings: {proxy100Continue: true}"
    scenario.write("gateway.yaml", asked.gateway(flags.http_port, options))
    gateway = scenario.run(flags)
    assert len(scopes_of(flags.admin_port)) == 16
    fields = [("host", "a"), ("expect", "100-continue"), (OWN_HEADER, "forged")]
    request = client.compose("GET", "/", "HTTP/1.1", fields, b"")
    assert client.exchange(client.Target(flags.http_port), request).status == 200
    (seen,) = backend.seen("backend")
    assert seen["headers"].get("expect") == "100-continue", seen
    assert OWN_HEADER not in seen["headers"], seen
    # And the usual one when it has no use any more.
    before = gateway.revision()
    scenario.write("gateway.yaml", asked.gateway(flags.http_port))
    gateway.wait_applied(before)
    wait_until(
        lambda: _carrier(flags.admin_port) == HEADER, "the usual header of the key", APPLY_SECONDS
    )
    assert client.exchange(client.Target(flags.http_port), request).status == 200
    assert "expect" not in backend.seen("backend")[-1]["headers"]
    # A server that is asked may be sent all headers.
    server = "{extauthzServerRef: {name: backend, namespace: default}, httpService: {}}"
    scenario.write("settings.yaml", asked.settings(f"{{extauth: {server}}}"))
    wait_until(lambda: _carrier(flags.admin_port) == OWN_HEADER, "the other header", APPLY_SECONDS)


@SUITE.case("divided: routes, headers and logs that name the header of the key have it as without division")
def named(scenario: Scenario) -> None:
    backend, port = scenario.backend()
    matched = "matchers: [{prefix: /, headers: [{name: Expect, value: wonders}]}]"
    answer = "directResponseAction: {status: 200, body: matched}"
    site = objects.to_backend("site", port)
    scenario.write("a.yaml", site)
    flags = divided(scenario.flags(), "16")
    gateway = scenario.run(flags)
    assert _carrier(flags.admin_port) == HEADER
    request = client.compose("GET", "/", "HTTP/1.1", [("host", "a"), ("expect", "wonders")], b"")
    target = client.Target(flags.http_port)

    def become(text: str) -> None:
        before = gateway.revision()
        scenario.write("a.yaml", text)
        gateway.wait_applied(before)
        wait_until(
            lambda: _carrier(flags.admin_port) == OWN_HEADER, "the other header", APPLY_SECONDS
        )

    become(site.replace("routes:", f"routes:\n    - {matched}\n      {answer}"))
    wait_until(
        lambda: client.exchange(target, request).body == b"matched", "the route", APPLY_SECONDS
    )
    # Another listener for each such edit would move all connections: it stays until the parts are others anyway.
    listeners = admin(flags.admin_port, "/stats?filter=listener_manager.listener_modified")
    before = gateway.revision()
    scenario.write("a.yaml", site)
    gateway.wait_applied(before)
    assert client.exchange(target, request).status == 200
    assert backend.seen("backend")[-1]["headers"].get("expect") == "wonders"
    assert admin(flags.admin_port, "/stats?filter=listener_manager.listener_modified") == listeners
    annotated = "metadata: {annotations: {k8sgateway.io/route-shards: '8'}, "
    scenario.write("gateway.yaml", asked.gateway(flags.http_port).replace("metadata: {", annotated))
    wait_until(lambda: _carrier(flags.admin_port) == HEADER, "the usual header", APPLY_SECONDS)
    header = "{header: {key: x-is, value: '%REQ(EXPECT)%'}}"
    options = f"options: {{headerManipulation: {{requestHeadersToAdd: [{header}]}}}}"
    become(site.replace("routes:", f"{options}\n    routes:"))

    def passed_on() -> bool:
        assert client.exchange(target, request).status == 200
        seen = backend.seen("backend")[-1]["headers"]
        return seen.get("expect") == seen.get("x-is") == "wonders"

    wait_until(passed_on, "the header as it came, and what is made from it", APPLY_SECONDS)


def _carrier(admin_port: int) -> str:
    """The header that carries the key, by the listener in force."""
    dump = json.loads(admin(admin_port, "/config_dump?resource=dynamic_listeners"))
    (listener,) = dump["configs"]
    text = json.dumps(listener["active_state"])
    return OWN_HEADER if OWN_HEADER in text else HEADER if HEADER in text else ""


def _bootstrap(xds_port: int, admin_port: int, metadata: dict[str, str]) -> dict[str, Any]:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": xds_port}}
    ads = {
        "api_type": "DELTA_GRPC",
        "transport_api_version": "V3",
        "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}],
    }
    options = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    return {
        "node": {"id": f"n{admin_port}", "cluster": "c", "metadata": metadata},
        "admin": {
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": admin_port}}
        },
        "dynamic_resources": {
            "ads_config": ads,
            "lds_config": {"ads": {}, "resource_api_version": "V3"},
            "cds_config": {"ads": {}, "resource_api_version": "V3"},
        },
        "static_resources": {
            "clusters": [
                {
                    "name": "xds",
                    "type": "STATIC",
                    "typed_extension_protocol_options": {
                        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options
                    },
                    "load_assignment": {"cluster_name": "xds", "endpoints": endpoints},
                }
            ]
        },
    }


def _envoy(scenario: Scenario, xds_port: int, module: str) -> int:
    """Starts an Envoy that reports this version of the module, or none; returns its admin port."""
    admin_port = free_port()
    metadata = {"role": "gloo-system~gateway-proxy"}
    if module:
        metadata["k8sgateway_module"] = module
    path = scenario.folder / f"envoy-{admin_port}.json"
    path.write_text(json.dumps(_bootstrap(xds_port, admin_port, metadata)))
    scenario.own(
        Process(
            [envoy_with_module(scenario.preset), "-c", str(path), "--concurrency", "1"]
            + ["--disable-hot-restart", "-l", "warning", "--base-id", str(admin_port)],
            {"ENVOY_DYNAMIC_MODULES_SEARCH_PATH": str(module_of(scenario.preset).parent)},
        )
    )
    return admin_port


@SUITE.case("divided: only for Envoys that report the module, of one role as well")
def mixed_fleet(scenario: Scenario) -> None:
    mode = FileMode(scenario, more=["--route-shards", "8"])
    expect_line(mode.process, "serving|listening|xDS")
    plain = _envoy(scenario, mode.xds_port, "")
    # All have one network, so the second cannot listen; that it is sent divided tables shows in its scopes.
    await_answer(mode.http_port, "hello")
    assert not scopes_of(plain)
    with_module = _envoy(scenario, mode.xds_port, MODULE)
    wait_until(
        lambda: len(scopes_of(with_module)) == 8, "8 parts of the one with the module", APPLY_SECONDS
    )
    other = _envoy(scenario, mode.xds_port, "99")
    wait_until(
        lambda: "listener-" in admin(other, "/config_dump?resource=dynamic_listeners"),
        "a listener of the one with another version",
        APPLY_SECONDS,
    )
    assert not scopes_of(other) and not scopes_of(plain)
    await_answer(mode.http_port, "hello")
