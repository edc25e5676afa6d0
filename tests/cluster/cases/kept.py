"""Proxies that keep their last good configuration beside Envoy."""

import os
import pathlib
import signal

from harness.scenario import Suite
from harness.waiting import wait_until
from support.objects import says, virtual_service
from support.release import Release, merge, values
from support.scenario import Scenario, await_answer

SUITE = Suite()
_SECONDS = 90


def _is_entry_point(entry: pathlib.Path) -> bool:
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
    (pid,) = scenario.pids(_is_entry_point)
    os.kill(pid, signal.SIGKILL)

    def began_again() -> bool:
        (pod,) = scenario.get("pods", "-l", "gateway-proxy-id=gateway-proxy")["items"]
        proxy = next(c for c in pod["status"]["containerStatuses"] if c["name"] == "gateway-proxy")
        return proxy["restartCount"] == 1 and proxy["ready"]

    wait_until(began_again, "the proxy is ready again, with nobody to ask", _SECONDS)
    await_answer(address, 80, "kept", "site.test", _SECONDS)
    scenario.kubectl("scale", "deployment", "gloo", "--replicas=1")
    scenario.kubectl("rollout", "status", "deployment", "gloo", f"--timeout={_SECONDS}s")
    scenario.apply(virtual_service("site", "site.test", says("newer")))
    await_answer(address, 80, "newer", "site.test", _SECONDS)


@SUITE.case("kept: a proxy whose container begins again while no control plane runs serves what it had, then what is new")
def plain(scenario: Scenario) -> None:
    _survives(scenario)


@SUITE.case("kept: the same with mTLS to the control plane")
def with_mtls(scenario: Scenario) -> None:
    image = values()["gatewayProxies"]["gatewayProxy"]["podTemplate"]["image"]
    sidecar = {"image": {"repository": image["repository"]}}
    _survives(scenario, **{"global": {"glooMtls": {"enabled": True, "envoy": sidecar}}})
