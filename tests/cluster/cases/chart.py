"""The chart on a real cluster: what it renders is taken, what it installs serves, and nothing is left of it."""

import concurrent.futures
import contextlib
import json
import pathlib
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator

import yaml

from harness import client
from harness.scenario import Suite
from harness.waiting import wait_until
from support import images, older, release
from support.load import under_load
from support.objects import says, static_upstream, to_service, to_upstream, virtual_service
from support.release import CHART, Release, merge, objects_in, values
from support.scenario import Scenario, ask, await_answer

SUITE = Suite()
_SECONDS = 60
# The first certificate is there when gloo begins; the API server's own view of the Service comes a moment later.
_WEBHOOK_SECONDS = 60
_PROMETHEUS = pathlib.Path(__file__).resolve().parents[1] / "config/prometheus_rules.yaml"
_ELSEWHERE = ("gloo-system", "shop", "blog", "partners")


def _take(scenario: Scenario, path: pathlib.Path) -> list[str]:
    """What the API server says against objects."""
    apply = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", str(path))
    done = subprocess.run(
        [scenario.cluster.kubectl_path, *apply], capture_output=True, text=True, check=False
    )
    # Of what other cases have applied there; kubectl says it of each object that it finds.
    found = "failed to migrate kubectl.kubernetes.io/last-applied-configuration"
    faults = [line for line in done.stderr.splitlines() if line and found not in line]
    return [f"{path.stem}: {line}" for line in faults] or ([f"{path.stem}: refused"] if done.returncode else [])


@SUITE.case("chart: the API server takes every object of every rendering, without a warning")
def renderings(scenario: Scenario) -> None:
    scenario.install_definitions()
    # Of somebody else, with whom the chart works.
    scenario.cluster.kubectl("apply", "-f", str(_PROMETHEUS))
    scenario.cleanup.callback(scenario.cluster.attempt, "delete", "-f", str(_PROMETHEUS))
    scenario.cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(_PROMETHEUS))
    for namespace in _ELSEWHERE:
        if not scenario.cluster.attempt("get", "namespace", namespace)[0]:
            scenario.make_namespace(namespace)
        # Pods need an account that is really there.
        scenario.cluster.attempt("-n", namespace, "create", "serviceaccount", "gateway-proxy")
    paths = release.goldens()
    assert len(paths) >= 20, "tests/chart/golden is missing"
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        faults = [line for lines in pool.map(lambda path: _take(scenario, path), paths) for line in lines]
    assert not faults, "\n".join(faults)
    scenario.note(f"{len(paths)} renderings")


class _Installed:
    """A release that confines itself to the namespace of the case, with a backend."""

    def __init__(self, scenario: Scenario, chart: pathlib.Path = CHART, **more: object) -> None:
        self.scenario = scenario
        self.values = merge(values(settings={"singleNamespace": True, "ipV4Only": True}), dict(more))
        scenario.install_definitions()
        scenario.deploy_echo()
        if "edge" not in self.values["gatewayProxies"]:  # which has a port of the node
            label = "pod-security.kubernetes.io/enforce=restricted"
            scenario.cluster.kubectl("label", "namespace", scenario.namespace, label)
        self.before = objects_in(scenario)
        self.release = Release(scenario)
        self.notes = self.release.install(self.values, chart)

    def address(self, service: str = "gateway-proxy") -> str:
        return self.scenario.balanced(service)

    def await_body(self, host: str, body: str, seconds: float = _SECONDS) -> None:
        await_answer(self.address(), 80, body, host, seconds)

    def refused(self) -> str:
        """What the API server says of a VirtualService with a bad regex, once it refuses it."""
        bad = virtual_service("bad", "bad.test", {**says("never"), "matchers": [{"regex": "("}]})
        text, cluster = json.dumps(bad), self.scenario.cluster

        def said() -> str:
            dry = ("-n", self.scenario.namespace, "apply", "--dry-run=server", "-f", "-")
            taken, words = cluster.attempt(*dry, stdin=text)
            return "" if taken or "denied the request" not in words else words

        return wait_until(said, "a bad VirtualService is refused", _WEBHOOK_SECONDS)

    def left(self) -> set[str]:
        return objects_in(self.scenario) - self.before


def _serves(installed: _Installed) -> None:
    """Through the Service of the proxy: by a Service, by a discovered Upstream, and by the proxy itself."""
    scenario = installed.scenario
    own = scenario.namespace
    scenario.apply(
        virtual_service("direct", "direct.test", says("from the proxy")),
        virtual_service("service", "service.test", to_service("echo", own)),
        virtual_service("discovered", "discovered.test", to_upstream(f"{own}-echo-8080", own)),
    )
    installed.await_body("direct.test", "from the proxy")
    for host in ("service.test", "discovered.test"):
        installed.await_body(host, "echo-")


def _pods_run(scenario: Scenario, version: str, tag: str) -> None:
    """All components are of one version, whose image they have."""
    for one in scenario.get("deployments", "-l", "app.kubernetes.io/part-of=k8sgateway")["items"]:
        name, labels = one["metadata"]["name"], one["metadata"]["labels"]
        assert labels["app.kubernetes.io/version"] == version, (name, labels)
        found = {container["image"] for container in one["spec"]["template"]["spec"]["containers"]}
        assert all(image.endswith(f":{tag}") for image in found), (name, found)


def _asks_envoy(scenario: Scenario) -> None:
    """With fullEnvoyValidation gloo runs in the image that has an Envoy, which is asked: a file that it does not find."""
    (pod,) = scenario.get("pods", "-l", "gloo=gloo")["items"]
    used = next(one["image"] for one in pod["spec"]["containers"] if one["name"] == "gloo")
    assert used == images.PROXY.replace(f":{images.TAG}", f":{older.TAG}"), used
    secure = static_upstream("secure", "127.0.0.1", 443)
    secure["spec"]["sslConfig"] = {"sslFiles": {"rootCa": "/nowhere/authority.pem"}}
    apply = ("-n", scenario.namespace, "apply", "--dry-run=server", "-f", "-")
    taken, words = scenario.cluster.attempt(*apply, stdin=json.dumps(secure))
    assert not taken and "Envoy refuses it" in words and "/nowhere/authority.pem" in words, words


def _is_stored(scenario: Scenario) -> bool:
    """Whether the API server knows the field that the older definition lacks."""
    named = virtual_service("named", "named.test", says("hello"), **{older.FIELD: "Site"})
    meta = {"namespace": scenario.namespace, **named["metadata"]}
    apply = ("apply", "--validate=ignore", "-f", "-")
    scenario.cluster.kubectl(*apply, stdin=json.dumps({**named, "metadata": meta}))
    return older.FIELD in scenario.get("virtualservice", "named")["spec"]


@contextlib.contextmanager
def _admitting(scenario: Scenario) -> Iterator[None]:
    """Objects are applied all the time, dry, and for each somebody answers the API server."""
    ended, asked, unanswered = threading.Event(), 0, []
    # Envoy has no say in these, as it may be slow while everything begins at once.
    skipped = virtual_service("skipped", "skipped.test", says("hello"))
    skipped["metadata"]["annotations"] = {"gateway.solo.io/skip_validation": "true"}
    dry = ("-n", scenario.namespace, "apply", "--dry-run=server", "-f", "-")

    def apply() -> None:
        nonlocal asked
        while not ended.wait(0.2):
            words = scenario.cluster.attempt(*dry, stdin=json.dumps(skipped))[1]
            asked += 1
            if "failed calling webhook" in words:
                unanswered.append(words)

    thread = threading.Thread(target=apply)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    assert not unanswered and asked > 20, f"{len(unanswered)} of {asked}: {unanswered[:1]}"
    scenario.note(f"{asked} objects were applied meanwhile")


def _upgraded(installed: _Installed) -> None:
    """To this version with its definitions, and back, under load."""
    scenario = installed.scenario
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    changed = merge(
        installed.values,
        {
            "global": {"image": {"tag": images.TAG}},
            "gloo": {"logLevel": "debug"},
            "gatewayProxies": {"gatewayProxy": {"healthyPanicThreshold": 40}},
            "accessLogger": {"enabled": True},
        },
    )
    there = lambda: "configmap/gone-since" in scenario.kubectl("get", "configmaps", "-o", "name")
    assert there() and not _is_stored(scenario)
    _pods_run(scenario, older.VERSION, older.TAG)
    target = client.Target(80, address=installed.address())
    with _admitting(scenario), under_load(target, "service.test") as load:
        older.upgrade_definitions(scenario)
        installed.release.upgrade(changed)
        wait_until(lambda: _is_stored(scenario), "the new field is stored", _SECONDS)
        assert not there()
        _pods_run(scenario, version, images.TAG)
        installed.release.rollback(1)
    assert there()
    _pods_run(scenario, older.VERSION, older.TAG)
    scenario.note(f"upgrade and rollback: {load.expect_no_failure(at_least=100)}")
    assert "access-log" not in scenario.kubectl("get", "deployments", "-o", "name")
    installed.await_body("service.test", "echo-")


@SUITE.case("chart: an older version serves, denies and passes helm test; upgrade and rollback lose no request; nothing is left")
def whole_life(scenario: Scenario) -> None:
    for image in (images.GATEWAY, images.PROXY):
        scenario.cluster.tag(image, image.replace(f":{images.TAG}", f":{older.TAG}"))
    folder = scenario.cleanup.enter_context(tempfile.TemporaryDirectory())
    chart = older.chart(pathlib.Path(folder))
    older.install_definitions(scenario, chart)
    asked = {"alwaysAcceptResources": False, "failurePolicy": "Fail", "fullEnvoyValidation": True}
    tag = {"image": {"tag": older.TAG}}
    installed = _Installed(scenario, chart, gateway={"validation": asked}, gloo={"splitLogOutput": True}, **{"global": tag})
    assert "gloo.splitLogOutput: all lines go to stderr" in installed.notes, installed.notes
    assert "helm -n" in installed.notes and "test k8sgateway" in installed.notes, installed.notes
    said = installed.refused()
    assert "regex" in said, said
    _asks_envoy(scenario)
    _serves(installed)
    shown = installed.release.test()
    assert re.search(r"Phase:\s+Succeeded", shown), shown
    _upgraded(installed)
    for name in ("direct", "service", "discovered", "named"):
        scenario.kubectl("delete", "virtualservice", name)
    installed.release.uninstall()
    # As the notes say, what was discovered stays.
    scenario.kubectl("delete", "upstreams", "-l", "discovered_by=kubernetesplugin")
    gone = lambda: not installed.left()
    try:
        wait_until(gone, "all is gone", _SECONDS)
    except TimeoutError:
        raise AssertionError(f"is left: {sorted(installed.left())}") from None


@SUITE.case("chart: pods run unprivileged, and as nobody else than who may do what they do")
def rights(scenario: Scenario) -> None:
    installed = _Installed(scenario, accessLogger={"enabled": True})
    own = scenario.namespace
    scenario.apply(virtual_service("direct", "direct.test", says("hello")))
    installed.await_body("direct.test", "hello")
    may = lambda account, *what: scenario.cluster.attempt(
        "auth", "can-i", *what, f"--as=system:serviceaccount:{own}:{account}"
    )[0]
    for account in ("gloo", "discovery", "gateway-proxy", "certgen"):
        assert not may(account, "create", "secrets", "-n", own), account
        assert not may(account, "delete", "secrets", "-n", own), account
        assert not may(account, "create", "pods", "-n", own), account
        assert not may(account, "patch", "deployments", "-n", own), account
    assert not may("gateway-proxy", "get", "pods", "-n", own)
    assert not may("discovery", "list", "secrets", "-n", own)
    assert may("gloo", "patch", "secrets/gateway-validation-certs", "-n", own)
    # Nothing that gloo or discovery asked for was forbidden.
    for name in ("gloo", "discovery"):
        log = scenario.kubectl("logs", f"deployment/{name}", "-c", name)
        assert "forbidden" not in log.lower(), log
    pods = scenario.get("pods")["items"]
    users = {pod["spec"]["securityContext"].get("runAsUser") for pod in pods}
    assert users <= {10101, 65534}, users


@SUITE.case("chart: several proxies, one of them on ports of the node, in a namespaced installation")
def several(scenario: Scenario) -> None:
    installed = _Installed(
        scenario,
        **{
            "global": {"glooRbac": {"namespaced": True}},
            "gatewayProxies": {
                "edge": {
                    "kind": {"daemonSet": {"hostPort": True}},
                    "podTemplate": {"httpPort": 18888, "httpsPort": 18889},
                    "service": {"type": "ClusterIP"},
                }
            },
        },
    )
    scenario.apply(virtual_service("all", "all.test", says("hello")))
    installed.await_body("all.test", "hello")
    # The network of these tests maps no ports of the node: the pod is asked itself.
    pods = lambda: scenario.get("pods", "-l", "gateway-proxy-id=edge")["items"]
    wait_until(lambda: [one for one in pods() if one["status"].get("podIP")], "a pod on the node", _SECONDS)
    port = pods()[0]["spec"]["containers"][0]["ports"][0]
    assert (port["containerPort"], port["hostPort"]) == (18888, 18888), port
    answered = lambda: ask(pods()[0]["status"]["podIP"], 18888, "all.test").status == 200
    wait_until(answered, "the proxy of the node answers", _SECONDS)
    roles = json.loads(scenario.cluster.kubectl("get", "clusterroles", "-o", "json"))["items"]
    named = {one["metadata"]["name"] for one in roles if one["metadata"]["name"].endswith(f"-{scenario.namespace}")}
    assert named == {f"k8sgateway-{what}-{scenario.namespace}" for what in ("xds-auth", "certgen")}, named


@SUITE.case("chart: ports below 1024, for root in the network of the node, and for nobody in particular in a pod's own")
def low_ports(scenario: Scenario) -> None:
    small = {"requests": {"cpu": "20m", "memory": "32Mi"}}
    edge = {
        "kind": {"daemonSet": {"hostNetwork": True}},
        "podTemplate": {"runUnprivileged": False, "httpPort": 88, "httpsPort": 18843},
        "service": {"type": "ClusterIP"},
    }
    installed = _Installed(
        scenario,
        **{
            # Certificates can be read without a group of the pod, too.
            "global": {"glooMtls": {"enabled": True, "envoySidecarResources": small, "sdsResources": small}},
            "gloo": {"deployment": {"fsGroup": None}},
            "gatewayProxies": {
                "gatewayProxy": {"podTemplate": {"disableNetBind": False, "httpPort": 81, "fsGroup": None}},
                "edge": edge,
            },
        },
    )
    scenario.apply(virtual_service("all", "all.test", says("hello")))
    installed.await_body("all.test", "hello")
    pod = lambda name: scenario.get("pods", "-l", f"gateway-proxy-id={name},gateway-proxy=live")["items"][0]
    inner = pod("gateway-proxy")
    assert ask(inner["status"]["podIP"], 81, "all.test").status == 200
    assert inner["spec"]["securityContext"]["runAsUser"] == 10101 and "fsGroup" not in inner["spec"]["securityContext"]
    node = pod("edge")["status"]
    assert node["podIP"] == node["hostIP"], node
    wait_until(lambda: ask(node["podIP"], 88, "all.test").status == 200, "the proxy of the node answers", _SECONDS)
    installed.release.test()


@SUITE.case("chart: two installations in one cluster do not disturb each other")
def two(scenario: Scenario) -> None:
    installed = _Installed(scenario)
    other = Scenario(scenario.cluster, f"{scenario.namespace[:40]}-other", scenario.preset)
    with other.cleanup:
        other.begin()
        second = _Installed(other)
        scenario.apply(virtual_service("all", "all.test", says("first")))
        other.apply(virtual_service("all", "all.test", says("second")))
        installed.await_body("all.test", "first")
        second.await_body("all.test", "second")
        second.release.uninstall()
    installed.await_body("all.test", "first")
    assert f"gloo-gateway-validation-webhook-{scenario.namespace}" in scenario.cluster.kubectl(
        "get", "validatingwebhookconfigurations", "-o", "name"
    )
