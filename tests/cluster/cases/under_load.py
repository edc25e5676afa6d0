"""1,000 requests a second on three proxies of one release, while parts of it die: who had a live proxy got an answer."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
from typing import Any, Iterator

from harness.process import Process, binary
from harness.scenario import Suite
from harness.waiting import wait_until
from support.objects import says, virtual_service
from support.release import Release, merge, values
from support.scenario import Scenario, ask, await_answer

SUITE = Suite()
_RATE = 1000
_PROXIES = 3
_HOST = "load.test"
_SECONDS = 90
# What an Envoy counts when it is told something that it did not have.
_CHURN = re.compile(r"^envoy_(?:listener_manager_listener_(?:modified|added)|cluster_manager_cluster_(?:modified|added)|\S*config_reload)\b.* (\d+)$")


class _Fleet:
    """A release with three proxies, and the load on them."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        scenario.install_definitions()
        replicas = {"gatewayProxies": {"gatewayProxy": {"kind": {"deployment": {"replicas": _PROXIES}}}}}
        self.release = Release(scenario)
        self.release.install(
            merge(values(settings={"singleNamespace": True, "ipV4Only": True}, discovery={"enabled": False}), replicas)
        )
        scenario.apply(virtual_service("load", _HOST, says("hello")))
        for address in self.addresses():
            await_answer(address, 8080, "hello", _HOST, _SECONDS)

    def pods(self, label: str) -> list[Any]:
        return list(self.scenario.get("pods", "-l", label)["items"])

    def proxies(self) -> list[Any]:
        return self.pods("gateway-proxy-id=gateway-proxy")

    def addresses(self) -> list[str]:
        return [pod["status"]["podIP"] for pod in self.proxies()]

    def churn(self) -> list[dict[str, int]]:
        """Of each proxy, how often it was told something new."""
        found = []
        for address in self.addresses():
            lines = ask(address, 8081, path="/metrics").body.decode().splitlines()
            counted = {match[0].rpartition(" ")[0]: int(match[1]) for match in map(_CHURN.match, lines) if match}
            assert counted, "Envoy's metrics have other names"
            found.append(counted)
        return found

    def kill(self, *pods: Any) -> None:
        """The processes of these pods, with all that they started; the kubelet begins them anew."""
        before = {pod["metadata"]["name"]: _restarts(pod) for pod in pods}
        for name in before:
            _kill(name)

        def back() -> bool:
            now = {pod["metadata"]["name"]: pod for pod in self.pods("gloo") if pod["metadata"]["name"] in before}
            return all(_restarts(pod) > before[name] and _is_ready(pod) for name, pod in now.items())

        wait_until(back, "what was killed is ready again", _SECONDS)

    def gloo(self) -> Any:
        (pod,) = self.pods("gloo=gloo")
        return pod


def _restarts(pod: Any) -> int:
    return sum(one["restartCount"] for one in pod["status"]["containerStatuses"])


def _is_ready(pod: Any) -> bool:
    return all(one["ready"] for one in pod["status"]["containerStatuses"])


def _kill(pod: str) -> None:
    """All processes that know by the downward API that they are of this pod."""
    mark, found = f"POD_NAME={pod}".encode(), 0
    for entry in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)
                found += 1
    assert found, f"{pod} has no process"


@contextlib.contextmanager
def _load(scenario: Scenario, addresses: list[str]) -> Iterator[Process]:
    program = str(binary(scenario.preset).parent / "tests/http_load")
    process = Process([program, _HOST, str(_RATE), *(f"{one}:8080" for one in addresses)])
    try:
        yield process
    finally:
        process.stop()


@contextlib.contextmanager
def _pressure() -> Iterator[None]:
    """Twice as many busy processes as the node has processors."""
    words = [sys.executable, "-c", "while True: pass"]
    busy = [subprocess.Popen(words) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        yield
    finally:
        for one in busy:
            one.kill()
            one.wait()


@SUITE.case("load: gloo dies, proxies die, both, and the node is busy: every request is answered, and no proxy is told twice")
def everything_dies(scenario: Scenario) -> None:
    fleet = _Fleet(scenario)
    with _load(scenario, fleet.addresses()) as load:
        before = fleet.churn()
        fleet.kill(fleet.gloo())
        scenario.apply(virtual_service("after", f"after.{_HOST}", says("after")))
        for address in fleet.addresses():
            await_answer(address, 8080, "after", f"after.{_HOST}", _SECONDS)
        # Of all that gloo told them at its new start, the new virtual host is the only news.
        for old, new in zip(before, fleet.churn(), strict=True):
            changed = {name: new[name] - old.get(name, 0) for name in new if new[name] != old.get(name, 0)}
            assert list(changed.values()) == [1] and "config_reload" in next(iter(changed)), changed
        for pod in fleet.proxies():
            fleet.kill(pod)
        fleet.kill(fleet.gloo(), fleet.proxies()[0])
        with _pressure():
            time.sleep(3)
            fleet.kill(fleet.proxies()[1])
    counts: dict[str, int] = json.loads(load.lines()[-1])
    scenario.note(f"{counts}")
    assert counts["lost"] == 0 and counts["bad"] == 0, counts
    assert counts["good"] >= 10 * _RATE, counts
