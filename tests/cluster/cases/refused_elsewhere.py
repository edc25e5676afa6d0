"""What Envoys refuse that are connected to a replica which does not lead: the leader hears of it, and says it."""

import contextlib
from typing import Any, Iterator

from cases.replicas import second
from harness.scenario import Suite
from support.cluster import Object
from support.control_plane import SYSTEM, Proxy
from support.objects import meta, says, virtual_service
from support.scenario import Scenario

SUITE = Suite()
_PROXY = "*v1.Proxy.gateway-proxy_gloo-system"
_REJECTED = (2, "Rejected")
# A Lease of a leader that died is taken after 15 s.
_TAKEOVER_SECONDS = 40
_CONFIG_MAP = "gloo-refusals"
# One Envoy takes short regexes only, which nobody else can know.
_STRICT = {"re2.max_program_size.error_level": 20}
_LONG_REGEX = {**says("never"), "matchers": [{"regex": "/[a-z]{1,15}"}]}


class _Refused:
    """Two replicas, of which the first leads, with a ConfigMap as the chart makes it; and a VirtualService."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario, self.stage = scenario, scenario.stage()
        self._put("first")
        self.stage.await_answer(scenario.host, body="first")

    def _put(self, body: str, *more: Object) -> None:
        self.scenario.apply(virtual_service("all", self.scenario.host, *more, says(body)))

    @contextlib.contextmanager
    def envoy(self, address: str) -> Iterator[Proxy]:
        """A strict one that has the first version."""
        strict = self.stage.other_proxy(address, runtime=_STRICT)
        try:
            strict.wait_ready()
            self.stage.wait(lambda: self.scenario.host in strict.routes(), "it has the table")
            yield strict
        finally:
            strict.stop()

    def spoil(self) -> Object:
        """Waits for what is said of the spoiled one, and gives that."""
        self._put("spoiled", _LONG_REGEX)
        words = ("Envoy refused", "program size")
        return self.stage.await_state("virtualservice", "all", self.scenario.namespace, "Rejected", *words)

    def mend(self, body: str) -> None:
        self._put(body)
        status = self.stage.await_state("virtualservice", "all", self.scenario.namespace, "Accepted")
        assert not status.get("reason") and not status["subresourceStatuses"][_PROXY].get("reason"), status

    def version(self) -> str:
        return str(self.scenario.get("virtualservice", "all")["metadata"]["resourceVersion"])

    def said(self) -> dict[str, str]:
        """What is in the ConfigMap, by replica."""
        data: dict[str, str] = self.scenario.cluster.get("-n", SYSTEM, "configmap", _CONFIG_MAP).get("data") or {}
        return data

    def leads(self, name: str) -> bool:
        lease = self.scenario.cluster.get("-n", SYSTEM, "lease", "gloo")
        return name in lease["spec"].get("holderIdentity", "")

    def await_leader(self, name: str) -> None:
        self.stage.wait(lambda: self.leads(name), f"{name} leads", _TAKEOVER_SECONDS)


@contextlib.contextmanager
def _two_replicas(scenario: Scenario) -> Iterator[tuple[_Refused, str]]:
    """The address is that of the second."""
    cluster = scenario.cluster
    stage = scenario.stage()  # which brings the namespace
    namespaces = lambda: cluster.get("namespaces")["items"]
    # All share one table: what is refused of it counts until another case's VirtualService goes.
    stage.wait(
        lambda: all(one["status"]["phase"] == "Active" for one in namespaces()), "the cases before have gone", 60
    )
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(_CONFIG_MAP, SYSTEM)})
    scenario.cleanup.callback(cluster.kubectl, "-n", SYSTEM, "delete", "configmap", _CONFIG_MAP)
    refused = _Refused(scenario)
    first: Any = refused.stage.control_plane
    try:
        with second(scenario) as address:
            refused.await_leader(first.name)
            yield refused, address
    finally:
        if not first.process.running():
            first.restart()
            first.wait_ready()
    refused.await_leader(first.name)


@SUITE.case("what an Envoy of a follower refuses stands on the VirtualService, until it is mended; nothing changes when the follower leads")
def of_a_follower(scenario: Scenario) -> None:
    with _two_replicas(scenario) as (refused, address), refused.envoy(address) as strict:
        stage = refused.stage
        before = stage.control_plane.metric("k8sgateway_xds_nacks_total")
        status = refused.spoil()
        of_proxy = status["subresourceStatuses"][_PROXY]
        assert of_proxy["state"] in _REJECTED and "program size" in of_proxy["reason"], status
        assert stage.control_plane.metric("k8sgateway_xds_nacks_total") == before, "an Envoy of the leader refused it"
        assert all("gloo-second" in replica for replica in refused.said()) and refused.said(), refused.said()
        refused.mend("mended")
        stage.wait(lambda: "mended" in strict.routes(), "it takes tables again")
        stage.wait(lambda: not refused.said(), "it is taken back")
        # Again; and then the follower leads, who says it himself.
        assert refused.spoil() == status, "the same is said in other words"
        written = refused.version()
        stage.control_plane.process.stop()
        refused.await_leader("gloo-second")
        stage.wait(lambda: not refused.said(), "who leads says nothing there")
        stage.stays(lambda: refused.version() == written, "what was written is written once", 5)
        refused.mend("again")
        stage.wait(lambda: "again" in strict.routes(), "it takes tables again")


@SUITE.case("what an Envoy of the leader refuses stays as it is when another leads, and goes when it is mended")
def of_a_leader_that_ends(scenario: Scenario) -> None:
    with _two_replicas(scenario) as (refused, _), refused.envoy("127.0.0.1"):
        stage = refused.stage
        refused.spoil()
        assert not refused.said(), "who leads says something there"
        written = refused.version()
        stage.control_plane.process.stop()
        refused.await_leader("gloo-second")
        assert refused.said(), "the first has left nothing"
        stage.stays(lambda: refused.version() == written, "what was written is written once", 5)
        # This Envoy is connected to nobody now. What was said for it is not waited for.
        refused.mend("mended")
