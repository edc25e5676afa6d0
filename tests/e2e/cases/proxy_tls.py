"""`proxy --state-dir` with mTLS to the control plane: the chart's bootstraps, `sds`, and a control plane that goes away."""

import os
import signal
import stat

import yaml

from cases.proxy import Delivered, end
from harness import mtls, objects
from harness.certificate_folder import CertificateFolder
from harness.envoys import KeepAliveClient
from harness.ports import free_port
from harness.process import Process
from harness.scenario import Scenario, Suite, await_answer, expect_answer, expect_line
from harness.waiting import wait_until

SUITE = Suite()
_SECONDS = 30.0


class Guarded(Delivered):
    """The same, with the sidecar of the chart in front of `gloo`."""

    def __init__(self, scenario: Scenario, api_type: str = "DELTA_GRPC") -> None:
        super().__init__(scenario, api_type)
        self.files = CertificateFolder(scenario.folder / "certificates", scenario.preset)
        self.sds = mtls.Sds(scenario.own, scenario.preset, self.files.folder)
        own, folder = scenario.own, scenario.folder
        self.sidecar = mtls.Sidecar(own, folder, self.sds, self.xds_port, free_port())
        config = yaml.safe_load(self.template)
        mtls.through_sidecar(config, self.sds, self.sidecar.port)
        self.template = yaml.safe_dump(config)


def tunnel_of(proxy: Process) -> int:
    """The Envoy that has TLS on behalf of the other."""
    (pid,) = (pid for pid in proxy.children() if b"/dev/fd/" in open(f"/proc/{pid}/cmdline", "rb").read())
    return pid


def survives(scenario: Scenario, api_type: str) -> None:
    both = Guarded(scenario, api_type)
    gloo, proxy = both.gloo(), both.proxy()
    await_answer(both.http_port, "hello", seconds=_SECONDS)
    both.await_kept("hello")
    for path in both.state.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, f"{path}: {path.stat().st_mode:o}"
    both.write("virtualservices", "site", objects.flat_direct("newer"))
    await_answer(both.http_port, "newer")
    both.await_kept("newer")
    assert both.sidecar.stat(r"cluster\.xds\.upstream_cx_total") > 0, "nothing went through the sidecar"
    end(gloo)
    end(both.sidecar.process)
    end(proxy.process)

    proxy = both.proxy().await_ready()
    expect_line(proxy.process, "Envoy is served what it had last")
    expect_answer(both.http_port, "newer")
    kept_alive = KeepAliveClient(both.http_port)
    wait_until(lambda: kept_alive.answers > 20, "answers", _SECONDS)
    both.write("virtualservices", "site", objects.flat_direct("newest"))
    both.gloo()
    both.sidecar.process = scenario.own(Process(both.sidecar.process.args))
    expect_line(proxy.process, "the control plane answers again", seconds=_SECONDS)
    await_answer(both.http_port, "newest", seconds=_SECONDS)
    assert not kept_alive.faults and kept_alive.connections == 1, kept_alive.faults[:3]
    kept_alive.stop_connecting()
    # Who has TLS dies, and changes come all the same.
    os.kill(tunnel_of(proxy.process), signal.SIGKILL)
    expect_line(proxy.process, "has TLS to the control plane .* is started again")
    both.write("virtualservices", "site", objects.flat_direct("live"))
    await_answer(both.http_port, "live", seconds=_SECONDS)
    tunnel = tunnel_of(proxy.process)
    proxy.process.signal(signal.SIGTERM)
    proxy.process.wait_exit()
    assert not os.path.exists(f"/proc/{tunnel}"), "the Envoy that has TLS goes on"


@SUITE.case("proxy: with mTLS and a state folder, a start while the control plane is away serves what was served")
def survives_delta(scenario: Scenario) -> None:
    survives(scenario, "DELTA_GRPC")


@SUITE.case("proxy: with mTLS and a state folder, the same with the state of the world")
def survives_state(scenario: Scenario) -> None:
    survives(scenario, "GRPC")


@SUITE.case("proxy: with mTLS and a state folder, a control plane of another name gives nothing")
def stranger(scenario: Scenario) -> None:
    both = Guarded(scenario)
    expected = f"exact: {mtls.NAME}"
    assert expected in both.template, both.template
    both.template = both.template.replace(expected, "exact: other.gloo-system.svc")
    both.gloo()
    both.sidecar.await_open()
    proxy = both.proxy()
    expect_line(proxy.process, "the control plane: 14, ")
    assert not proxy.is_ready(), "ready with what a stranger said"
