"""A node that has little left: its pods share less memory, and one of them eats it, or the processors."""

import contextlib
import json
import socket
from typing import Any, Iterator

import yaml

from harness.waiting import wait_until

from . import images
from .cluster import Cluster, Object
from .scenario import RESTRICTED, Scenario, is_open

_NODE = "node1"
_SECONDS = 120
_MIB = 1 << 20
# Below this the kubelet evicts (config/kubelet.yaml); an eater leaves half of it, so that nothing is out of memory.
_EVICTION_MIB = 100
_EATER_PORT = 8080
# Who connects says how many MiB; whoever says nothing only looked.
_EATS = f"""\
import socket, time
server, words = socket.create_server(("", {_EATER_PORT})), b""
while not words:
    words = server.accept()[0].recv(16)
taken = b"x" * (int(words) << 20)
time.sleep(3600)
"""


@contextlib.contextmanager
def pods_bounded(cluster: Cluster, mib: int) -> Iterator[None]:
    """All pods together may have so much memory, which their cgroup holds: the machine itself is in no danger. The
    kubelet is begun anew for that, before and after."""
    path = cluster.folder / "config/kubelet.yaml"
    before = path.read_text()
    total = _kib(_status(cluster)["capacity"]["memory"]) // 1024
    bounded = yaml.safe_load(before)
    bounded["kubeReserved"] = {"memory": f"{total - mib}Mi"}
    # A pod may be placed here again as soon as there is room; by default five minutes later.
    bounded["evictionPressureTransitionPeriod"] = "5s"
    try:
        _restart(cluster, yaml.safe_dump(bounded), mib)
        yield
    finally:
        _restart(cluster, before, total)


def _restart(cluster: Cluster, config: str, mib: int) -> None:
    cluster.stop("kubelet")
    (cluster.folder / "config/kubelet.yaml").write_text(config)
    cluster.start("kubelet")

    def bounded() -> bool:
        return abs(_kib(_status(cluster)["allocatable"]["memory"]) // 1024 + _EVICTION_MIB - mib) <= 1

    wait_until(bounded, f"pods may have {mib} MiB", _SECONDS)


def _status(cluster: Cluster) -> Any:
    return cluster.get("node", _NODE)["status"]


def _kib(quantity: str) -> int:
    return int(quantity.removesuffix("Ki"))


def is_short_of_memory(cluster: Cluster) -> bool:
    """What the node itself says of it."""
    conditions = _status(cluster)["conditions"]
    return next(one["status"] for one in conditions if one["type"] == "MemoryPressure") == "True"


def _summary(cluster: Cluster) -> Any:
    """What the kubelet has measured of its pods, some seconds ago."""
    return json.loads(cluster.kubectl("get", "--raw", f"/api/v1/nodes/{_NODE}/proxy/stats/summary"))


def _available_mib(summary: Any) -> int:
    """What it believes that they can still have."""
    pods = next(one for one in summary["node"]["systemContainers"] if one["name"] == "pods")
    return int(pods["memory"]["availableBytes"]) // _MIB


def eat_memory(scenario: Scenario) -> None:
    """A pod that takes what is left, until the kubelet evicts it, before any other.

    The kubelet evicts those first that have more than they asked for, of these the least important, of these the
    greatest. This one asks for nothing and is the least important. It eats when it was measured once: before, it has no
    more than it asked for. So the order does not depend on when the kubelet measures whom again.
    """
    cluster, name = scenario.cluster, f"least-{scenario.namespace}"
    cluster.apply(_least_important(name))
    scenario.cleanup.callback(cluster.attempt, "delete", "priorityclass", name)
    scenario.apply(_pod("eater", _EATS, priorityClassName=name))

    def measured() -> Any:
        summary = _summary(cluster)
        pods = [one for one in summary["pods"] if one["podRef"]["namespace"] == scenario.namespace]
        eater = next((one for one in pods if one["podRef"]["name"] == "eater"), {})
        return summary if eater.get("memory", {}).get("workingSetBytes", 0) > 0 else None

    mib = _available_mib(wait_until(measured, "the kubelet has measured the eater", _SECONDS)) - _EVICTION_MIB // 2
    assert mib > 0, "nothing is left to eat"
    address = scenario.get("pod", "eater")["status"]["podIP"]
    wait_until(lambda: is_open(address, _EATER_PORT), "the eater waits", _SECONDS)
    with socket.create_connection((address, _EATER_PORT), 10) as connection:
        connection.sendall(str(mib).encode())


def await_evicted(scenario: Scenario) -> None:
    """It, and no other."""

    def evicted() -> list[str]:
        pods = scenario.cluster.get("pods", "-A")["items"]
        return [one["metadata"]["name"] for one in pods if one["status"].get("reason") == "Evicted"]

    found = wait_until(evicted, "the kubelet evicts the pod that eats memory", _SECONDS)
    assert found == ["eater"], f"the kubelet evicts {found}"


def _least_important(name: str) -> Object:
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": name},
        "value": -1,
        "preemptionPolicy": "Never",
    }


def keep_busy(scenario: Scenario, processes: int) -> None:
    """A pod of processes that never rest, with the claim to processors that one proxy has."""
    scenario.apply(_pod("busy", f"import os\nfor _ in range({processes - 1}): os.fork() or exec('while True: pass')\nwhile True: pass"))
    running = lambda: scenario.get("pod", "busy")["status"]["phase"] == "Running"
    wait_until(running, "the busy pod runs", _SECONDS)


def rest(scenario: Scenario) -> None:
    """Ends both."""
    scenario.kubectl("delete", "pod", "busy", "eater", "--ignore-not-found", "--grace-period=1")


def _pod(name: str, program: str, **more: Any) -> Object:
    container = {
        "name": name,
        "image": images.ECHO,
        "command": ["/usr/bin/python3", "-E", "-S", "-c", program],
        "resources": {"requests": {"cpu": "20m"}},
    }
    spec = {"restartPolicy": "Never", "securityContext": RESTRICTED, "containers": [container], **more}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
