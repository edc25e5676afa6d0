"""etcd comes back with what it had some time ago: versions of objects go back, and some objects come back or go."""

import itertools
import json
import shutil
import signal

from harness import client
from harness.scenario import Suite
from support import objects
from support.bulk import create_all
from support.load import under_load
from support.objects import says, static_upstream, virtual_service
from support.scenario import Scenario

SUITE = Suite()
_HTTP = client.Target(objects.HTTP_PORT)
_SECONDS = 60
# What is written after the backup: before the edits, so that the versions of these are not reached again before anybody
# has looked; or after them, so that they are.
_LATER = 300
# Fewer of them, again and again.
_SOME = 50


def _version(scenario: Scenario) -> int:
    found = json.loads(scenario.cluster.kubectl("get", "--raw", "/api/v1/namespaces"))
    return int(found["metadata"]["resourceVersion"])


def _write(scenario: Scenario, name: str, count: int) -> None:
    one = lambda number: {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{name}-{number}"}}
    create_all(scenario.cluster, f"/api/v1/namespaces/{scenario.namespace}/configmaps", [one(n) for n in range(count)])


@SUITE.case("etcd is restored from a backup: its world is served, and edits after it are live at once")
def restored(scenario: Scenario) -> None:
    _take_backup(scenario)
    _write(scenario, "later", _LATER)
    _edit(scenario)
    newest = _version(scenario)
    with under_load(_HTTP, f"stays.{scenario.host}") as load:
        _restore(scenario)
        assert _version(scenario) < newest, "versions did not go back"
        _expect_backup(scenario, newest)
    scenario.note(load.expect_no_failure())
    _catch_up(scenario, newest)


@SUITE.case("etcd is restored and passes the versions of a quiet kind before anybody looks: its world is served")
def restored_and_passed(scenario: Scenario) -> None:
    stage, process = scenario.stage(), scenario.stage().control_plane.process
    _take_backup(scenario)
    _edit(scenario)
    for name in ("changes", "comes"):
        stage.await_state("virtualservice", name, scenario.namespace, "Accepted", seconds=_SECONDS)
    edited = max(int(one["metadata"]["resourceVersion"]) for one in scenario.get("virtualservices")["items"])
    _write(scenario, "later", _LATER)
    # Of a kind that is not quiet; its status says that it was heard.
    scenario.apply(static_upstream("busy", "127.0.0.1"))
    stage.await_state("upstream", "busy", scenario.namespace, "Accepted", seconds=_SECONDS)
    heard, newest = int(scenario.get("upstream", "busy")["metadata"]["resourceVersion"]), _version(scenario)
    with under_load(_HTTP, f"stays.{scenario.host}") as load:
        process.signal(signal.SIGSTOP)
        try:
            _restore(scenario)
            for turn in itertools.takewhile(lambda _: _version(scenario) <= edited, itertools.count()):
                _write(scenario, f"before-{turn}", _SOME)
            assert _version(scenario) < heard, f"{edited} {_version(scenario)} {heard}"
        finally:
            process.signal(signal.SIGCONT)
        _expect_backup(scenario, newest)
    scenario.note(load.expect_no_failure())
    _catch_up(scenario, newest)


def _take_backup(scenario: Scenario) -> None:
    stage, host, cluster = scenario.stage(), scenario.host, scenario.cluster
    for name in ("stays", "changes", "goes"):
        scenario.apply(virtual_service(name, f"{name}.{host}", says("old")))
        stage.await_answer(f"{name}.{host}", body="old")
    cluster.stop_servers()
    shutil.copytree(cluster.folder / "etcd", cluster.folder / "etcd.backup")
    cluster.start_servers()


def _edit(scenario: Scenario) -> None:
    """What the backup does not have."""
    stage, host = scenario.stage(), scenario.host
    scenario.apply(virtual_service("changes", f"changes.{host}", says("new")))
    scenario.apply(virtual_service("comes", f"comes.{host}", says("new")))
    scenario.kubectl("delete", "virtualservice", "goes")
    for name in ("changes", "comes"):
        stage.await_answer(f"{name}.{host}", body="new", seconds=_SECONDS)
    stage.await_answer(f"goes.{host}", status=404)


def _restore(scenario: Scenario) -> None:
    cluster = scenario.cluster
    cluster.stop_servers()
    shutil.rmtree(cluster.folder / "etcd")
    (cluster.folder / "etcd.backup").rename(cluster.folder / "etcd")
    cluster.start_servers()


def _expect_backup(scenario: Scenario, newest: int) -> None:
    """Its world is served, and an edit of it, while versions are still older."""
    stage, host = scenario.stage(), scenario.host
    for name in ("changes", "goes"):
        stage.await_answer(f"{name}.{host}", body="old", seconds=_SECONDS)
    stage.await_answer(f"comes.{host}", status=404)
    scenario.apply(virtual_service("changes", f"changes.{host}", says("newer")))
    stage.await_answer(f"changes.{host}", body="newer")
    assert _version(scenario) < newest, "the edit was not heard while versions were old"
    stage.await_state("virtualservice", "changes", scenario.namespace, "Accepted", seconds=_SECONDS)


def _catch_up(scenario: Scenario, newest: int) -> None:
    """Clients of Kubernetes itself wait for versions that they have seen."""
    cluster = scenario.cluster
    for name in ("kubelet", "load-balancer"):
        cluster.stop(name)
        cluster.start(name)
    _write(scenario, "again", newest - _version(scenario) + 1)
    cluster.kubectl("-n", "kube-system", "rollout", "restart", "deployment/coredns")
    cluster.kubectl("-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=60s")
