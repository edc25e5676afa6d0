"""Two control planes: a process and a pod. Any of them serves, the leader alone writes."""

import contextlib
import json
from typing import Iterator

from harness.scenario import Suite
from support import images
from support.control_plane import ACCOUNT, SYSTEM, Proxy
from support.objects import meta, says, virtual_service
from support.scenario import RESTRICTED, Scenario

SUITE = Suite()
# A Lease of a leader that died is taken after 15 s.
_TAKEOVER_SECONDS = 40
_LABELS = {"app": "gloo-second"}


@contextlib.contextmanager
def second(scenario: Scenario, seconds: int = 30) -> Iterator[str]:
    """A pod of the control plane, with what the chart gives it; its address."""
    cluster = scenario.cluster
    field = lambda path: {"valueFrom": {"fieldRef": {"fieldPath": path}}}
    container = {
        "name": "gloo",
        "image": images.GATEWAY,
        "args": ["gloo", "--state-dir", "/state"],
        "volumeMounts": [{"name": "state", "mountPath": "/state"}],
        "env": [
            {"name": "POD_NAME", **field("metadata.name")},
            {"name": "POD_NAMESPACE", **field("metadata.namespace")},
        ],
        "readinessProbe": {"tcpSocket": {"port": 9977}, "periodSeconds": 1},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    state = {"name": "state", "emptyDir": {"medium": "Memory"}}
    pod = {
        "serviceAccountName": ACCOUNT,
        "securityContext": {**RESTRICTED, "fsGroup": RESTRICTED["runAsUser"]},
        "containers": [container],
        "volumes": [state],
    }
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": meta("gloo-second", SYSTEM, labels=_LABELS),
            "spec": {**pod, "terminationGracePeriodSeconds": 2},
        }
    )
    try:
        cluster.kubectl("-n", SYSTEM, "wait", "--for=condition=Ready", f"--timeout={seconds}s", "pod/gloo-second")
        yield cluster.get("-n", SYSTEM, "pod", "gloo-second")["status"]["podIP"]
    except AssertionError:
        print(cluster.kubectl("-n", SYSTEM, "logs", "gloo-second", "--tail=20", check=False))
        raise
    finally:
        cluster.kubectl("-n", SYSTEM, "delete", "pod", "gloo-second")  # and waits: the next has its name


@contextlib.contextmanager
def _cut_off(scenario: Scenario, address: str) -> Iterator[None]:
    """Packets of a pod to the API server vanish, as if its node had lost that network."""
    rule = f"add rule inet cut input ip saddr {address} tcp dport 6443 drop"
    chain = "add chain inet cut input { type filter hook input priority -10; }"
    scenario.cluster.inside("nft", f"add table inet cut; {chain}; {rule}")
    try:
        yield
    finally:
        scenario.cluster.inside("nft", "delete table inet cut")


def _has_the_same(follower: Proxy, proxy: Proxy, host: str) -> bool:
    """The proxy may have more: a listener that goes keeps its table while its connections drain."""
    tables = json.loads(follower.routes())
    others = json.loads(proxy.routes())
    return host in follower.routes() and all(table in others for table in tables)


@SUITE.case("a second replica serves the same, writes nothing, and leads when the first is gone")
def takeover(scenario: Scenario) -> None:
    stage, own, host, cluster = scenario.stage(), scenario.namespace, scenario.host, scenario.cluster
    with second(scenario) as address:
        holders = lambda: [
            lease["spec"].get("holderIdentity", "") for lease in cluster.get("-n", SYSTEM, "leases")["items"]
        ]
        stage.wait(lambda: any(stage.control_plane.name in one for one in holders()), "a leader")
        scenario.apply(virtual_service("all", host, says("one")))
        stage.await_answer(host, body="one")
        stage.await_state("virtualservice", "all", own, "Accepted")
        follower = stage.other_proxy(address)
        try:
            follower.wait_ready()
            stage.wait(lambda: _has_the_same(follower, stage.proxy, host), "the same tables")
            written = scenario.get("virtualservice", "all")["metadata"]["resourceVersion"]
            stage.control_plane.kill(leave_lease=True)
            scenario.apply(virtual_service("next", f"next.{host}", says("two")))
            stage.wait(lambda: f"next.{host}" in follower.routes(), "the follower serves an edit")
            stage.await_state("virtualservice", "next", own, "Accepted", seconds=_TAKEOVER_SECONDS)
            assert any("gloo-second" in one for one in holders()), holders()
        finally:
            follower.stop()
            stage.control_plane.restart()
        stage.control_plane.wait_ready()
        stage.await_answer(f"next.{host}", body="two")
        assert any("gloo-second" in one for one in holders()), "a leader that lives was replaced"
        again = scenario.get("virtualservice", "all")["metadata"]["resourceVersion"]
        assert again == written, "a new leader wrote what was there"
    leads = lambda: any(stage.control_plane.name in one for one in holders())
    stage.wait(leads, "the first leads again", _TAKEOVER_SECONDS)


def _transitions(scenario: Scenario) -> int:
    """How often somebody took the Lease from another."""
    return int(scenario.cluster.get("-n", SYSTEM, "lease", "gloo")["spec"].get("leaseTransitions", 0))


@SUITE.case("a leader that is cut off from the API server serves on, and stops writing; another leads, also when it is back")
def leader_cut_off(scenario: Scenario) -> None:
    stage, own, host, cluster = scenario.stage(), scenario.namespace, scenario.host, scenario.cluster
    holder = lambda: cluster.get("-n", SYSTEM, "lease", "gloo")["spec"].get("holderIdentity", "")
    scenario.apply(virtual_service("all", host, says("one")))
    stage.await_answer(host, body="one", seconds=_TAKEOVER_SECONDS)
    versions = lambda: {
        one["metadata"]["name"]: one["metadata"]["resourceVersion"] for one in scenario.get("virtualservice")["items"]
    }
    with second(scenario) as address:
        stage.control_plane.process.stop()  # which gives the Lease back
        stage.wait(lambda: "gloo-second" in holder(), "the second leads", _TAKEOVER_SECONDS)
        stage.control_plane.restart()
        stage.control_plane.wait_ready()
        follower = stage.other_proxy(address)
        try:
            follower.wait_ready()
            with _cut_off(scenario, address):
                leads = lambda: stage.control_plane.name in holder()
                stage.wait(leads, "the first leads", _TAKEOVER_SECONDS)
                scenario.apply(virtual_service("next", f"next.{host}", says("two")))
                stage.await_state("virtualservice", "next", own, "Accepted")
                stage.await_answer(f"next.{host}", body="two")
                tables = follower.routes()
                assert host in tables and f"next.{host}" not in tables, "the cut is none"
                written, transitions = versions(), _transitions(scenario)
            # Whoever thought that it leads still would write now what it could not write before.
            heard = lambda: f"next.{host}" in follower.routes()
            stage.wait(heard, "it follows again", _TAKEOVER_SECONDS)
            scenario.apply(virtual_service("last", f"last.{host}", says("three")))
            stage.wait(lambda: f"last.{host}" in follower.routes(), "it follows an edit")
            stage.await_state("virtualservice", "last", own, "Accepted")
            stage.stays(lambda: {**versions(), **written} == versions(), "what was written is written once", 3)
            assert leads() and _transitions(scenario) == transitions, holder()
        finally:
            follower.stop()
