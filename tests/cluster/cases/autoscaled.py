"""Proxies whose number a HorizontalPodAutoscaler chooses.

The cluster has no server of metrics, so the autoscaler itself chooses a number only to keep the bounds of its object.
Between them the case does what it would do: it patches the subresource `scale` of its target.
"""

import json
from typing import Any

import yaml

from harness.scenario import Suite
from harness.waiting import wait_until
from support.cluster import Object
from support.http_load import HttpLoad, Loads
from support.objects import says, virtual_service
from support.release import Release, merge, values
from support.scenario import Scenario, await_answer

SUITE = Suite()
_SECONDS = 120
_HOST = "autoscaled.test"
_NAME = "gateway-proxy"
# A second: requests on connections of their own, and on kept ones.
_NEW, _KEPT = 100, 100


def _values(**proxy: Any) -> Object:
    base = values(settings={"singleNamespace": True, "ipV4Only": True}, discovery={"enabled": False})
    return merge(base, {"gatewayProxies": {"gatewayProxy": proxy}})


def _scaled(least: int, most: int, **proxy: Any) -> Object:
    autoscaler = {"minReplicas": least, "maxReplicas": most, "targetCPUUtilizationPercentage": 70}
    return _values(horizontalPodAutoscaler=autoscaler, **proxy)


class _Fleet:
    """A release that begins with a fixed number of proxies."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        scenario.install_definitions()
        self.release = Release(scenario)
        self.release.install(_values(kind={"deployment": {"replicas": 3}}))
        scenario.apply(virtual_service("site", _HOST, says("hello")))
        self.address = str(scenario.get("service", _NAME)["spec"]["clusterIP"])
        await_answer(self.address, 80, "hello", _HOST, _SECONDS)

    def load(self) -> Loads:
        own, target = self.scenario, [f"{self.address}:80"]
        return Loads(own, HttpLoad(own, _HOST, _NEW, target, anew=True), HttpLoad(own, _HOST, _KEPT, target))

    def replicas(self) -> int:
        return int(self.scenario.get("deployment", _NAME)["spec"]["replicas"])

    def scale(self, replicas: int) -> None:
        """As the autoscaler does."""
        patch = json.dumps({"spec": {"replicas": replicas}})
        self.scenario.kubectl("patch", "deployment", _NAME, "--subresource=scale", "--type=merge", "-p", patch)

    def pods(self) -> set[str]:
        """All that are there, also those on their way out."""
        pods = self.scenario.get("pods", "-l", f"gateway-proxy-id={_NAME}")["items"]
        return {one["metadata"]["name"] for one in pods}

    def await_pods(self, count: int) -> None:
        """So many are wanted, are ready, and are all that there are."""
        there = lambda: self.replicas() == count == len(self.pods())
        wait_until(there, f"{count} proxies", _SECONDS)
        self.scenario.kubectl("rollout", "status", f"deployment/{_NAME}", f"--timeout={_SECONDS}s")

    def conditions(self) -> dict[str, str]:
        """What the autoscaler says of itself."""
        status = self.scenario.get("hpa", f"{_NAME}-hpa").get("status", {})
        return {one["type"]: one["reason"] for one in status.get("conditions", []) if one["status"] == "True"}

    def names_a_number(self) -> bool:
        """Whether the newest release has one."""
        rendered = yaml.safe_load_all(self.release.helm("get", "manifest", "k8sgateway"))
        (spec,) = (
            one["spec"] for one in rendered if one and (one["kind"], one["metadata"]["name"]) == ("Deployment", _NAME)
        )
        return "replicas" in spec


@SUITE.case("autoscaled: upgrades leave the number of proxies to the autoscaler, and no request is lost when some go")
def autoscaled(scenario: Scenario) -> None:
    fleet = _Fleet(scenario)
    load = fleet.load()
    assert fleet.names_a_number()
    fleet.release.upgrade(_scaled(2, 4))
    assert not fleet.names_a_number()
    # A number that is no longer named is one, until the autoscaler has its least.
    fleet.await_pods(2)
    assert "AbleToScale" in fleet.conditions(), fleet.conditions()
    load.end_phase("the autoscaler in the place of a fixed number")

    fleet.scale(3)
    fleet.await_pods(3)
    load.end_phase("scaled out")

    before = fleet.pods()
    fleet.release.upgrade(_scaled(2, 4, healthyPanicThreshold=40))
    assert not fleet.names_a_number()
    fleet.await_pods(3)
    assert not fleet.pods() & before, "the upgrade has rolled out no new bootstrap"
    load.end_phase("an upgrade with another bootstrap")

    fleet.release.upgrade(_scaled(2, 2, healthyPanicThreshold=40))
    fleet.await_pods(2)
    load.end_phase("the autoscaler has one fewer, as its object says")

    fleet.scale(1)
    # Less than its least number, so the autoscaler has that again.
    fleet.await_pods(2)
    load.end_phase("scaled in and out")

    fleet.release.rollback(2)
    fleet.await_pods(2)
    load.end_phase("a rollback")
