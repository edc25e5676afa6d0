"""The rights that the chart grants: with all of them nothing is refused, and each is missed when it is not there."""

import copy
import re
from typing import Iterator

import yaml

from harness.process import Process, binary
from harness.scenario import Suite
from harness.waiting import wait_until
from support import images, objects
from support.cluster import Object
from support.control_plane import Account
from support.guarded import AUDIENCE, DEBUG_PORT, LISTENER, NODE, XDS_PORT, call, settings
from support.objects import meta, says
from support.release import CHART, NAME, helm
from support.scenario import RESTRICTED, Scenario

SUITE = Suite()
_SECONDS = 30  # what is refused counts as missing after ten
_FETCH = "/envoy.service.listener.v3.ListenerDiscoveryService/FetchListeners"
_WATCH = {"list", "watch"}
_REFUSED = re.compile("forbidden|cannot be (written|followed)")


def _rendered(scenario: Scenario) -> list[Object]:
    """Accounts, and what they may do."""
    templates = ("--show-only=templates/rbac.yaml", "--show-only=templates/accounts.yaml")
    text = helm(scenario, "template", NAME, str(CHART), *templates)
    return [one for one in yaml.safe_load_all(text) if one]


def _objects(namespace: str) -> list[Object]:
    """One of each kind that gets a status."""
    kind = lambda group, name, kind, **spec: {
        "apiVersion": f"{group}/v1", "kind": kind, "metadata": meta(name), "spec": spec
    }
    gateway = lambda name, kind_, **spec: kind("gateway.solo.io", name, kind_, **spec)
    return [
        objects.gateway("gateway-proxy", 18190, namespace),
        objects.virtual_service("site", f"{namespace}.test", says("hello")),
        objects.route_table("table", says("hello")),
        gateway("http", "MatchableHttpGateway", httpGateway={}),
        gateway("tcp", "MatchableTcpGateway", tcpGateway={}),
        gateway("host-option", "VirtualHostOption", options={}),
        gateway("route-option", "RouteOption", options={}),
        gateway("listener-option", "ListenerOption", options={}),
        gateway("http-option", "HttpListenerOption", options={}),
        objects.static_upstream("upstream", "127.0.0.1"),
        kind("gloo.solo.io", "group", "UpstreamGroup", destinations=[
            {"destination": {"upstream": meta("upstream", namespace)}, "weight": 1}
        ]),
        kind("enterprise.gloo.solo.io", "auth", "AuthConfig", configs=[]),
        {**kind("", "limits", "RateLimitConfig", raw={}), "apiVersion": "ratelimit.solo.io/v1alpha1"},
    ]


class _Cluster:
    """A namespace as the chart makes it, whose roles may lack something for a while."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario, self.namespace = scenario, scenario.namespace
        self.folder = scenario.stage().folder / scenario.namespace
        self.folder.mkdir()
        rendered = _rendered(scenario)
        for one in rendered:
            if one["kind"].startswith("ClusterRole"):
                words = ("delete", one["kind"].lower(), one["metadata"]["name"])
                scenario.cleanup.callback(scenario.cluster.attempt, *words)
        pod = {"serviceAccountName": "gateway-proxy", "securityContext": RESTRICTED,
               "containers": [{"name": "echo", "image": images.ECHO}]}
        scenario.cluster.apply(*rendered)
        scenario.apply(
            {"apiVersion": "v1", "kind": "Pod", "metadata": meta("pod"), "spec": pod},
            {"apiVersion": "v1", "kind": "Service", "metadata": meta("found"), "spec": {"ports": [{"port": 80}]}},
        )
        self.roles = [one for one in rendered if one["kind"] in ("Role", "ClusterRole")]
        self._accounts: dict[str, Account] = {}

    def renew(self) -> None:
        """Objects without a status, and Services without an Upstream: there is something to write."""
        self.scenario.kubectl("delete", "upstreams", "--all")
        fresh = [settings(self.namespace), *_objects(self.namespace)]
        self.scenario.kubectl("delete", "-f", "-", "--ignore-not-found", stdin=yaml.safe_dump_all(fresh))
        self.scenario.apply(*fresh)

    def account(self, name: str) -> Account:
        if name not in self._accounts:
            folder = self.folder / name
            folder.mkdir()
            self._accounts[name] = Account(self.scenario.cluster, folder, name, self.namespace)
        return self._accounts[name]

    def start(self, *args: str, account: str) -> Process:
        """One of our components, as its pod would run it."""
        config = str(self.account(account).kubeconfig)
        place = {"POD_NAME": account, "POD_NAMESPACE": self.namespace, "HOME": str(self.folder)}
        return Process([str(binary(self.scenario.preset)), *args, "--kubeconfig", config], place)

    def gloo(self) -> Process:
        ports = ("--health-bind", "127.0.0.1:0", "--admin-bind", "127.0.0.1:0", "--no-discovery")
        return self.start(
            "gloo", "--namespace", self.namespace, "--xds-auth", "service-account", *ports, account="gloo"
        )

    def discovery(self) -> Process:
        return self.start("discovery", "--namespace", self.namespace, account="discovery")

    def certgen(self) -> Process:
        webhook = f"gloo-gateway-validation-webhook-{self.namespace}"
        where = ("--svc-namespace", self.namespace, "--validating-webhook-configuration-name", webhook)
        return self.start("certgen", *where, "--force-rotation", account="certgen")

    def fetch(self) -> str:
        """What a proxy is told that shows the token of its pod."""
        bound = ("--bound-object-kind=Pod", "--bound-object-name=pod", f"--audience={AUDIENCE}")
        token = self.scenario.kubectl("create", "token", "gateway-proxy", *bound).strip()
        client = str(binary(self.scenario.preset).parent / "tests/xds_client")
        where = [f"127.0.0.1:{XDS_PORT}", _FETCH, f"{self.namespace}~gateway-proxy", LISTENER]
        asked = Process([client, *where, "--header", f"Bearer {token}"])
        asked.wait_exit(_SECONDS)
        return "\n".join(asked.lines())

    def proxies(self) -> str:
        """What an account is told that asks for all Proxies."""
        token = self.scenario.kubectl("create", "token", "gateway-proxy", f"--audience={AUDIENCE}").strip()
        return call("proxies_client", self.scenario, token, f"{NODE}:{DEBUG_PORT}", self.namespace)

    def without(self) -> Iterator[tuple[str, Object, set[str]]]:
        """Each right in turn is not there: where it stands, its rule and the verbs that are gone."""
        for role in self.roles:
            for index, rule in enumerate(role["rules"]):
                every = set(rule["verbs"])
                for verbs in filter(None, (every & _WATCH, every - _WATCH)):
                    self.scenario.cluster.apply(_without(role, index, verbs))
                    yield f"{role['metadata']['name']}: {sorted(verbs)} of {rule['resources']}", rule, verbs
                    self.scenario.cluster.apply(role)


def _without(role: Object, index: int, verbs: set[str]) -> Object:
    fewer = copy.deepcopy(role)
    rules = fewer["rules"]
    rules[index]["verbs"] = [verb for verb in rules[index]["verbs"] if verb not in verbs]
    fewer["rules"] = [rule for rule in rules if rule["verbs"]]
    return fewer


def _is_told(process: Process, pattern: str) -> None:
    try:
        process.wait_line(lambda line: re.search(pattern, line) is not None, pattern, seconds=_SECONDS)
    except TimeoutError as error:
        raise AssertionError("\n".join([str(error), *process.lines()])) from None


def _is_missed(cluster: _Cluster, role: str, rule: Object, verbs: set[str]) -> None:
    """The part that has the rule fails without it, or says what it cannot do, for each of its resources."""
    scenario, resources = cluster.scenario, set(rule["resources"])
    if role.startswith("k8sgateway-certgen") or role.startswith("certgen"):
        assert cluster.certgen().wait_exit(_SECONDS) == 1
        return
    if "create" in verbs and "leases" in resources:
        scenario.kubectl("delete", "lease", *rule.get("leases", ["gloo", "discovery"]), "--ignore-not-found")
    if not verbs & _WATCH:
        cluster.renew()
    of_discovery = "discovery" in role
    process = cluster.discovery() if of_discovery else cluster.gloo()
    try:
        if resources == {"subjectaccessreviews"}:
            process.wait_line(lambda line: line.startswith("ready"), "ready", seconds=_SECONDS)
            wait_until(lambda: cluster.proxies().startswith("failed: 14 "), "nobody can tell", _SECONDS)
        elif resources == {"tokenreviews"} or verbs == {"get"}:
            process.wait_line(lambda line: line.startswith("ready"), "ready", seconds=_SECONDS)
            wait_until(lambda: "failed" in cluster.fetch(), "a proxy gets nothing", _SECONDS)
        elif "leases" in resources:
            _is_told(process, "the Lease .* cannot be written")
        elif of_discovery and "create" in verbs:
            _is_told(process, "discovery: .*upstreams.*forbidden")
        else:
            what = "{}( in .*)? cannot be followed" if verbs & _WATCH else "statuses of {} cannot be written"
            for resource in resources:
                _is_told(process, what.format(resource.removesuffix("/status")))
    finally:
        process.stop()


@SUITE.case("rights: each that the chart grants is missed when it is not there, and more are not needed")
def each(scenario: Scenario) -> None:
    cluster = _Cluster(scenario)
    cluster.renew()
    faults, count = [], 0
    for what, rule, verbs in cluster.without():
        count += 1
        try:
            _is_missed(cluster, what.partition(":")[0], rule, verbs)
        except (AssertionError, TimeoutError) as error:
            faults.append(f"{what}: {error}")
    assert not faults, "\n".join(faults)
    assert count >= 15, count
    cluster.renew()
    for process in (cluster.gloo(), cluster.discovery()):
        wait_until(lambda: scenario.get("virtualservice", "site").get("status"), "a status", _SECONDS)
        process.stop()
        refused = [line for line in process.lines() if _REFUSED.search(line)]
        assert not refused, refused
    scenario.note(f"{count} rights")
