"""Proxies that keep their last good configuration beside Envoy."""

import os
import pathlib
import signal

from harness.envoys import KEPT_VERSION
from harness.scenario import Suite
from harness.waiting import wait_until
from support.cli import Cli
from support.objects import says, virtual_service
from support.release import Release, merge, values
from support.scenario import Scenario, ask, await_answer

SUITE = Suite()
_SECONDS = 90


def is_entry_point(entry: pathlib.Path) -> bool:
    """The first process of a proxy's container, which is the parent of Envoy."""
    return (entry / "cmdline").read_bytes().split(b"\0")[1:2] == [b"proxy"]


def _survives(scenario: Scenario, **more: object) -> None:
    base = values(settings={"singleNamespace": True, "ipV4Only": True})
    scenario.install_definitions()
    Release(scenario).install(merge(base, dict(more)))
    scenario.apply(virtual_service("site", "site.test", says("kept")))
    address = scenario.balanced("gateway-proxy")
    await_answer(address, 80, "kept", "site.test", _SECONDS)
    scenario.kubectl("scale", "deployment", "gloo", "--replicas=0")
    wait_until(
        lambda: not scenario.get("pods", "-l", "gloo=gloo")["items"], "no control plane is left", _SECONDS
    )
    (pid,) = scenario.pids(is_entry_point)
    os.kill(pid, signal.SIGKILL)

    def began_again() -> bool:
        (pod,) = scenario.get("pods", "-l", "gateway-proxy-id=gateway-proxy")["items"]
        proxy = next(c for c in pod["status"]["containerStatuses"] if c["name"] == "gateway-proxy")
        return proxy["restartCount"] == 1 and proxy["ready"]

    def told() -> bool:
        return any("it serves what its container before had kept" in one["message"] for one in cli.problems("-n", scenario.namespace))

    def metric() -> str:
        """The one that the alert goes by."""
        (pod,) = scenario.get("pods", "-l", "gateway-proxy-id=gateway-proxy")["items"]
        lines = ask(pod["status"]["podIP"], 8081, path="/metrics").body.decode().splitlines()
        return next(line for line in lines if line.startswith("envoy_cluster_manager_cds_version{}"))

    cli, kept = Cli(scenario), f"envoy_cluster_manager_cds_version{{}} {KEPT_VERSION}"
    wait_until(began_again, "the proxy is ready again, with nobody to ask", _SECONDS)
    await_answer(address, 80, "kept", "site.test", _SECONDS)
    assert metric() == kept, metric()
    wait_until(told, "check tells it", _SECONDS)
    scenario.kubectl("scale", "deployment", "gloo", "--replicas=1")
    scenario.kubectl("rollout", "status", "deployment", "gloo", f"--timeout={_SECONDS}s")
    wait_until(lambda: metric() != kept, "the proxy has what it has from gloo, although nothing is new", _SECONDS)
    scenario.apply(virtual_service("site", "site.test", says("newer")))
    await_answer(address, 80, "newer", "site.test", _SECONDS)
    assert metric() != kept and not told(), metric()


@SUITE.case("kept: a proxy whose container begins again while no control plane runs serves what it had, then what is new")
def plain(scenario: Scenario) -> None:
    _survives(scenario)


@SUITE.case("kept: the same with mTLS to the control plane")
def with_mtls(scenario: Scenario) -> None:
    _survives(scenario, **{"global": {"glooMtls": {"enabled": True}}})
