"""1,000 requests a second on three proxies of one release, while parts of it die: who had a live proxy got an answer."""

import contextlib
import json
import os
import pathlib
import re
import signal
from typing import Any

from harness.scenario import Suite
from harness.waiting import wait_until
from support import images, pressure
from support.cluster import Object
from support.http_load import Failing, HttpLoad, Loads
from support.objects import kube_upstream, says, to_upstream, virtual_service
from support.release import Release, merge, values
from support.scenario import OWN_USER, Scenario, ask, await_answer

SUITE = Suite()
_PROXIES = 3
_PORT = 8080
# A second: what a proxy says itself, what pods behind it say, and connections of clients of its Service.
_DIRECT, _ROUTED, _SERVICE = 600, 250, 150
# A proxy that dies fails what is under way, and what leaves before that is seen, for less than half a second; from then
# on a try a second of each load that knows its address, and those that leave beside it.
_DEAD = Failing((_DIRECT + _ROUTED) / _PROXIES / 2, 10)
# The address of a pod that is gone does not refuse, it says nothing: who tries it waits, and so do all of its share, and
# of that of another which is gone.
_GONE = Failing(0, 2 * (_DIRECT + _ROUTED) / _PROXIES)
# One of three new connections to the Service is sent to the dead pod, and each try after it, until kube-proxy knows: the
# kubelet looks once a second, and kube-proxy waits a second at most. So half as many tries fail as there are requests.
_LEARNT_SECONDS = 5
_LEFT_OUT = Failing(_SERVICE / (_PROXIES - 1) * _LEARNT_SECONDS)
_QUIET = 10 * (_DIRECT + _ROUTED + _SERVICE)
_HOST, _ROUTED_HOST = "load.test", "pods.load.test"
_PODS = 2
_MIB = 1536
_SECONDS = 120
# What an Envoy counts when it is told something that it did not have.
_CHURN = re.compile(
    r"^envoy_(?:listener_manager_listener_(?:modified|added|removed)|cluster_manager_cluster_(?:modified|added|removed)"
    r"|\S*config_reload)\b.* (\d+)$"
)
# Of a cluster whose endpoints it is told: how often it was, how often they were those it had, how often they differed.
_ENDPOINTS = re.compile(
    r'^envoy_cluster_(update_success|update_no_rebuild|membership_change)\{envoy_cluster_name="(backend_[^"]*)"\} (\d+)$'
)


class _Fleet:
    """A release with three proxies, pods behind a Service, and routes to them."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        scenario.install_definitions()
        proxy = {"kind": {"deployment": {"replicas": _PROXIES}}, "podDisruptionBudget": {"minAvailable": _PROXIES - 1}}
        self.release = Release(scenario)
        self.release.install(
            merge(
                values(settings={"singleNamespace": True, "ipV4Only": True}, discovery={"enabled": False}),
                {"gatewayProxies": {"gatewayProxy": proxy}},
            )
        )
        scenario.deploy("backend", _backend(), _PODS, securityContext=OWN_USER)
        scenario.apply(
            virtual_service("load", _HOST, says("hello")),
            kube_upstream("backend", "backend", scenario.namespace),
            virtual_service("pods", _ROUTED_HOST, to_upstream("backend", scenario.namespace)),
        )
        for address in self.addresses():
            await_answer(address, _PORT, "hello", _HOST, _SECONDS)
            await_answer(address, _PORT, "from a pod", _ROUTED_HOST, _SECONDS)
        self.service = f"{scenario.get('service', 'gateway-proxy')['spec']['clusterIP']}:80"

    def load(self) -> Loads:
        own, targets = self.scenario, [_target(pod) for pod in self.proxies()]
        return Loads(
            own,
            HttpLoad(own, _HOST, _DIRECT, targets),
            HttpLoad(own, _ROUTED_HOST, _ROUTED, targets),
            HttpLoad(own, _HOST, _SERVICE, [self.service], anew=True),
        )

    def pods(self, label: str) -> list[Any]:
        return list(self.scenario.get("pods", "-l", label)["items"])

    def proxies(self) -> list[Any]:
        """Those that are not on their way out."""
        pods = self.pods("gateway-proxy-id=gateway-proxy")
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def addresses(self) -> list[str]:
        return [pod["status"]["podIP"] for pod in self.proxies()]

    def gloo(self) -> Any:
        (pod,) = self.pods("gloo=gloo")
        return pod

    def told(self) -> list[dict[str, int]]:
        """Of each proxy, how often it was told something new."""
        return [self._told(address) for address in self.addresses()]

    def _told(self, address: str) -> dict[str, int]:
        lines = ask(address, 8081, path="/metrics").body.decode().splitlines()
        counted = {match[0].rpartition(" ")[0]: int(match[1]) for match in map(_CHURN.match, lines) if match}
        endpoints = {match[1]: int(match[3]) for match in map(_ENDPOINTS.match, lines) if match}
        assert counted and len(endpoints) == 3, f"Envoy's metrics have other names: {endpoints}"
        counted["endpoints differ"] = endpoints["membership_change"]
        counted["endpoints rebuilt"] = endpoints["update_success"] - endpoints["update_no_rebuild"]
        return counted

    def kill(self, *pods: Any) -> None:
        """The processes of these pods, with all that they started; the kubelet begins them anew."""
        before = {pod["metadata"]["name"]: _restarts(pod) for pod in pods}
        for name in before:
            _kill(name)

        def back() -> bool:
            now = {pod["metadata"]["name"]: pod for pod in self.pods("gloo") if pod["metadata"]["name"] in before}
            return all(_restarts(pod) > before[name] and _is_ready(pod) for name, pod in now.items())

        wait_until(back, "what was killed is ready again", _SECONDS)

    def evict(self, pod: Any) -> bool:
        """As `kubectl drain` asks for it; false when the PodDisruptionBudget refuses it."""
        name, namespace = pod["metadata"]["name"], self.scenario.namespace
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace},
        }
        place = f"/api/v1/namespaces/{namespace}/pods/{name}/eviction"
        with contextlib.suppress(AssertionError):
            self.scenario.cluster.kubectl("create", "--raw", place, "-f", "-", stdin=json.dumps(body))
            return True
        return False

    def await_whole(self) -> None:
        """All proxies are there again, and those that were evicted are gone."""

        def whole() -> bool:
            pods = self.pods("gateway-proxy-id=gateway-proxy")
            return len(pods) == _PROXIES and all(map(_is_ready, pods))

        wait_until(whole, f"{_PROXIES} proxies are ready", _SECONDS)


def _backend() -> Object:
    """An Envoy that answers by itself: a backend that keeps up with any load, so that only proxies are judged."""
    answer = {"status": 200, "body": {"inline_string": "from a pod"}}
    host = {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "direct_response": answer}]}
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "http",
        "route_config": {"virtual_hosts": [host]},
        "http_filters": [
            {
                "name": "router",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    listener = {
        "name": "http",
        "address": {"socket_address": {"address": "0.0.0.0", "port_value": _PORT}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    config = json.dumps({"static_resources": {"listeners": [listener]}})
    return {
        "image": images.PROXY,
        "command": ["/usr/local/bin/envoy", "--config-yaml", config, "--concurrency", "1", "--disable-hot-restart"],
        "ports": [{"containerPort": _PORT}],
        "readinessProbe": {"tcpSocket": {"port": _PORT}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "20m", "memory": "32Mi"}},
    }


def _target(pod: Any) -> str:
    return f"{pod['status']['podIP']}:{_PORT}"


def _restarts(pod: Any) -> int:
    return sum(one["restartCount"] for one in pod["status"]["containerStatuses"])


def _is_ready(pod: Any) -> bool:
    return all(one["ready"] for one in pod["status"].get("containerStatuses", [{"ready": False}]))


def _kill(pod: str) -> None:
    """All processes that know by the downward API that they are of this pod."""
    mark, found = f"POD_NAME={pod}".encode(), 0
    for entry in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)
                found += 1
    assert found, f"{pod} has no process"


def _changes(before: list[dict[str, int]], after: list[dict[str, int]]) -> list[dict[str, int]]:
    return [
        {name: new[name] - old.get(name, 0) for name in new if new[name] != old.get(name, 0)}
        for old, new in zip(before, after, strict=True)
    ]


def _restart_gloo(fleet: _Fleet, name: str) -> None:
    """Of all that it tells the proxies at its new start, the new virtual host is the only news."""
    before, host = fleet.told(), f"{name}.{_HOST}"
    fleet.kill(fleet.gloo())
    fleet.scenario.apply(virtual_service(name, host, says(name)))
    for address in fleet.addresses():
        await_answer(address, _PORT, name, host, _SECONDS)
    for changed in _changes(before, fleet.told()):
        assert list(changed.values()) == [1] and "config_reload" in next(iter(changed)), changed


@SUITE.case("load: gloo dies, proxies die, both, and the node is busy: every request is answered, and no proxy is told twice")
def everything_dies(scenario: Scenario) -> None:
    scenario.cleanup.enter_context(pressure.pods_bounded(scenario.cluster, _MIB))
    fleet = _Fleet(scenario)
    load = fleet.load()
    load.await_sent(_QUIET)
    load.end_phase("all live")

    _restart_gloo(fleet, "after")
    load.end_phase("gloo is killed")

    for pod in fleet.proxies():
        fleet.kill(pod)
        # Until it is known that a pod is away, connections to the Service are sent there, too.
        load.end_phase("a proxy is killed", may_fail={_target(pod): _DEAD, fleet.service: _LEFT_OUT})

    first, second, _ = fleet.proxies()
    fleet.kill(fleet.gloo(), first)
    load.end_phase("gloo and a proxy are killed", may_fail={_target(first): _DEAD, fleet.service: _LEFT_OUT})

    pressure.keep_busy(scenario, 2 * (os.cpu_count() or 1))
    pressure.eat_memory(scenario)
    pressure.await_evicted(scenario)
    load.end_phase("the node is busy and short of memory: the kubelet evicts who eats it")

    pressure.rest(scenario)
    pressure.keep_busy(scenario, 2 * (os.cpu_count() or 1))
    fleet.kill(fleet.gloo(), second)
    may_fail = {_target(second): _DEAD, fleet.service: _LEFT_OUT}
    load.end_phase("gloo and a proxy are killed on a busy node", may_fail=may_fail)
    pressure.rest(scenario)

    before = fleet.told()
    scenario.kubectl("scale", "deployment/backend", f"--replicas={_PODS + 1}")
    scenario.await_rollout("backend")
    told = lambda: all(one.get("endpoints differ") == 1 for one in _changes(before, fleet.told()))
    wait_until(told, "all proxies know of one more pod", _SECONDS)
    load.end_phase("pods become more")


@SUITE.case("load: a node is drained of proxies: none goes that the budget needs, and no client of the Service notices")
def drained(scenario: Scenario) -> None:
    fleet = _Fleet(scenario)
    load = fleet.load()
    first, second, _ = fleet.proxies()
    assert fleet.evict(first), "the budget lets one of three go"
    assert not fleet.evict(second), "the budget needs the other two"
    fleet.await_whole()
    load.end_phase("a proxy is evicted", may_fail={_target(first): _GONE})
    wait_until(lambda: fleet.evict(second), "the next may go", _SECONDS)
    fleet.await_whole()
    load.end_phase("the next is evicted", may_fail={_target(first): _GONE, _target(second): _GONE})
