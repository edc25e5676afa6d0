"""A node that has little left: its pods share less memory, and one of them eats it, or the processors."""

import contextlib
import json
from typing import Any, Iterator

import yaml

from harness.waiting import wait_until

from . import images
from .cluster import Cluster, Object
from .scenario import RESTRICTED, Scenario

_NODE = "node1"
_SECONDS = 120
_MIB = 1 << 20
# Below this the kubelet evicts (config/kubelet.yaml); an eater leaves half of it, so that nothing is out of memory.
_EVICTION_MIB = 100


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


def available_mib(cluster: Cluster) -> int:
    """What the kubelet believes that its pods can still have."""
    summary = json.loads(cluster.kubectl("get", "--raw", f"/api/v1/nodes/{_NODE}/proxy/stats/summary"))
    pods = next(one for one in summary["node"]["systemContainers"] if one["name"] == "pods")
    return int(pods["memory"]["availableBytes"]) // _MIB


def eat_memory(scenario: Scenario) -> None:
    """A pod that takes what is left, until the kubelet evicts it."""
    mib = available_mib(scenario.cluster) - _EVICTION_MIB // 2
    assert mib > _EVICTION_MIB, f"only {mib} MiB are left, another pod would be the greatest"
    scenario.apply(_pod("eater", f"import time; taken = b'x' * ({mib} << 20); time.sleep(3600)"))


def await_evicted(scenario: Scenario) -> None:
    evicted = lambda: scenario.get("pod", "eater")["status"].get("reason") == "Evicted"
    wait_until(evicted, "the kubelet evicts the pod that eats memory", _SECONDS)


def keep_busy(scenario: Scenario, processes: int) -> None:
    """A pod of processes that never rest, with the claim to processors that one proxy has."""
    scenario.apply(_pod("busy", f"import os\nfor _ in range({processes - 1}): os.fork() or exec('while True: pass')\nwhile True: pass"))
    running = lambda: scenario.get("pod", "busy")["status"]["phase"] == "Running"
    wait_until(running, "the busy pod runs", _SECONDS)


def rest(scenario: Scenario) -> None:
    """Ends both."""
    scenario.kubectl("delete", "pod", "busy", "eater", "--ignore-not-found", "--grace-period=1")


def _pod(name: str, program: str) -> Object:
    container = {
        "name": name,
        "image": images.ECHO,
        "command": ["/usr/bin/python3", "-E", "-S", "-c", program],
        "resources": {"requests": {"cpu": "20m"}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"restartPolicy": "Never", "securityContext": RESTRICTED, "containers": [container]},
    }
