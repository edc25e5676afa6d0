"""Divided route tables, as they are shown: everywhere the virtual host and its table, and a part only of what is sent."""

import json
import pathlib
import re
from typing import Any

from harness import asked, client
from harness.ports import free_port
from harness.process import APPLY_SECONDS
from harness.scenario import Scenario, Suite, await_answer
from harness.sharding import HEADER, OWN_HEADER, scopes_of
from harness.waiting import wait_until

from .file_mode import FileMode
from .offline import Command
from .sharding import site

SUITE = Suite()
_FORMAT = (
    "%ROUTE_NAME%|%VIRTUAL_CLUSTER_NAME%|%UPSTREAM_CLUSTER%|%METADATA(ROUTE:app:tier)%|%RESPONSE_CODE_DETAILS%|"
    "%REQ(:AUTHORITY)%|%REQ(X-K8SGW-SHARD)%"
)
# What stands in the name of a part, and in no other.
_PART = re.compile(r"-routes/\d")


@SUITE.case("divided: explain and validate tell of virtual hosts, and of no part")
def explained(scenario: Scenario) -> None:
    gateway = asked.gateway(8080).replace("metadata: {", "metadata: {annotations: {k8sgateway.io/route-shards: '16'}, ")
    sites = "".join(site(f"s{i}", [f"h{i}.example.com"]) for i in range(350))
    scenario.write("all.yaml", gateway + sites + site("wild", ["*.example.org"]))
    command = Command(scenario)
    for host, name in (("h7.example.com", "s7"), ("h7.example.com:8080", ""), ("a.example.org", "wild")):
        told = command("explain", str(scenario.objects), "--request", "GET http://any:8080/", "-H", f"host: {host}").stdout
        assert "routes          listener-127.0.0.1-8080-routes\n" in told and not _PART.search(told), told
        shown = f"virtual host    default_{name}  " if name else "virtual host    none"
        assert shown in told and (not name or f"VirtualService default/{name} " in told), told
    assert not _PART.search(command("validate", str(scenario.objects)).stdout)


@SUITE.case("divided: snapshots show whole tables with their virtual hosts, and how many parts a listener has")
def snapshots(scenario: Scenario) -> None:
    scenario.divided = True
    admin = free_port()
    mode = FileMode(scenario, more=["--admin-bind", f"127.0.0.1:{admin}"])
    mode.serve()
    scenario.expect_form()
    listener = f"listener-127.0.0.1-{mode.http_port}"

    def snapshot(name: str) -> Any:
        return json.loads(client.get(admin, f"/snapshots/{name}").body)["data"]

    tables = snapshot("xds")["gloo-system~gateway-proxy"]["Routes"]["Items"]
    assert list(tables) == [f"{listener}-routes"], list(tables)
    (host,) = tables[f"{listener}-routes"]["virtualHosts"]
    assert host["name"] == "gloo-system_site", host
    edge = snapshot("edge")
    (shown,) = [one for one in edge["listeners"] if one["name"] == listener]
    assert shown["routeShards"] == 16, shown
    assert [one["name"] for one in edge["virtualHosts"]] == ["gloo-system.site"], edge["virtualHosts"]
    for name in ("input", "edge", "proxies", "xds", "krt"):
        assert not _PART.search(json.dumps(snapshot(name))), name


def _logging_gateway(name: str, port: int, shards: str, log: pathlib.Path, form: str) -> str:
    options = f"accessLoggingService: {{accessLog: [{{fileSink: {{path: {log}, stringFormat: {json.dumps(form)}}}}}]}}"
    text = asked.gateway(port).replace("httpGateway: {options: {}}", f"httpGateway: {{}}, options: {{{options}}}")
    return text.replace(
        "name: gateway-proxy", f"name: {name}, annotations: {{k8sgateway.io/route-shards: '{shards}'}}"
    ).replace("spec: {", "spec: {proxyNames: [gateway-proxy], ")


def _lines(path: pathlib.Path, count: int) -> list[str]:
    def read() -> list[str]:
        return path.read_text().splitlines() if path.exists() else []

    wait_until(lambda: len(read()) >= count, f"{count} lines of {path.name}", APPLY_SECONDS)
    return read()


@SUITE.case("divided: access logs have the same lines as without")
def logged(scenario: Scenario) -> None:
    _, backend = scenario.backend()
    clusters = "stats: {virtualClusters: [{name: all.shown, pattern: '/.*'}]}"
    routes = [asked.route("/gold", "envoyMetadata: {app: {tier: gold}}"), asked.route("/")]
    one = asked.service("one", routes, clusters, "one.test")
    many = asked.service("many", routes, clusters, "*.many.test")
    hosts = site("direct", ["direct.test"])
    scenario.divided = True
    for form, carrier in ((_FORMAT, HEADER), (_FORMAT + "|%REQ(EXPECT)%", OWN_HEADER)):
        ports = free_port(), free_port()
        logs = [scenario.folder / f"{carrier}.{name}.log" for name in ("whole", "divided")]
        scenario.write("all.yaml", asked.documents(one, many, asked.upstream("backend", backend)) + hosts)
        gateways = zip(("whole", "divided"), ports, ("off", "16"), logs)
        scenario.write("gateways.yaml", asked.documents(*(_logging_gateway(*g, form + "\n") for g in gateways)))
        gateway = scenario.run()
        assert len(scopes_of(gateway.flags.admin_port)) == 16
        requests = [(h, p) for h in ("one.test", "a.many.test", "direct.test", "none.test") for p in ("/gold", "/x")]
        for port in ports:
            await_answer(port, "direct", "direct.test")
            for host, path in requests:
                asked.send(port, path, {"expect": "wonders"}, host=host)
        gateway.process.stop()
        whole, parts = (_lines(log, len(requests) + 1) for log in logs)
        assert whole[-1].endswith("|-" if carrier == HEADER else "|-|wonders"), whole[-1]
        # Who asks for the key gets it where it has a header of its own, unless the request has gone on to an upstream.
        keys = [line.split("|")[6] != "-" for line in parts]
        went_on = [False] + [host in ("one.test", "a.many.test") for host, _ in requests]
        assert keys == [carrier == OWN_HEADER and not gone for gone in went_on], parts
        assert [_without_key(line) for line in parts] == [_without_key(line) for line in whole], (whole, parts)
        text = "\n".join(parts)
        assert "default.one" in text and "all_shown" in text and '"gold"' in text.replace("|gold|", '"gold"'), text
        assert not _PART.search(text), text


def _without_key(line: str) -> list[str]:
    fields = line.split("|")
    return fields[:6] + fields[7:]
