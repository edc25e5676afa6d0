"""etcd comes back with what it had some time ago: versions of objects go back, and some objects come back or go."""

import json
import shutil

from harness import client
from harness.scenario import Suite
from support import objects
from support.bulk import create_all
from support.load import under_load
from support.objects import says, virtual_service
from support.scenario import Scenario

SUITE = Suite()
_HTTP = client.Target(objects.HTTP_PORT)
_SECONDS = 60
# What is written after the backup and before the edits, so that the versions of these are not reached again before
# anybody has looked.
_LATER = 300


def _version(scenario: Scenario) -> int:
    found = json.loads(scenario.cluster.kubectl("get", "--raw", "/api/v1/namespaces"))
    return int(found["metadata"]["resourceVersion"])


def _write(scenario: Scenario, name: str, count: int) -> None:
    one = lambda number: {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{name}-{number}"}}
    create_all(scenario.cluster, f"/api/v1/namespaces/{scenario.namespace}/configmaps", [one(n) for n in range(count)])


@SUITE.case("etcd is restored from a backup: its world is served, and edits after it are live at once")
def restored(scenario: Scenario) -> None:
    stage, host, cluster = scenario.stage(), scenario.host, scenario.cluster
    data, backup = cluster.folder / "etcd", cluster.folder / "etcd.backup"
    for name in ("stays", "changes", "goes"):
        scenario.apply(virtual_service(name, f"{name}.{host}", says("old")))
        stage.await_answer(f"{name}.{host}", body="old")
    cluster.stop_servers()
    shutil.copytree(data, backup)
    cluster.start_servers()
    _write(scenario, "later", _LATER)
    scenario.apply(virtual_service("changes", f"changes.{host}", says("new")))
    scenario.apply(virtual_service("comes", f"comes.{host}", says("new")))
    scenario.kubectl("delete", "virtualservice", "goes")
    for name in ("changes", "comes"):
        stage.await_answer(f"{name}.{host}", body="new", seconds=_SECONDS)
    stage.await_answer(f"goes.{host}", status=404)
    newest = _version(scenario)
    with under_load(_HTTP, f"stays.{host}") as load:
        cluster.stop_servers()
        shutil.rmtree(data)
        backup.rename(data)
        cluster.start_servers()
        assert _version(scenario) < newest, "versions did not go back"
        for name in ("changes", "goes"):
            stage.await_answer(f"{name}.{host}", body="old", seconds=_SECONDS)
        stage.await_answer(f"comes.{host}", status=404)
        scenario.apply(virtual_service("changes", f"changes.{host}", says("newer")))
        stage.await_answer(f"changes.{host}", body="newer")
        assert _version(scenario) < newest, "the edit was not heard while versions were old"
        stage.await_state("virtualservice", "changes", scenario.namespace, "Accepted", seconds=_SECONDS)
    scenario.note(load.expect_no_failure())
    # Clients of Kubernetes itself wait for versions that they have seen.
    for name in ("kubelet", "load-balancer"):
        cluster.stop(name)
        cluster.start(name)
    _write(scenario, "again", newest - _version(scenario) + 1)
    cluster.kubectl("-n", "kube-system", "rollout", "restart", "deployment/coredns")
    cluster.kubectl("-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=60s")
