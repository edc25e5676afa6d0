"""A node that has little left: its pods share less memory, and one of them eats it, or the processors."""

import contextlib
import json
import pathlib
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
_EATER_PORT, _BITE_MIB = 8080, 128
# Who connects says how many MiB more, and is let go when they are taken; whoever says nothing only looked.
_EATS = f"""\
import socket
server, taken = socket.create_server(("", {_EATER_PORT})), []
while True:
    connection, _ = server.accept()
    taken.append(b"x" * (int(connection.recv(16) or 0) << 20))
    connection.close()
"""
# By the version of the cgroups: where they are, and the files of what may be used and what is; the part of it that may
# be dropped.
_FILES = (
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
)


@contextlib.contextmanager
def pods_bounded(cluster: Cluster, mib: int) -> Iterator[None]:
    """All pods together may have so much memory, which their cgroup holds: the machine itself is in no danger. The
    kubelet is begun anew for that, before and after."""
    path = cluster.folder / "config/kubelet.yaml"
    before = path.read_text()
    total = _kib(_status(cluster)["capacity"]["memory"]) // 1024
    bounded = yaml.safe_load(before)
    bounded["kubeReserved"] = {"memory": f"{total - mib}Mi"}
    # A pod may be placed here again soon after there is room, by default five minutes later; the node tells of itself
    # every five seconds.
    bounded["evictionPressureTransitionPeriod"] = "10s"
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


def _is_short_of_memory(cluster: Cluster) -> bool:
    """What the node itself says of it."""
    conditions = _status(cluster)["conditions"]
    return next(one["status"] for one in conditions if one["type"] == "MemoryPressure") == "True"


def _measures(cluster: Cluster, pod: str, namespace: str) -> bool:
    """Whether the kubelet knows that this pod uses memory."""
    summary = json.loads(cluster.kubectl("get", "--raw", f"/api/v1/nodes/{_NODE}/proxy/stats/summary"))
    found = [one for one in summary["pods"] if (one["podRef"]["name"], one["podRef"]["namespace"]) == (pod, namespace)]
    return any(one.get("memory", {}).get("workingSetBytes", 0) > 0 for one in found)


def _left_mib(cluster: Cluster) -> int:
    """What pods can still have, as the kubelet counts it, but now."""
    for root, limit, usage, droppable in _FILES:
        folder = pathlib.Path(root, cluster.cgroup, "kubepods")
        if (folder / limit).exists():
            most, used = (int((folder / name).read_text()) for name in (limit, usage))
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            return (most - used + int(stat[droppable])) // _MIB
    raise AssertionError("no cgroup bounds the memory of pods")


def _eat(address: str, mib: int) -> None:
    """Returns when it is eaten; an eater that is evicted eats no more."""
    with contextlib.suppress(OSError), socket.create_connection((address, _EATER_PORT), 10) as connection:
        connection.sendall(str(mib).encode())
        connection.recv(1)


def eat_memory(scenario: Scenario) -> None:
    """A pod takes what is left, and what others give back meanwhile, until the node is short of memory.

    The kubelet evicts those first that have more than they asked for, of these the least important, of these the
    greatest. This one asks for nothing and is the least important. It eats when it was measured once: before, it has no
    more than it asked for. So the order does not depend on when the kubelet measures whom again.
    """
    cluster, name = scenario.cluster, f"least-{scenario.namespace}"
    cluster.apply(_least_important(name))
    scenario.cleanup.callback(cluster.attempt, "delete", "priorityclass", name)
    scenario.apply(_pod("eater", _EATS, priorityClassName=name))
    measured = lambda: _measures(cluster, "eater", scenario.namespace)
    wait_until(measured, "the kubelet has measured the eater", _SECONDS)
    address = scenario.get("pod", "eater")["status"]["podIP"]
    wait_until(lambda: is_open(address, _EATER_PORT), "the eater waits", _SECONDS)

    def is_short() -> bool:
        if (mib := _left_mib(cluster) - _EVICTION_MIB // 2) > 0:
            _eat(address, min(mib, _BITE_MIB))
        return _is_short_of_memory(cluster)

    wait_until(is_short, "the node is short of memory", _SECONDS)


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
