"""Divided tables answer as whole ones do: two listeners of one Envoy with the same virtual hosts, asked the same."""

import random

from harness import certificates
from harness.differential import (
    WITHOUT_HOST,
    Answer,
    Asker,
    World,
    forms,
    last_requests_of,
    requests_of,
)
from harness.ports import free_port
from harness.process import Gateway
from harness.scenario import Scenario, Suite
from harness.sharding import divided, keys_of, scopes_of
from harness.waiting import wait_until

SUITE = Suite()

# Into how many parts, and how the connection manager treats hosts.
_ROUNDS = [
    ("16", "{}"),
    ("7", "{stripAnyHostPort: true}"),
    ("128", "{acceptHttp10: true, defaultHostForHttp10: h1.example.com}"),
    ("64", "{stripAnyHostPort: true, upgrades: [{connect: {}}, {websocket: {}}]}"),
    ("2", "{acceptHttp10: true, upgrades: [{connect: {}}]}"),
    ("1024", "{properCaseHeaderKeyFormat: true}"),
]
_UPSTREAM = """\
---
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {{name: backend, namespace: default}}
spec: {{static: {{hosts: [{{addr: 127.0.0.1, port: {port}}}]}}}}
"""


def _listener(name: str, port: int, shards: str, settings: str, tls: bool = False) -> str:
    isolate = ', gateway.solo.io/isolate_vhost: "true"' if tls else ""
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
  httpGateway: {{options: {{httpConnectionManagerSettings: {settings}}}}}
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


def _compare(comparison: _Comparison, plain: int, other: int, world: World, forged: list[str]) -> None:
    one, two = Asker(plain, False), Asker(other, True)
    for host in world.hosts:
        for form in forms(host):
            request = f"GET / HTTP/1.1\r\nhost: {form}\r\n\r\n".encode("latin-1")
            comparison.note(request, one.ask(request), two.ask(request))
    for host in world.some(30):
        for request in requests_of(host.replace("*", "any"), forged):
            comparison.note(request, one.ask(request), two.ask(request))
    for host in world.some(12):
        for request in last_requests_of(host.replace("*", "any")):
            comparison.note(request, one.once(request), two.once(request))
    for request in WITHOUT_HOST:
        comparison.note(request, one.once(request), two.once(request))
    for host in world.some(25):
        for form in forms(host):
            comparison.note(("HTTP/2", form), one.http2(form), two.http2(form))
    one.close()
    two.close()


@SUITE.case("divided: answers as a whole table does, for random tables and requests of all forms")
def differential(scenario: Scenario) -> None:
    _, backend = scenario.backend()
    plain, other = free_port(), free_port()
    gateway: Gateway | None = None
    comparison = _Comparison()
    for number, (shards, settings) in enumerate(_ROUNDS):
        world = World(number, f"r{number}-")
        before = gateway.revision() if gateway else 0
        scenario.write(
            "all.yaml",
            world.text
            + _UPSTREAM.format(port=backend)
            + _listener("plain", plain, "off", settings)
            + _listener("divided", other, shards, settings),
        )
        if gateway:
            gateway.wait_applied(before, 30)
        else:
            gateway = scenario.run(divided(scenario.flags(), "auto"))
        _await_parts(gateway, {f"-{plain}": 0, f"-{other}-routes/2h.{shards}.0/": int(shards)})
        keys = keys_of(gateway.flags.admin_port)
        forged = ["", "1", random.Random(number).choice(keys), keys[0].rsplit("-", 1)[0] + "-99999"]
        _compare(comparison, plain, other, world, forged)
    comparison.check(10_000, "400", "403", "404")


@SUITE.case("divided: answers as a whole table does, with virtual hosts of their own for SNI names")
def differential_sni(scenario: Scenario) -> None:
    _, backend = scenario.backend()
    plain, other = free_port(), free_port()
    certificates.self_signed(scenario.folder, "tls")
    files = f"tlsCert: {scenario.folder}/tls.crt, tlsKey: {scenario.folder}/tls.key"
    text, hosts, names = _UPSTREAM.format(port=backend), [], ["", "none.example.net"]
    for number, sni in enumerate(["a.example.com", "b.example.com", "*.example.org"]):
        # Another version makes another chain, with a table of its own.
        version = f"parameters: {{minimumProtocolVersion: TLSv1_{min(number, 2)}}}"
        spec = f"sslConfig: {{sslFiles: {{{files}}}, sniDomains: ['{sni}'], {version}}}"
        world = World(100, f"t{number}-", spec)
        text, hosts = text + world.text, world.some(60)
        names.append(sni.replace("*", "x"))
    text += _listener("plain", plain, "off", "{}", True) + _listener("divided", other, "16", "{}", True)
    scenario.write("all.yaml", text)
    gateway = scenario.run(divided(scenario.flags(), "auto"))
    _await_parts(gateway, {f"-{plain}": 0, f"-{other}": 3 * 16})
    comparison = _Comparison()
    for sni in names:
        one, two = Asker(plain, False, sni), Asker(other, True, sni)
        for host in hosts if sni in names[2:] else hosts[:3]:
            for form in forms(host):
                for path in ("/", "/moved", "/broken"):
                    request = f"GET {path} HTTP/1.1\r\nhost: {form}\r\n\r\n".encode("latin-1")
                    comparison.note((sni, request), one.ask(request), two.ask(request))
        one.close()
        two.close()
    comparison.check(4_000)
