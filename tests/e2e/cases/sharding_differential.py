"""Divided tables answer as whole ones do: two listeners of one Envoy with the same virtual hosts, asked the same."""

import random

from harness import certificates
from harness.asker import Answer, Asker
from harness.differential import (
    HTTP2_WITHOUT_HOST,
    WITHOUT_HOST,
    World,
    forms,
    http2_fields,
    http2_requests_of,
    http2_tunnels_of,
    last_requests_of,
    requests_of,
)
from harness.ports import free_port
from harness.process import Gateway
from harness.scenario import Scenario, Suite
from harness.sharding import HEADER, OWN_HEADER, divided, keys_of, scopes_of
from harness.waiting import wait_until

SUITE = Suite()
# Reasons for the header of our own: what is expected is passed on, or a log shows it.
_CONTINUE, _LOG = "proxy100Continue: true", "fileSink: {path: /dev/null, stringFormat: '%REQ(EXPECT)%'}"

# Into how many parts, how the connection manager treats hosts, and what more makes the own header carry the key.
_ROUNDS = [
    ("16", "", _CONTINUE),
    ("7", "stripAnyHostPort: true", _LOG),
    ("128", "acceptHttp10: true, defaultHostForHttp10: h1.example.com", _LOG),
    ("64", "stripAnyHostPort: true, upgrades: [{connect: {}}, {websocket: {}}]", _LOG),
    ("2", "acceptHttp10: true, upgrades: [{connect: {}}]", _CONTINUE),
    ("1024", "properCaseHeaderKeyFormat: true", _LOG),
]
_UPSTREAM = """\
---
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {{name: backend, namespace: default}}
spec: {{static: {{hosts: [{{addr: 127.0.0.1, port: {port}}}]}}}}
"""


def _listener(name: str, port: int, shards: str, settings: str, own: str = "", tls: bool = False) -> str:
    """A Gateway whose key is in the header of our own for the reason `own`, if there is one."""
    isolate = ', gateway.solo.io/isolate_vhost: "true"' if tls else ""
    manager = ["delayedCloseTimeout: 0.1s", settings, own if own == _CONTINUE else ""]
    log = f"{{accessLoggingService: {{accessLog: [{{{_LOG}}}]}}}}" if own == _LOG else "{}"
    return f"""\
---
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata:
  name: {name}
  namespace: gloo-system
  annotations: {{k8sgateway.io/route-shards: "{shards}"{isolate}}}
spec:
  bindAddress: 127.0.0.1
  bindPort: {port}
  ssl: {"true" if tls else "false"}
  proxyNames: [gateway-proxy]
  options: {log}
  httpGateway: {{options: {{httpConnectionManagerSettings: {{{", ".join(filter(None, manager))}}}}}}}
"""


class _Comparison:
    """What was compared, and what differs."""

    def __init__(self) -> None:
        self.compared = 0
        self.statuses: dict[object, int] = {}
        self.different: list[str] = []

    def note(self, what: object, one: Answer, two: Answer) -> None:
        self.compared += 1
        self.statuses[one[0]] = self.statuses.get(one[0], 0) + 1
        if one != two:
            self.different.append(f"{what!r}: {one} and divided {two}")

    def check(self, at_least: int, *statuses: str) -> None:
        some = "\n".join(self.different[:5])
        assert not self.different, f"{len(self.different)} of {self.compared}: {some}"
        assert self.compared >= at_least, f"only {self.compared} were compared"
        # Else the requests are not what they should be.
        for status in ("200", "302", "418", *statuses):
            assert self.statuses.get(status, 0) > 20, f"few answers {status}: {self.statuses}"


def _await_parts(gateway: Gateway, counts: dict[str, int]) -> None:
    """Waits until Envoy has that many parts with each of these words in their names."""

    def there() -> bool:
        names = scopes_of(gateway.flags.admin_port)
        return all(sum(word in n for n in names) == count for word, count in counts.items())

    wait_until(there, f"the parts {counts}", 30)


def _compare(comparison: _Comparison, one: Asker, two: Asker, world: World, forged: list[str]) -> None:
    for host in world.hosts:
        for form in forms(host):
            request = f"GET / HTTP/1.1\r\nhost: {form}\r\n\r\n".encode("latin-1")
            comparison.note(request, one.ask(request), two.ask(request))
    for host in world.some(25):
        for form in forms(host):
            fields = http2_fields("GET", form, "/up")
            comparison.note(fields, one.http2(fields, b""), two.http2(fields, b""))
    for host in world.some(20):
        for request in requests_of(host.replace("*", "any"), forged):
            comparison.note(request, one.ask(request), two.ask(request))
        for fields, body in http2_requests_of(host.replace("*", "any"), forged):
            comparison.note((fields, body), one.http2(fields, body), two.http2(fields, body))
    for host in world.some(10):
        for request in last_requests_of(host.replace("*", "any"), forged):
            comparison.note(request, one.once(request), two.once(request))
        for fields in http2_tunnels_of(host.replace("*", "any"), forged):
            comparison.note(fields, one.http2_tunnel(fields), two.http2_tunnel(fields))
    for request in WITHOUT_HOST:
        comparison.note(request, one.once(request), two.once(request))
    for fields in HTTP2_WITHOUT_HOST:
        comparison.note(fields, one.http2(fields, b""), two.http2(fields, b""))
    one.close()
    two.close()


def _differ(scenario: Scenario, carrier: str) -> None:
    """Compares random tables whose parts are found by this header."""
    backend, backend_port = scenario.backend()
    plain, other = free_port(), free_port()
    form = "o" if carrier == OWN_HEADER else "h"
    gateway: Gateway | None = None
    comparison = _Comparison()
    for number, (shards, settings, reason) in enumerate(_ROUNDS):
        world = World(number, f"r{number}-")
        before = gateway.revision() if gateway else 0
        own = reason if form == "o" else ""
        scenario.write(
            "all.yaml",
            world.text
            + _UPSTREAM.format(port=backend_port)
            + _listener("plain", plain, "off", settings, own)
            + _listener("divided", other, shards, settings, own),
        )
        if gateway:
            gateway.wait_applied(before, 30)
        else:
            gateway = scenario.run(divided(scenario.flags(), "auto"))
        _await_parts(gateway, {f"-{plain}": 0, f"-{other}-routes/3{form}.{shards}/": int(shards)})
        keys = keys_of(gateway.flags.admin_port)
        forged = ["", "1", random.Random(number).choice(keys), keys[0].rsplit("-", 1)[0] + "-99999"]
        askers = (Asker(plain, backend, carrier, False), Asker(other, backend, carrier, True))
        _compare(comparison, *askers, world, forged)
    comparison.check(15_000, "301", "400", "403", "404")


@SUITE.case("divided: answers as a whole table does, for random tables and requests of all forms")
def differential(scenario: Scenario) -> None:
    _differ(scenario, HEADER)


@SUITE.case("divided: answers as a whole table does, with the key in the header of our own")
def differential_own(scenario: Scenario) -> None:
    _differ(scenario, OWN_HEADER)


def _differ_by_sni(scenario: Scenario, carrier: str) -> None:
    backend, backend_port = scenario.backend()
    plain, other = free_port(), free_port()
    certificates.self_signed(scenario.folder, "tls")
    files = f"tlsCert: {scenario.folder}/tls.crt, tlsKey: {scenario.folder}/tls.key"
    text, hosts, names = _UPSTREAM.format(port=backend_port), [], ["", "none.example.net"]
    for number, sni in enumerate(["a.example.com", "b.example.com", "*.example.org"]):
        # Another version makes another chain, with a table of its own.
        version = f"parameters: {{minimumProtocolVersion: TLSv1_{min(number, 2)}}}"
        spec = f"sslConfig: {{sslFiles: {{{files}}}, sniDomains: ['{sni}'], {version}}}"
        world = World(100, f"t{number}-", spec)
        text, hosts = text + world.text, world.some(60)
        names.append(sni.replace("*", "x"))
    own, form = (_LOG, "o") if carrier == OWN_HEADER else ("", "h")
    text += _listener("plain", plain, "off", "", own, True) + _listener("divided", other, "16", "", own, True)
    scenario.write("all.yaml", text)
    gateway = scenario.run(divided(scenario.flags(), "auto"))
    _await_parts(gateway, {f"-{plain}": 0, f"-{other}": 3 * 16, f"/3{form}.16/": 3 * 16})
    comparison = _Comparison()
    for sni in names:
        one, two = (Asker(port, backend, carrier, port == other, sni) for port in (plain, other))
        for host in hosts if sni in names[2:] else hosts[:3]:
            for form in forms(host):
                for path in ("/", "/moved", "/broken"):
                    request = f"GET {path} HTTP/1.1\r\nhost: {form}\r\n\r\n".encode("latin-1")
                    comparison.note((sni, request), one.ask(request), two.ask(request))
        one.close()
        two.close()
    comparison.check(4_000)


@SUITE.case("divided: answers as a whole table does, with virtual hosts of their own for SNI names")
def differential_sni(scenario: Scenario) -> None:
    _differ_by_sni(scenario, HEADER)


@SUITE.case("divided: answers as a whole table does, with SNI names and the header of our own")
def differential_sni_own(scenario: Scenario) -> None:
    _differ_by_sni(scenario, OWN_HEADER)
