"""Faults of the servers, and of what the control plane may do there; traffic goes on."""

import contextlib
import json
import os
import pathlib
import signal
import tempfile
import time
import urllib.request
from typing import Iterator

from cases import config_maps
from harness import client
from harness.certificates import self_signed
from harness.process import Process
from harness.scenario import Suite, expect_line
from support import objects
from support.cluster import Cluster, Object, run
from support.control_plane import ACCOUNT, RULES, SYSTEM, role
from support.load import under_load
from support.objects import says, to_service, virtual_service
from support.scenario import Scenario

SUITE = Suite()
_HTTP = client.Target(objects.HTTP_PORT)
# The client tries again with a pause that grows to half a minute.
_RECOVERY_SECONDS = 45
# How long the servers are away, beyond the moment that it is noticed; hours by hand.
_OUTAGE_SECONDS = float(os.environ.get("OUTAGE_SECONDS", "0"))


def _compact(cluster: Cluster) -> None:
    """Nothing that was before can be watched any more."""
    namespaces = json.loads(cluster.kubectl("get", "--raw", "/api/v1/namespaces"))
    version = namespaces["metadata"]["resourceVersion"]
    body = json.dumps({"revision": version, "physical": True}).encode()
    urllib.request.urlopen("http://127.0.0.1:2379/v3/kv/compaction", body, 10).close()


@SUITE.case("killed and started again, the control plane changes nothing at its proxies")
def control_plane_killed(scenario: Scenario) -> None:
    stage, host = scenario.stage(), scenario.host
    scenario.deploy_echo()
    scenario.apply(virtual_service("all", host, to_service("echo", scenario.namespace)))
    stage.await_answer(host, body="echo-")
    stage.await_state("virtualservice", "all", scenario.namespace, "Accepted")
    version = scenario.get("virtualservice", "all")["metadata"]["resourceVersion"]
    stage.await_quiet()
    before = stage.proxy.updates(tables=True)
    with under_load(_HTTP, host) as load:
        stage.control_plane.restart()
        stage.control_plane.wait_ready()
        stage.wait(
            lambda: stage.proxy.stat("control_plane.connected_state") == 1, "Envoy is connected"
        )
        scenario.apply(virtual_service("next", f"next.{host}", says("next")))
        stage.await_answer(f"next.{host}", body="next", seconds=_RECOVERY_SECONDS)
    scenario.note(load.expect_no_failure())
    after = stage.proxy.updates(tables=True)
    assert after == {**before, "rds": before["rds"] + 1}, (before, after)  # that of the next route
    again = scenario.get("virtualservice", "all")["metadata"]["resourceVersion"]
    assert version == again, "the status was written again"


@SUITE.case("an Envoy that starts before its control plane is not ready, and does not answer 404")
def proxy_first(scenario: Scenario) -> None:
    stage, host = scenario.stage(), scenario.host
    scenario.apply(virtual_service("all", host, says("hello")))
    stage.await_answer(host, body="hello")
    stage.control_plane.kill()
    stage.proxy.stop()
    stage.restart_proxy()
    stage.wait(lambda: client.get(stage.proxy.admin_port, "/ready").status == 503, "not ready")
    answer = stage.ask(host)
    assert answer.status == 0, f"the port is open without any configuration: {answer}"
    stage.control_plane.restart()
    stage.proxy.wait_ready()
    stage.await_answer(host, body="hello")


def _kill_pod(scenario: Scenario) -> str:
    """One of the pods loses its network and all its processes; the kubelet makes it anew, with another address.

    Returns its name.
    """
    victim = pathlib.Path("/proc", str(scenario.pids(lambda process: b"echo" in (process / "cmdline").read_bytes())[0]))
    network = os.readlink(victim / "ns/net")
    variables = (victim / "environ").read_bytes().split(b"\0")
    name = next(one.removeprefix(b"HOSTNAME=") for one in variables if one.startswith(b"HOSTNAME="))
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(process / "ns/net") == network:
                os.kill(int(process.name), signal.SIGKILL)
    return name.decode()


def _names(scenario: Scenario) -> set[str]:
    """Who answers, of some requests."""
    answers = [scenario.stage().ask(scenario.host) for _ in range(10)]
    return {json.loads(one.body)["upstream"] for one in answers if one.status == 200}


@SUITE.case("etcd and the API server are away: everything serves on, a pod dies; later edits come to life")
def servers_away(scenario: Scenario) -> None:
    stage, own, host, cluster = scenario.stage(), scenario.namespace, scenario.host, scenario.cluster
    scenario.deploy_echo(replicas=2, env=[{"name": "POD_NAMESPACE", "value": own}])
    upstream = objects.kube_upstream("echo", "echo", own)
    # Nobody can tell Envoy that a pod is gone, so it has to find out by itself.
    outliers = {"consecutive5xx": 2, "interval": "1s"}
    upstream["spec"] |= {"connectionConfig": {"connectTimeout": "1s"}, "outlierDetection": outliers}
    retries = {"retryOn": "connect-failure,reset", "numRetries": 5}
    route = objects.to_upstream("echo", own, options={"retries": retries})
    scenario.apply(upstream, virtual_service("all", host, route))
    stage.await_answer(host, body="echo-")
    stage.wait(lambda: len(_names(scenario)) == 2, "both pods answer")
    before = stage.proxy.updates()
    with under_load(_HTTP, host) as load:
        mark = stage.control_plane.process.mark()
        cluster.stop_servers()
        try:
            stage.control_plane.process.wait_line(
                lambda line: "warn" in line or "error" in line, "it says that it is alone", mark
            )
            dead = _kill_pod(scenario)
            stage.wait(lambda: dead not in _names(scenario), "the pod that died answers no more")
            time.sleep(_OUTAGE_SECONDS)
            assert stage.control_plane.process.running()
            assert dead not in _names(scenario), "somebody told Envoy of its new address"
        finally:
            cluster.start_servers()
        scenario.apply(virtual_service("next", f"next.{host}", says("next")))
        stage.await_answer(f"next.{host}", body="next", seconds=_RECOVERY_SECONDS)
        stage.wait(lambda: len(_names(scenario)) == 2, "the pod answers at its new address", 60)
    scenario.note(load.expect_no_failure())
    after = stage.proxy.updates()
    assert after == before, (before, after)


@SUITE.case("started while the API server is away, it serves what was last; then what is new")
def start_without_servers(scenario: Scenario) -> None:
    stage, host, cluster = scenario.stage(), scenario.host, scenario.cluster
    scenario.apply(virtual_service("all", host, says("kept on disk")))
    stage.await_answer(host, body="kept on disk")
    stage.await_kept("kept on disk")
    stage.control_plane.kill()
    earlier = time.time() - 3 * 3600
    for path in stage.state.rglob("*"):
        os.utime(path, (earlier, earlier))
    cluster.stop_servers()
    try:
        stage.control_plane.restart()
        stage.control_plane.wait_ready()
        expect_line(stage.control_plane.process, "are served as they were known at", "3 h ago")
        age = stage.control_plane.metric("k8sgateway_world_age_seconds")
        assert 3 * 3600 <= age < 4 * 3600, age
        stage.proxy.stop()  # a new Envoy knows nothing but what it is given now
        stage.restart_proxy()
        stage.await_answer(host, body="kept on disk")
    finally:
        cluster.start_servers()
    scenario.apply(virtual_service("all", host, says("after")))
    stage.await_answer(host, body="after", seconds=_RECOVERY_SECONDS)
    stage.wait(lambda: stage.control_plane.metric("k8sgateway_world_age_seconds") == 0, "the world is of now")


@SUITE.case("a history that is compacted away while it does not look loses nothing")
def compacted(scenario: Scenario) -> None:
    stage, host, cluster = scenario.stage(), scenario.host, scenario.cluster
    for name in ("stays", "goes"):
        scenario.apply(virtual_service(name, f"{name}.{host}", says(name)))
        stage.await_answer(f"{name}.{host}", body=name, seconds=_RECOVERY_SECONDS)
    with under_load(_HTTP, f"stays.{host}") as load:
        stage.control_plane.process.signal(signal.SIGSTOP)
        try:
            scenario.kubectl("delete", "virtualservice", "goes")
            scenario.apply(virtual_service("comes", f"comes.{host}", says("comes")))
            cluster.restart_api_server()  # its own memory of the history goes with it
            _compact(cluster)
        finally:
            stage.control_plane.process.signal(signal.SIGCONT)
        stage.await_answer(f"comes.{host}", body="comes", seconds=_RECOVERY_SECONDS)
        stage.await_answer(f"goes.{host}", status=404)
    scenario.note(load.expect_no_failure())


@contextlib.contextmanager
def _forbidden(scenario: Scenario, plural: str, live: bool = False) -> Iterator[None]:
    """Without the right to read this kind, serves an edit of another one; in the end gives the right back.

    Either it starts again without it; or, live, it runs on, and its watches are cut: they are asked for their right when
    they begin.
    """
    stage, host, cluster = scenario.stage(), scenario.host, scenario.cluster
    without = lambda rule: [one for one in rule["resources"] if one != plural]
    fewer = [{**rule, "resources": without(rule)} for rule in RULES if without(rule)]
    mark = stage.control_plane.process.mark() if live else 0
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(role(fewer)))
    try:
        if live:
            cluster.restart_api_server()
        else:
            stage.control_plane.restart()
            stage.control_plane.wait_ready(_RECOVERY_SECONDS)
        process = stage.control_plane.process
        refused = lambda line: "cannot be followed" in line and "forbidden" in line
        said = process.wait_line(refused, f"{plural} cannot be followed", mark, _RECOVERY_SECONDS)
        for words in ("warn", f"{plural} cannot be followed", "grant list and watch for them"):
            assert words in said, said
        scenario.apply(virtual_service("other", f"other.{host}", says(f"no {plural}")))
        stage.await_answer(f"other.{host}", body=f"no {plural}", seconds=_RECOVERY_SECONDS)
        stage.await_state("virtualservice", "other", scenario.namespace, "Accepted", seconds=_RECOVERY_SECONDS)
        yield
        others = [line for line in process.lines()[mark:] if refused(line) and f"{plural} cannot" not in line]
        assert not others, others
        assert process is stage.control_plane.process and process.running()
    finally:
        cluster.apply(role(RULES))
    followed = lambda line: f"{plural} are followed now" in line
    process.wait_line(followed, f"{plural} are followed again", mark, _RECOVERY_SECONDS)


@SUITE.case("all rights are taken while it runs, and it starts again: it serves what it knew, and says of when that is")
def all_forbidden(scenario: Scenario) -> None:
    stage, host, cluster = scenario.stage(), scenario.host, scenario.cluster
    age = lambda: stage.control_plane.metric("k8sgateway_world_age_seconds")
    scenario.apply(virtual_service("all", host, says("known")))
    stage.await_answer(host, body="known")
    stage.await_kept("known")
    mark = stage.control_plane.process.mark()
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(role([])))
    try:
        cluster.restart_api_server()
        refused = lambda line: "virtualservices cannot be followed" in line and "forbidden" in line
        stage.control_plane.process.wait_line(refused, "they are forbidden", mark, _RECOVERY_SECONDS)
        since = age()
        stage.wait(lambda: age() >= since + 3, "the world grows old", 30)
        assert stage.control_plane.metric('k8sgateway_absent_kinds{kind="virtualservices",reason="forbidden"}') == 1
        stage.control_plane.kill()
        earlier = time.time() - 3 * 3600
        for path in stage.state.rglob("*"):
            os.utime(path, (earlier, earlier))
        stage.control_plane.restart()
        stage.control_plane.wait_ready(_RECOVERY_SECONDS)
        assert 3 * 3600 <= age() < 4 * 3600, age()
        # Settings first, then the others: each is asked for quickly for a while.
        of_when = lambda line: "they are as they were known at" in line and "3 h ago" in line
        stage.control_plane.process.wait_line(of_when, "of when that is", 0, _RECOVERY_SECONDS)
        assert 3 * 3600 <= age() < 4 * 3600, age()
        stage.await_answer(host, body="known")
    finally:
        cluster.apply(role(RULES))
    scenario.apply(virtual_service("all", host, says("after")))
    stage.await_answer(host, body="after", seconds=_RECOVERY_SECONDS)
    stage.wait(lambda: age() == 0, "the world is of now", _RECOVERY_SECONDS)


@SUITE.case("the right to read Secrets is taken: certificates that are known serve, other edits go on; given back, new ones")
def secrets_forbidden(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        pairs = []
        for age in ("old", "new"):
            self_signed(folder, f"{age}.{host}")
            pairs.append([(folder / f"{age}.{host}.{ext}").read_text() for ext in ("crt", "key")])
    tls = {"secretRef": objects.meta("certificate", own), "sniDomains": [host]}
    scenario.apply(
        objects.tls_secret("certificate", *pairs[0]), virtual_service("all", host, says("secure"), sslConfig=tls)
    )

    def shown() -> str:
        target = client.Target(objects.HTTPS_PORT, tls=True, sni=host)
        request = client.compose("GET", "/", "HTTP/1.1", [("host", host)], b"")
        answer = client.exchange(target, request, retry_seconds=0, want_certificate=True)
        return answer.certificate if answer.status == 200 else str(answer)

    stage.wait(lambda: shown() == f"CN=old.{host}", "the first certificate")
    stage.await_kept(scenario.get("secret", "certificate")["data"]["tls.crt"][:100])
    with _forbidden(scenario, "secrets"):
        stage.proxy.stop()  # a new Envoy knows nothing but what it is given now
        stage.restart_proxy()
        stage.wait(lambda: shown() == f"CN=old.{host}", "a new Envoy has the certificate that was known")
        scenario.apply(objects.tls_secret("certificate", *pairs[1]))
        stage.stays(lambda: shown() == f"CN=old.{host}", "nobody hears of the new certificate", 1)
    stage.wait(lambda: shown() == f"CN=new.{host}", "the new certificate", _RECOVERY_SECONDS)


@SUITE.case("the right to read ConfigMaps is taken while it runs: descriptors serve, other edits go on; given back, new ones")
def config_maps_forbidden(scenario: Scenario) -> None:
    stage = scenario.stage()
    shop = config_maps.Shop(scenario)
    scenario.apply(config_maps.descriptors_at("/items/{name}"))
    stage.wait(lambda: shop.finds("/items/apple"), "the service answers")
    stage.await_kept("shop.pb")
    with _forbidden(scenario, "configmaps", live=True):
        assert shop.finds("/items/apple"), "Envoy lost what it had"
        scenario.apply(config_maps.descriptors_at("/goods/{name}"))
        stage.stays(lambda: shop.finds("/items/apple"), "nobody hears of the new descriptors", 1)
    stage.wait(lambda: shop.finds("/goods/apple"), "the changed service answers", _RECOVERY_SECONDS)


@SUITE.case("a token that is refused is read again, and the new one is used")
def token_replaced(scenario: Scenario) -> None:
    stage, host, cluster = scenario.stage(), scenario.host, scenario.cluster
    scenario.apply(virtual_service("all", host, says("one")))
    stage.await_answer(host, body="one")
    old = stage.account.token.read_text().strip()
    with under_load(_HTTP, host) as load:
        try:
            # With the account its tokens end; the new one has the same name and rights.
            cluster.kubectl("-n", SYSTEM, "delete", "serviceaccount", ACCOUNT)
            cluster.kubectl("-n", SYSTEM, "create", "serviceaccount", ACCOUNT)
            cluster.restart_api_server()  # who watches must come again
            bare = ("--kubeconfig=/dev/null", f"--token={old}", "--server=https://172.30.0.1:6443")
            skip = "--insecure-skip-tls-verify"
            refused = lambda: "Unauthorized" in cluster.attempt(*bare, skip, "get", "pods")[1]
            stage.wait(refused, "the old token is refused")
            scenario.apply(virtual_service("next", f"next.{host}", says("two")))
            stage.stays(lambda: stage.ask(f"next.{host}").status == 404, "nothing new is heard", 1)
        finally:
            stage.account.renew()
        stage.await_answer(f"next.{host}", body="two", seconds=_RECOVERY_SECONDS)
        stage.await_state("virtualservice", "next", scenario.namespace, "Accepted")
    load.expect_no_failure()


@SUITE.case("the API server's certificate expires: the log says so; renewed, later edits come to life")
def certificate_expires(scenario: Scenario) -> None:
    stage, host, cluster = scenario.stage(), scenario.host, scenario.cluster
    scenario.apply(virtual_service("all", host, says("one")))
    stage.await_answer(host, body="one")
    pki = cluster.folder / "pki"
    certificate = pki / "apiserver.crt"
    good = certificate.read_bytes()
    with under_load(_HTTP, host) as load:
        mark = stage.control_plane.process.mark()
        try:
            names = stage.folder / "names"
            names.write_text("subjectAltName=IP:172.30.0.1,IP:127.0.0.1")
            key = str(pki / "apiserver.key")
            request = run(["openssl", "req", "-new", "-key", key, "-subj", "/CN=kube-apiserver"])
            authority = ["-CA", str(pki / "ca.crt"), "-CAkey", str(pki / "ca.key"), "-CAcreateserial"]
            form = ["-days", "0", "-extfile", str(names), "-out", str(certificate)]
            run(["openssl", "x509", "-req", *authority, *form], stdin=request)
            cluster.stop("kube-apiserver")
            cluster.start("kube-apiserver")
            expired = lambda line: "expired" in line
            stage.control_plane.process.wait_line(expired, "it says why", mark, _RECOVERY_SECONDS)
        finally:
            certificate.write_bytes(good)
            cluster.restart_api_server()
        scenario.apply(virtual_service("all", host, says("two")))
        stage.await_answer(host, body="two", seconds=_RECOVERY_SECONDS)
    scenario.note(load.expect_no_failure())


_KIND = "routeoptions.gateway.solo.io"


def _install(scenario: Scenario, definition: str) -> None:
    """Definitions as `kubectl get` showed them, again."""
    fresh = json.loads(definition)
    fresh["metadata"] = {"name": fresh["metadata"]["name"]}
    fresh.pop("status")
    cluster = scenario.cluster
    cluster.apply(fresh)
    scenario.stage().wait(lambda: cluster.attempt("get", "routeoptions", "-A")[0], "the kind is served", 30)


def _await_followed(process: Process, mark: int) -> None:
    followed = lambda line: "routeoptions are followed now" in line
    process.wait_line(followed, "it says that the kind is followed", mark, _RECOVERY_SECONDS)


def _marking(scenario: Scenario) -> tuple[Object, Object]:
    """A RouteOption that adds a header, and a VirtualService that names it."""
    marked = {"responseHeadersToAdd": [{"header": {"key": "x-marked", "value": "yes"}}]}
    option = {
        "apiVersion": "gateway.solo.io/v1",
        "kind": "RouteOption",
        "metadata": {"name": "marked"},
        "spec": {"options": {"headerManipulation": marked}},
    }
    reference = {"delegateOptions": [objects.meta("marked", scenario.namespace)]}
    return option, virtual_service("all", scenario.host, {**says("all"), "optionsConfigRefs": reference})


@SUITE.case("a kind without its definition costs that kind alone, and comes to life with it")
def definition_later(scenario: Scenario) -> None:
    stage, host, cluster = scenario.stage(), scenario.host, scenario.cluster
    option, service = _marking(scenario)
    definition = cluster.kubectl("get", "crd", _KIND, "-o", "json")
    cluster.kubectl("delete", "crd", _KIND)
    try:
        stage.control_plane.restart()
        stage.control_plane.wait_ready(_RECOVERY_SECONDS)
        process = stage.control_plane.process
        expect_line(process, "warn", "routeoptions cannot be followed", "crds")
        scenario.apply(virtual_service("other", f"other.{host}", says("others serve")), service)
        stage.await_answer(f"other.{host}", body="others serve")
    finally:
        _install(scenario, definition)
    _await_followed(process, 0)
    scenario.apply(option)
    stage.wait(lambda: stage.ask(host).values("x-marked"), "the option is in force", _RECOVERY_SECONDS)


@SUITE.case("a definition goes while everything runs: its kind alone goes, with a warning, and comes to life again with it")
def definition_removed(scenario: Scenario) -> None:
    stage, own, host, cluster = scenario.stage(), scenario.namespace, scenario.host, scenario.cluster
    option, service = _marking(scenario)
    scenario.apply(option, service)
    stage.wait(lambda: stage.ask(host).values("x-marked"), "the option is in force")
    process = stage.control_plane.process
    definition = cluster.kubectl("get", "crd", _KIND, "-o", "json")
    mark = process.mark()
    with under_load(_HTTP, host) as load:
        try:
            cluster.kubectl("delete", "crd", _KIND)
            gone = lambda line: "warn" in line and "routeoptions cannot be followed" in line and "crds" in line
            process.wait_line(gone, "it says what is missing and how to mend it", mark, _RECOVERY_SECONDS)
            # With the definition went the object, of which the watch told.
            stage.await_state("virtualservice", "all", own, "Warning", "RouteOption", "marked")
            assert not stage.ask(host).values("x-marked"), "the option outlives its kind"
            scenario.apply(virtual_service("other", f"other.{host}", says("others serve")))
            stage.await_answer(f"other.{host}", body="others serve")
            stage.await_state("virtualservice", "other", own, "Accepted")
        finally:
            _install(scenario, definition)
        _await_followed(process, mark)
        scenario.apply(option)
        stage.wait(lambda: stage.ask(host).values("x-marked"), "the option is in force again", _RECOVERY_SECONDS)
        stage.await_state("virtualservice", "all", own, "Accepted")
    scenario.note(load.expect_no_failure())
