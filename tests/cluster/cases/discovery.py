"""`discovery`: Upstreams for a control plane that leaves them to it."""

import os
import pathlib
import re
import signal
import time

import yaml

from harness.process import Process, binary
from harness.scenario import Suite, expect_exit, expect_line
from harness.waiting import wait_until
from support.cluster import Object
from support.control_plane import READ, ControlPlane
from support.scenario import Scenario

SUITE = Suite()
_SECONDS = 20
# What discovery may do, and no more: in the namespace, and in the cluster.
_RULES = [
    {"apiGroups": [""], "resources": ["services"], "verbs": READ},
    {"apiGroups": ["gloo.solo.io"], "resources": ["settings"], "verbs": READ},
    {
        "apiGroups": ["gloo.solo.io"],
        "resources": ["upstreams"],
        "verbs": [*READ, "create", "update", "patch", "delete"],
    },
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"]},
]
_CLUSTER_RULES = [{"apiGroups": [""], "resources": ["namespaces"], "verbs": READ}]


def settings(namespace: str, uds: bool = True) -> Object:
    return {
        "apiVersion": "gloo.solo.io/v1",
        "kind": "Settings",
        "metadata": {"name": "default"},
        "spec": {
            "discoveryNamespace": namespace,
            "watchNamespaces": [namespace],
            "discovery": {"fdsMode": "WHITELIST", "udsOptions": {"enabled": uds}},
            "gloo": {"xdsBindAddr": "127.0.0.1:9985", "validationBindAddr": "127.0.0.1:9986"},
        },
    }


def service(name: str) -> Object:
    spec = {"selector": {"app": name}, "ports": [{"port": 80}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def bound(kind: str, scenario: Scenario, rules: list[Object]) -> list[Object]:
    """A role, and its binding to the account of discovery."""
    name = f"discovery-{scenario.namespace}"
    rbac = {"apiVersion": "rbac.authorization.k8s.io/v1"}
    subject = {"kind": "ServiceAccount", "name": "discovery", "namespace": scenario.namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
    return [
        {**rbac, "kind": kind, "metadata": {"name": name}, "rules": rules},
        {**rbac, "kind": f"{kind}Binding", "metadata": {"name": name}, "roleRef": reference, "subjects": [subject]},
    ]


def kubeconfig(scenario: Scenario, folder: pathlib.Path) -> pathlib.Path:
    """That of an account which may do what discovery needs."""
    scenario.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "discovery"}})
    scenario.apply(*bound("Role", scenario, _RULES))
    scenario.cluster.apply(*bound("ClusterRole", scenario, _CLUSTER_RULES))
    for kind in ("clusterrole", "clusterrolebinding"):
        name = f"discovery-{scenario.namespace}"
        scenario.cleanup.callback(scenario.cluster.kubectl, "delete", kind, name, check=False)
    token = scenario.kubectl("create", "token", "discovery").strip()
    config = yaml.safe_load((scenario.cluster.folder / "admin.conf").read_text())
    path = folder / "discovery.conf"
    path.write_text(yaml.safe_dump({**config, "users": [{"name": "admin", "user": {"token": token}}]}))
    return path


def start(scenario: Scenario, config: pathlib.Path, name: str, **env: str) -> Process:
    args = [str(binary(scenario.preset)), "discovery", "--kubeconfig", str(config)]
    process = Process(args, {"POD_NAME": name, "POD_NAMESPACE": scenario.namespace, **env})
    scenario.cleanup.callback(process.stop)
    return process


def listens(pid: int) -> list[str]:
    """The TCP sockets of a process on which it listens."""
    sockets = [os.readlink(fd) for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()]
    inodes = {found[1] for name in sockets if (found := re.fullmatch(r"socket:\[(\d+)\]", name))}
    lines = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in pathlib.Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
    ]
    return [fields[1] for fields in lines if fields[3] == "0A" and fields[9] in inodes]


@SUITE.case("discovery: makes the Upstreams of a control plane that makes none")
def beside_gloo(scenario: Scenario) -> None:
    stage, own = scenario.stage(), scenario.namespace
    folder: pathlib.Path = stage.folder / own
    folder.mkdir()
    scenario.apply(settings(own), service("api"))
    upstreams = lambda: [u["metadata"]["name"] for u in scenario.get("upstreams")["items"]]
    gloo = ControlPlane(folder, scenario.preset, stage.account, "gloo-alone", "--no-discovery", namespace=own)
    scenario.cleanup.callback(lambda: gloo.process.stop())
    gloo.wait_ready()
    expect_line(gloo.process, "leads: ")
    time.sleep(1)
    assert not upstreams(), "the control plane has discovered something"

    config = kubeconfig(scenario, folder)
    first = start(scenario, config, "first")
    wait_until(lambda: upstreams() == [f"{own}-api-80"], "the Upstream", _SECONDS)
    expect_line(first, "functions are not discovered yet")
    assert not any("forbidden" in line.lower() for line in first.lines()), first.log()
    found = scenario.get("upstream", f"{own}-api-80")
    assert found["metadata"]["labels"]["discovered_by"] == "kubernetesplugin", found
    assert found["spec"]["kube"]["serviceName"] == "api", found
    assert not listens(first.pid), "discovery opens a port"

    second = start(scenario, config, "second")
    holder = lambda: scenario.get("lease", "discovery")["spec"].get("holderIdentity") or ""
    expect_line(second, "ready: ")
    assert holder().startswith("first_"), holder()
    first.signal(signal.SIGTERM)
    expect_exit(first, 0)
    wait_until(lambda: holder().startswith("second_"), "the other replica leads", _SECONDS)
    scenario.kubectl("delete", "service", "api")
    scenario.apply(service("shop"))
    wait_until(lambda: upstreams() == [f"{own}-shop-80"], "Upstreams follow their Services", _SECONDS)

    scenario.apply(settings(own, uds=False))
    expect_line(second, "udsOptions.enabled is false")
    scenario.apply(service("later"))
    time.sleep(1)
    assert upstreams() == [f"{own}-shop-80"], "what is there stays, and nothing comes"


@SUITE.case("discovery: without election it needs no Lease")
def without_election(scenario: Scenario) -> None:
    stage, own = scenario.stage(), scenario.namespace
    folder: pathlib.Path = stage.folder / own
    folder.mkdir()
    scenario.apply(settings(own), service("api"))
    config = kubeconfig(scenario, folder)
    process = start(scenario, config, "only", DISABLE_LEADER_ELECTION="true", LOG_LEVEL="debug")
    expect_line(process, "leads: ")
    exists = lambda: scenario.cluster.attempt("-n", own, "get", "upstream", f"{own}-api-80")[0]
    wait_until(exists, "the Upstream", _SECONDS)
    assert not scenario.get("leases")["items"], "there is a Lease"
