"""Changes under load: no request may fail."""

import contextlib
import http.client
import json
import pathlib
import re
import ssl
import tempfile
import time

from harness import client
from harness.backend import Backend, Identity, TlsOptions
from harness.certificates import self_signed
from harness.process import replace_file
from harness.scenario import Suite
from support import objects
from support.bulk import create_all
from support.cluster import Object
from support.load import under_load
from support.objects import says, tls_secret, to_service, virtual_service
from support.scenario import Scenario

SUITE = Suite()
_HTTP = client.Target(objects.HTTP_PORT)
_PODS = 10
_GOING = 200  # VirtualServices of a namespace that goes, and as many Upstreams
_AGAIN_MS = 10
_PAIRS = 30


@SUITE.case("a rolling update of 10 pods under load fails no request, and touches no cluster")
def rolling_update(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    half = {"rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0}}
    # As real users have it: a pod answers on until all have learned that it goes.
    drain = {"preStop": {"sleep": {"seconds": 2}}}
    scenario.deploy_echo(replicas=_PODS, strategy=half, lifecycle=drain)
    scenario.apply(virtual_service("all", host, to_service("echo", own)))
    stage.await_answer(host, body="echo-")
    before = stage.proxy.updates()
    old = {one["metadata"]["name"] for one in scenario.get("pods")["items"]}
    with under_load(_HTTP, host, clients=3) as load:
        scenario.kubectl("rollout", "restart", "deployment/echo")
        scenario.await_rollout("echo")
        stage.wait(
            lambda: not old & {one["metadata"]["name"] for one in scenario.get("pods")["items"]},
            "the old pods are gone",
            60,
        )
    scenario.note(load.expect_no_failure(at_least=200))
    after = stage.proxy.updates()
    assert after == before, f"more than endpoints has changed: {before} {after}"


@SUITE.case("scaled to zero a Service answers 503, and scaled up again it answers")
def scale_to_zero(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    scenario.deploy_echo(replicas=2)
    scenario.apply(virtual_service("all", host, to_service("echo", own, "/echo"), says("others")))
    stage.await_answer(host, body="echo-", path="/echo")
    before = stage.proxy.updates()
    with under_load(_HTTP, host) as load:
        scenario.kubectl("scale", "deployment/echo", "--replicas=0")
        stage.await_answer(host, status=503, path="/echo")
        scenario.kubectl("scale", "deployment/echo", "--replicas=2")
        scenario.await_rollout("echo")
        stage.await_answer(host, body="echo-", path="/echo")
    load.expect_no_failure()
    assert stage.proxy.updates() == before


@SUITE.case("a Secret is replaced again and again under load; each connection gets one of both")
def secret_rotation(scenario: Scenario) -> None:
    stage, host = scenario.stage(), scenario.host
    with tempfile.TemporaryDirectory() as folder:
        pairs = [_pair(pathlib.Path(folder), f"{number}.{host}") for number in range(2)]
    scenario.apply(
        tls_secret("certificate", *pairs[0]),
        virtual_service(
            "all",
            host,
            says("secure"),
            sslConfig={
                "secretRef": objects.meta("certificate", scenario.namespace),
                "sniDomains": [host],
            },
        ),
    )
    target = client.Target(objects.HTTPS_PORT, tls=True, sni=host)
    shown = lambda number: f"CN={number}.{host}"
    _await_certificate(scenario, target, shown(0))
    key = lambda answer: f"{answer.status} {answer.certificate} {answer.error}".strip()
    before = stage.proxy.updates()
    with under_load(target, host, pause=0.05, key=key) as load:
        for turn in range(1, 6):
            scenario.apply(tls_secret("certificate", *pairs[turn % 2]))
            _await_certificate(scenario, target, shown(turn % 2))
    with load.lock:
        strange = set(load.answers) - {f"200 {shown(number)}" for number in (0, 1)}
    assert not strange, f"answers under load: {dict(load.answers)}"
    after = stage.proxy.updates()
    # Certificates stand in listeners, as they always did.
    clusters = "cluster_manager.cluster_modified"
    assert after[clusters] == before[clusters], f"{before} {after}"


def _pair(folder: pathlib.Path, name: str) -> tuple[str, str]:
    self_signed(folder, name)
    return (folder / f"{name}.crt").read_text(), (folder / f"{name}.key").read_text()


def _await_certificate(scenario: Scenario, target: client.Target, subject: str) -> None:
    request = client.compose("GET", "/", "HTTP/1.1", [("host", scenario.host)], b"")

    def shown() -> bool:
        answer = client.exchange(target, request, retry_seconds=0, want_certificate=True)
        return answer.status == 200 and answer.certificate == subject

    scenario.stage().wait(shown, f"a connection shows {subject}")


@SUITE.case("a backend gets a certificate of another authority, with both authorities in between: no request fails")
def backend_authority(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as ends:
        folder = pathlib.Path(name)
        pairs = {age: _pair(folder, f"{age}.{host}") for age in ("old", "new")}  # each is its own authority
        served = folder / "served.pem"
        backend = Backend(TlsOptions(served))
        ends.callback(backend.close)

        def serve(age: str) -> None:
            replace_file(served, "".join(reversed(pairs[age])))

        def trusting(*ages: str) -> Object:
            secret = tls_secret("trusted", *pairs["old"])
            secret["stringData"]["ca.crt"] = "".join(pairs[age][0] for age in ages)
            return secret

        def trust(*ages: str) -> None:
            before = stage.proxy.updates()
            scenario.apply(trusting(*ages))
            stage.wait(lambda: stage.proxy.updates() != before, f"Envoy trusts {ages}")

        serve("old")
        upstream = objects.static_upstream("secure", "127.0.0.1", backend.listen(Identity()))
        upstream["spec"]["sslConfig"] = {"secretRef": objects.meta("trusted", own), "oneWayTls": True}
        route = objects.to_upstream("secure", own)
        scenario.apply(trusting("new"), upstream, virtual_service("all", host, route))
        stage.await_answer(host, status=503)  # so it does look
        trust("old")
        stage.await_answer(host)
        with under_load(_HTTP, host) as load:
            trust("old", "new")
            stage.await_answer(host)
            serve("new")
            trust("new")
            stage.await_answer(host)
        scenario.note(load.expect_no_failure())
        serve("old")
        trust("new", "new")  # another text, so that Envoy connects anew
        stage.await_answer(host, status=503)


@SUITE.case("a host whose Secret is missing, or no certificate, waits for it; other hosts answer")
def secret_comes_later(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    with tempfile.TemporaryDirectory() as folder:
        pair = _pair(pathlib.Path(folder), host)
        other = _pair(pathlib.Path(folder), f"other.{host}")
    secure = lambda name: {
        "sslConfig": {"secretRef": objects.meta(name, own), "sniDomains": [f"{name}.{host}"]}
    }
    scenario.apply(
        tls_secret("there", *pair),
        virtual_service("there", f"there.{host}", says("there"), **secure("there")),
        virtual_service("late", f"late.{host}", says("late"), **secure("late")),
    )
    ask = lambda name: client.exchange(
        client.Target(objects.HTTPS_PORT, tls=True, sni=f"{name}.{host}"),
        client.compose("GET", "/", "HTTP/1.1", [("host", f"{name}.{host}")], b""),
        retry_seconds=0,
    )
    stage.wait(lambda: ask("there").body == b"there", "the host with a Secret answers")
    state = stage.await_written("virtualservice", "late", own)
    assert state["state"] in ("Warning", "Rejected"), state
    scenario.apply(tls_secret("late", pair[0], other[1]))  # a key of another certificate
    assert ask("there").body == b"there"
    scenario.apply(tls_secret("late", *other))
    stage.wait(lambda: ask("late").body == b"late", "the host whose Secret came answers")
    stage.await_state("virtualservice", "late", own, "Accepted")
    assert ask("there").body == b"there"


@SUITE.case("an Upstream and a route to it, pair after pair: each host answers 404, then 200, and nothing else")
def pairs(scenario: Scenario) -> None:
    stage, own = scenario.stage(), scenario.namespace
    scenario.deploy_echo()
    seen: list[str] = []

    def note(answer: client.Response) -> str:
        code = str(answer.status or answer.error)
        if not seen or seen[-1] != code:
            seen.append(code)
        return code

    for number in range(_PAIRS):
        host, name = f"pair-{number}.{scenario.host}", f"pair-{number}"
        seen.clear()
        # One client, so that answers come in the order of its requests.
        with under_load(_HTTP, host, clients=1, pause=0, key=note) as load:
            stage.wait(lambda: load.total() > 0, "it is asked before there is anything")
            scenario.apply(
                objects.kube_upstream(name, "echo", own),
                virtual_service(name, host, objects.to_upstream(name, own)),
            )
            stage.await_answer(host, body="echo-")
            asked = load.total()
            stage.wait(lambda: load.total() > asked + 20, "it is asked on")
        assert seen == ["404", "200"], f"{host}: {seen}: {dict(load.answers)}"


@SUITE.case("a route that comes before its Upstream answers 500 or 503 until then; leads elsewhere, nobody notices")
def route_before_upstream(scenario: Scenario) -> None:
    stage, own = scenario.stage(), scenario.namespace
    scenario.deploy_echo()
    for number in range(3):
        host, name = f"{number}.{scenario.host}", f"echo-{number}"
        with under_load(_HTTP, host, clients=1, pause=0.002) as load:
            scenario.apply(
                virtual_service(name, host, objects.to_upstream(name, own)),
                objects.kube_upstream(name, "echo", own),
            )
            stage.await_answer(host, body="echo-")
        # Between the two objects, if they come apart, the route has no Upstream.
        assert set(load.failures()) <= {"404", "500", "503"}, load.answers
        with under_load(_HTTP, host, clients=1, pause=0.002) as load:
            scenario.apply(
                virtual_service(name, host, to_service("echo", own)),
            )
            scenario.kubectl("delete", "upstream", name)
            stage.await_gone("-n", own, "upstream", name)
        load.expect_no_failure()


def _status_writes(scenario: Scenario) -> float:
    """Of anybody to our kinds, since the API server began."""
    text = scenario.cluster.kubectl("get", "--raw", "/metrics")
    found = re.findall(r'(?m)^apiserver_request_total{.*group="[a-z.]*solo\.io",.*verb="(?:PATCH|PUT|APPLY)".*} (\S+)$', text)
    return sum(map(float, found))


def _await_written(scenario: Scenario) -> None:
    """All statuses are written."""

    def rests() -> bool:
        before = _status_writes(scenario)
        time.sleep(1)
        return _status_writes(scenario) == before

    scenario.stage().wait(rests, "nobody writes any more", 60)


@SUITE.case("a namespace goes with all its objects: no storm of pushes and writes; routes of others do not notice")
def namespace_deleted(scenario: Scenario) -> None:
    stage, host, cluster = scenario.stage(), scenario.host, scenario.cluster
    scenario.apply(virtual_service("stays", host, says("stays")))
    stage.await_answer(host, body="stays")
    team = f"{scenario.namespace}-team"
    scenario.make_namespace(team)
    hosts = [f"{number}.{team}.test" for number in range(_GOING)]
    numbered = lambda number: virtual_service(f"vs-{number}", hosts[number], objects.to_upstream(f"u-{number}", team))
    for group, plural, made in (
        ("gloo.solo.io", "upstreams", [objects.static_upstream(f"u-{n}", "127.0.0.1", 1) for n in range(_GOING)]),
        ("gateway.solo.io", "virtualservices", [numbered(n) for n in range(_GOING)]),
    ):
        create_all(cluster, f"/apis/{group}/v1/namespaces/{team}/{plural}", made)
    stage.wait(lambda: stage.ask(hosts[-1]).status != 404, "the last of its routes")
    stage.await_quiet()
    _await_written(scenario)
    answered = lambda: stage.control_plane.metric("k8sgateway_xds_acks_total")
    pushes, writes, begin = answered(), _status_writes(scenario), time.monotonic()
    with under_load(_HTTP, host) as load:
        cluster.kubectl("delete", "namespace", team, "--wait=false")
        for one in hosts:
            stage.await_answer(one, status=404)
        gone = lambda: not cluster.kubectl("get", "namespace", team, "-o", "name", check=False)
        stage.wait(gone, "the namespace is gone", 60)
    took, pushes, writes = time.monotonic() - begin, answered() - pushes, _status_writes(scenario) - writes
    scenario.note(f"{2 * _GOING} objects went in {took:.1f} s: {pushes:.0f} answers of Envoy, {writes:.0f} writes")
    # What still is there while its Upstream is gone says so, once; Envoy hears of each object once, at the most.
    assert writes <= _GOING and 0 < pushes <= 2 * _GOING, (writes, pushes)
    scenario.note(load.expect_no_failure())


class _Api:
    """VirtualServices of the case, through one connection: faster than kubectl."""

    def __init__(self, scenario: Scenario) -> None:
        pki = scenario.cluster.folder / "pki"
        context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        self._connection = http.client.HTTPSConnection("172.30.0.1", 6443, context=context, timeout=60)
        self._path = f"/apis/gateway.solo.io/v1/namespaces/{scenario.namespace}/virtualservices"

    def _ask(self, method: str, path: str, body: Object | None = None) -> None:
        sent = json.dumps(body).encode() if body else None
        self._connection.request(method, path, sent, {"content-type": "application/json"})
        answer = self._connection.getresponse()
        said = answer.read()
        assert answer.status < 300, f"{method} {path}: {answer.status} {said[:300]!r}"

    def make_again(self, one: Object) -> float:
        """Deletes it and makes this in its place; how many milliseconds are between the answers."""
        self._ask("DELETE", f"{self._path}/{one['metadata']['name']}")
        begin = time.monotonic()
        self._ask("POST", self._path, one)
        return (time.monotonic() - begin) * 1000


@SUITE.case("an object is deleted and made again within 10 ms, again and again: the newest is served, others do not notice")
def made_again(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    scenario.apply(virtual_service("all", host, says("0")), virtual_service("other", f"other.{host}", says("other")))
    stage.await_answer(host, body="0")
    stage.await_answer(f"other.{host}", body="other")
    api, times = _Api(scenario), []
    with under_load(_HTTP, f"other.{host}") as load:
        for number in range(1, 201):
            times.append(api.make_again(virtual_service("all", host, says(f"number {number}."))))
            if number % 40 == 0:
                stage.await_answer(host, body=f"number {number}.")
                stage.await_state("virtualservice", "all", own, "Accepted")
    scenario.note(f"deleted and made within {min(times):.1f} to {max(times):.1f} ms")
    assert min(times) < _AGAIN_MS, times
    scenario.note(load.expect_no_failure())
