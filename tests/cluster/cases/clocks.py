"""Clocks that jump: that of the control plane is another one than the cluster's, and is moved while it runs."""

import contextlib
import datetime
import os
import pathlib
import struct
import tempfile
from typing import Callable, Iterator

from cases.replicas import second
from harness.certificates import self_signed
from harness.process import binary
from harness.scenario import Suite
from support import objects
from support.control_plane import SYSTEM
from support.objects import says, tls_secret, virtual_service
from support.scenario import Scenario

SUITE = Suite()
_HOUR = 3600
# The leader renews the Lease every 2 s; another one takes it after 15 s in which nothing changes.
_RENEWALS = 3
_LEASE_SECONDS = 40


@contextlib.contextmanager
def _own_clock(scenario: Scenario) -> Iterator[Callable[[int], None]]:
    """The control plane with a wall clock of its own, which what is yielded moves, in seconds from the true one."""
    stage = scenario.stage()
    file = os.open(stage.folder / "clock", os.O_RDWR | os.O_CREAT, 0o644)

    def move(seconds: int) -> None:
        os.pwrite(file, struct.pack("=q", seconds), 0)

    move(0)
    stage.control_plane.environment = {
        "LD_PRELOAD": str(binary(scenario.preset).parent / "tests" / "libmoved_clock.so"),
        "MOVED_CLOCK": str(stage.folder / "clock"),
    }
    try:
        stage.control_plane.restart_gently()
        stage.control_plane.wait_ready()
        yield move
    finally:
        stage.control_plane.environment = {}
        stage.control_plane.restart_gently()
        stage.control_plane.wait_ready()
        os.close(file)


def _time(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


@SUITE.case("the clock of the leader jumps an hour ahead, and two back: it leads on, and edits and statuses go on")
def leader_jumps(scenario: Scenario) -> None:
    stage, own, host, cluster = scenario.stage(), scenario.namespace, scenario.host, scenario.cluster
    lease = lambda: cluster.get("-n", SYSTEM, "lease", "gloo")["spec"]
    leads = lambda: stage.control_plane.name in lease().get("holderIdentity", "")
    with _own_clock(scenario) as move, second(scenario):
        stage.wait(leads, "the first leads", _LEASE_SECONDS)
        terms = lease()["leaseTransitions"]
        for turn, seconds in enumerate((_HOUR, -_HOUR, 0)):
            mark = stage.control_plane.process.mark()
            move(seconds)
            scenario.apply(virtual_service("all", host, says(f"turn {turn}")))
            stage.await_answer(host, body=f"turn {turn}")
            scenario.apply(virtual_service(f"new-{turn}", f"{turn}.{host}", says("new")))
            stage.await_state("virtualservice", f"new-{turn}", own, "Accepted")
            for _ in range(_RENEWALS):
                last = lease()["renewTime"]
                stage.wait(lambda: lease()["renewTime"] != last, "the Lease is renewed")
            ahead = (_time(lease()["renewTime"]) - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
            assert abs(ahead - seconds) < _HOUR / 10, f"its clock is {ahead} s ahead, not {seconds}"
            assert leads() and lease()["leaseTransitions"] == terms, lease()
            said = stage.control_plane.process.lines()[mark:]
            assert not [line for line in said if "lead" in line], said


@SUITE.case("a certificate that is not valid yet by our clock is served, with a warning; later edits go on")
def certificate_of_tomorrow(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    with tempfile.TemporaryDirectory() as folder:
        self_signed(pathlib.Path(folder), host)
        pair = [(pathlib.Path(folder) / f"{host}.{end}").read_text() for end in ("crt", "key")]
    with _own_clock(scenario) as move:
        move(-_HOUR)
        secure = {"secretRef": objects.meta("certificate", own), "sniDomains": [host]}
        scenario.apply(
            tls_secret("certificate", *pair),
            virtual_service("all", host, says("served"), sslConfig=secure),
        )
        told = lambda line: "not valid yet" in line and f"{own}/certificate" in line
        stage.control_plane.process.wait_line(told, "a warning about the Secret")
        stage.await_secure_answer(host, body="served")
        move(0)
        scenario.apply(virtual_service("all", host, says("edited"), sslConfig=secure))
        stage.await_secure_answer(host, body="edited")
