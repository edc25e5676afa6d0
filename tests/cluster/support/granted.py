"""What the chart grants, in a namespace as the chart makes it, where some of it may be away for a while."""

import contextlib
import pathlib
import re
from typing import Iterator

import yaml

from harness.process import Process, binary
from harness.waiting import wait_until

from . import images, objects
from .cluster import Object
from .control_plane import Account
from .guarded import AUDIENCE, DEBUG_PORT, LISTENER, NODE, XDS_PORT, call, settings
from .objects import meta, says
from .release import CHART, NAME, helm
from .scenario import RESTRICTED, Scenario

SECONDS = 30  # what is refused counts as missing after ten
_FETCH = "/envoy.service.listener.v3.ListenerDiscoveryService/FetchListeners"
_STREAM = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
# A component, a resource and a verb: what somebody may.
Right = tuple[str, str, str]


def _kind(group: str, name: str, kind: str, **spec: object) -> Object:
    return {"apiVersion": f"{group}/v1", "kind": kind, "metadata": meta(name), "spec": spec}


def _objects(namespace: str) -> list[Object]:
    """One of each kind that gets a status."""
    group = {"destination": {"upstream": meta("upstream", namespace)}, "weight": 1}
    return [
        objects.gateway("gateway-proxy", 18190, namespace),
        objects.virtual_service("site", f"{namespace}.test", says("hello")),
        objects.route_table("table", says("hello")),
        _kind("gateway.solo.io", "http", "MatchableHttpGateway", httpGateway={}),
        _kind("gateway.solo.io", "tcp", "MatchableTcpGateway", tcpGateway={}),
        _kind("gateway.solo.io", "host-option", "VirtualHostOption", options={}),
        _kind("gateway.solo.io", "route-option", "RouteOption", options={}),
        _kind("gateway.solo.io", "listener-option", "ListenerOption", options={}),
        _kind("gateway.solo.io", "http-option", "HttpListenerOption", options={}),
        objects.static_upstream("upstream", "127.0.0.1"),
        _kind("gloo.solo.io", "group", "UpstreamGroup", destinations=[group]),
        _kind("enterprise.gloo.solo.io", "auth", "AuthConfig", configs=[]),
        {**_kind("", "limits", "RateLimitConfig", raw={}), "apiVersion": "ratelimit.solo.io/v1alpha1"},
    ]


def make_proxy_pod(scenario: Scenario) -> None:
    """For a token that is bound to a pod of a proxy."""
    pod = {"serviceAccountName": "gateway-proxy", "securityContext": RESTRICTED,
           "containers": [{"name": "echo", "image": images.ECHO}]}
    scenario.apply({"apiVersion": "v1", "kind": "Pod", "metadata": meta("pod"), "spec": pod})


class Granted:
    """Accounts and roles of a rendering, without its pods: components run beside the cluster, as those accounts."""

    def __init__(self, scenario: Scenario, *values: str) -> None:
        self.scenario, self.namespace = scenario, scenario.namespace
        self.folder: pathlib.Path = scenario.stage().folder / scenario.namespace
        self.folder.mkdir()
        templates = [f"--show-only=templates/{name}.yaml" for name in ("rbac", "accounts")]
        sets = [word for value in values for word in ("--set", value)]
        text = helm(scenario, "template", NAME, str(CHART), *templates, *sets)
        rendered = [one for one in yaml.safe_load_all(text) if one]
        for one in rendered:
            if one["kind"].startswith("ClusterRole"):
                words = ("delete", one["kind"].lower(), one["metadata"]["name"])
                scenario.cleanup.callback(scenario.cluster.attempt, *words)
        scenario.cluster.apply(*rendered)
        self.roles: list[Object] = [one for one in rendered if one["kind"] in ("Role", "ClusterRole")]
        self._accounts: dict[str, Account] = {}

    def renew(self) -> None:
        """Objects without a status, and a Service without an Upstream: there is something to write."""
        self.scenario.kubectl("delete", "upstreams", "--all")
        service = {"apiVersion": "v1", "kind": "Service", "metadata": meta("found"), "spec": {"ports": [{"port": 80}]}}
        fresh = [settings(self.namespace), *_objects(self.namespace), service]
        self.scenario.kubectl("delete", "-f", "-", "--ignore-not-found", stdin=yaml.safe_dump_all(fresh))
        self.scenario.apply(*fresh)

    def rights(self) -> set[Right]:
        """All that is granted, by the component that it is for."""
        return {
            (_component(role), resource, verb)
            for role in self.roles
            for rule in role["rules"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        }

    @contextlib.contextmanager
    def without(self, gone: set[Right]) -> Iterator[None]:
        """Until the end of the block these rights are away."""
        changed = [(role, _without(role, gone)) for role in self.roles]
        changed = [(role, fewer) for role, fewer in changed if fewer["rules"] != _without(role, set())["rules"]]
        assert changed, f"nobody has {gone}"
        self.scenario.cluster.apply(*(fewer for _, fewer in changed))
        try:
            yield
        finally:
            self.scenario.cluster.apply(*(role for role, _ in changed))

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

    def gloo(self, *more: str) -> Process:
        ports = ("--health-bind", "127.0.0.1:0", "--admin-bind", "127.0.0.1:0", "--no-discovery")
        proofs = ("--xds-auth", "service-account", *more)
        return self.start("gloo", "--namespace", self.namespace, *proofs, *ports, account="gloo")

    def discovery(self) -> Process:
        return self.start("discovery", "--namespace", self.namespace, account="discovery")

    def certgen(self, *more: str) -> Process:
        return self.start("certgen", "--svc-namespace", self.namespace, *more, "--force-rotation", account="certgen")

    def fetch(self, namespace: str = "", proxy: str = "gateway-proxy") -> str:
        """What a proxy is told that shows the token of its pod, which may be in another namespace."""
        asked = self._ask(_FETCH, namespace or self.namespace, proxy)
        asked.wait_exit(SECONDS)
        return "\n".join(asked.lines())

    def refuse(self) -> Process:
        """A proxy that refuses its listeners; the caller stops it."""
        return self._ask(_STREAM, self.namespace, "gateway-proxy", "--refuse", "no")

    def _ask(self, method: str, namespace: str, proxy: str, *more: str) -> Process:
        bound = ("--bound-object-kind=Pod", "--bound-object-name=pod", f"--audience={AUDIENCE}")
        words = ("-n", namespace, "create", "token", "gateway-proxy", *bound)
        token = self.scenario.cluster.kubectl(*words).strip()
        client = str(binary(self.scenario.preset).parent / "tests/xds_client")
        where = [f"127.0.0.1:{XDS_PORT}", method, f"{self.namespace}~{proxy}", LISTENER]
        return Process([client, *where, "--header", f"Bearer {token}", *more])

    def proxies(self) -> str:
        """What an account is told that asks for all Proxies."""
        token = self.scenario.kubectl("create", "token", "gateway-proxy", f"--audience={AUDIENCE}").strip()
        return call("proxies_client", self.scenario, token, f"{NODE}:{DEBUG_PORT}", self.namespace)

    def await_fetch(self, word: str, *of: str) -> None:
        wait_until(lambda: word in self.fetch(*of), f"a proxy is told {word!r}", SECONDS)


def _component(role: Object) -> str:
    return str(role["metadata"]["labels"]["gloo"])


def _without(role: Object, gone: set[Right]) -> Object:
    rules = [
        {**rule, "resources": [resource], "verbs": verbs}
        for rule in role["rules"]
        for resource in rule["resources"]
        if (verbs := [verb for verb in rule["verbs"] if (_component(role), resource, verb) not in gone])
    ]
    return {**role, "rules": rules}


def is_told(process: Process, *patterns: str) -> None:
    """The process says all of it, one line for each."""
    for pattern in patterns:
        try:
            process.wait_line(lambda line, p=pattern: re.search(p, line) is not None, pattern, seconds=SECONDS)
        except TimeoutError as error:
            raise AssertionError("\n".join([str(error), *process.lines()])) from None
