"""Many proxies at once: those of a fleet all lose the same control plane, and find it again in the same moment."""

import json
import os
import pathlib
import time

from harness import client
from harness.process import Process, binary
from harness.scenario import Suite
from harness.waiting import wait_until
from support import objects
from support.control_plane import SYSTEM, XDS_PORT
from support.load import under_load
from support.objects import says, to_service, virtual_service
from support.scenario import Scenario

SUITE = Suite()
_CLIENTS = 1000
_SECONDS = 60
_TABLE = f"listener-0.0.0.0-{objects.HTTP_PORT}-routes"


class _Fleet:
    """Bare clients of delta ADS, without Envoys behind them."""

    def __init__(self, scenario: Scenario) -> None:
        program = binary(scenario.preset).parent / "tests/ads_clients"
        target, role = f"127.0.0.1:{XDS_PORT}", f"{SYSTEM}~gateway-proxy"
        self._process = Process([str(program), target, role, str(_CLIENTS), _TABLE])
        scenario.cleanup.callback(self._process.stop)

    def counts(self) -> dict[str, int]:
        """Open streams, and the resources that came so far, by type."""
        lines = self._process.lines()
        counted: dict[str, int] = json.loads(lines[-1]) if lines else {}
        return counted

    def wait(self, what: str, **wanted: int) -> None:
        """Until these counts are what is wanted."""
        there = lambda: {**self.counts(), **wanted} == self.counts()
        try:
            wait_until(there, what, _SECONDS)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; it is {self.counts()}, not {wanted}") from None


class _Used:
    """What the control plane takes for each client, from one moment on."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario, self._process = scenario, scenario.stage().control_plane.process
        self._kib, self._ticks = self._now()

    def _now(self) -> tuple[int, int]:
        process = pathlib.Path(f"/proc/{self._process.pid}")
        kib = int((process / "status").read_text().partition("VmRSS:")[2].split()[0])
        times = (process / "stat").read_text().rpartition(")")[2].split()
        return kib, int(times[11]) + int(times[12])

    def note(self, what: str) -> None:
        kib, ticks = self._now()
        ms = (ticks - self._ticks) * 1000 / os.sysconf("SC_CLK_TCK")
        each = f"{(kib - self._kib) / _CLIENTS:.1f} KiB and {ms / _CLIENTS:.2f} ms CPU for each client"
        self._scenario.note(f"{what}: {each}")


@SUITE.case("1,000 clients and 3 Envoys lose the control plane: all come back at once, are told nothing twice, and hear edits")
def all_come_back(scenario: Scenario) -> None:
    stage, host = scenario.stage(), scenario.host
    scenario.deploy_echo()
    scenario.apply(virtual_service("all", host, to_service("echo", scenario.namespace)))
    stage.await_answer(host, body="echo-")
    stage.await_quiet()
    # What is new now comes after all Upstreams of earlier cases have gone.
    scenario.apply(objects.static_upstream("marker", "127.0.0.1"))
    stage.await_state("upstream", "marker", scenario.namespace, "Accepted")
    used = _Used(scenario)
    fleet, envoys = _Fleet(scenario), [stage.proxy]
    for _ in range(2):
        envoys.append(stage.other_proxy())
        scenario.cleanup.callback(envoys[-1].stop)
        envoys[-1].wait_ready()
    fleet.wait("all have their table, which comes last", tables=_CLIENTS)
    open_streams = lambda: stage.control_plane.status().get("streams") == _CLIENTS + len(envoys)
    stage.wait(open_streams, "all are counted", _SECONDS)
    used.note("all that they ask for first")
    before, told = [envoy.updates(tables=True) for envoy in envoys], fleet.counts()
    with under_load(client.Target(objects.HTTP_PORT), host) as load:
        stage.control_plane.kill()
        fleet.wait("all have lost it", streams=0)
        stage.control_plane.restart()
        stage.control_plane.wait_ready()
        begin, used = time.monotonic(), _Used(scenario)
        stage.wait(open_streams, "all have come back", _SECONDS)
        scenario.note(f"{_CLIENTS + len(envoys)} streams {time.monotonic() - begin:.2f} s after it was ready")
        in_sync = lambda: stage.control_plane.status().get("in_sync") is True
        stage.wait(in_sync, "all have answered", _SECONDS)
        used.note("all come back")
        assert {**fleet.counts(), "streams": _CLIENTS} == told, f"told again: {told} {fleet.counts()}"
        used = _Used(scenario)
        scenario.apply(virtual_service("next", f"next.{host}", says("next")))
        stage.await_answer(f"next.{host}", body="next")
        fleet.wait("all hear of the edit, and of nothing else", **{**told, "tables": told["tables"] + _CLIENTS})
        stage.wait(in_sync, "all have answered", _SECONDS)
        used.note("an edit")
    scenario.note(load.expect_no_failure())
    for envoy, old in zip(envoys, before):
        edited = lambda one=envoy, was=old: one.updates(tables=True) == {**was, "rds": was["rds"] + 1}
        stage.wait(edited, f"the edit alone: {old} {envoy.updates(tables=True)}")
