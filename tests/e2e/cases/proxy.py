"""`proxy`: the entry point of pods of Envoy."""

import os
import pathlib
import re
import shutil
import signal
import stat
import threading
import time

from harness import client, objects
from harness.backend import Backend
from harness.envoys import KeepAliveClient, Proxy, static_bootstrap
from harness.ports import free_port
from harness.process import ROOT, Process, binary, default_envoy, replace_file
from harness.scenario import (
    Scenario,
    Suite,
    await_answer,
    await_pid_gone,
    expect_answer,
    expect_exit,
    expect_line,
)
from harness.sharding import module_of
from harness.waiting import wait_until

SUITE = Suite()


@SUITE.case("proxy: fills in the bootstrap, starts Envoy with it, and leaves a copy")
def fills_in(scenario: Scenario) -> None:
    (scenario.folder / "labels").write_text('app="shop"\n')
    (scenario.folder / "annotations").write_text('note="a \\"b\\""\n')
    text = static_bootstrap(free_port(), free_port(), 1).replace(
        "cluster: gateway}",
        'cluster: "{{index .PodLabels `app`}}", '
        "metadata: {node: '{{ .NodeName }}', note: '{{index .PodAnnotations \"note\"}}'}}",
    )
    text = re.sub(r"(admin: .*port_value: )\d+", r"\1ADMIN_PORT", text)
    proxy = Proxy(scenario, text).await_ready()
    node = proxy.server_info()["node"]
    assert node["id"] == "pod.gloo-system" and node["cluster"] == "shop", node
    assert node["metadata"] == {"node": "", "note": 'a "b"'}, node
    expect_line(proxy.process, "envoy.yaml: line 1: .*NODE_NAME is not set")
    assert "id: \"pod.gloo-system\", cluster: \"shop\"" in proxy.copy.read_text()
    assert stat.S_IMODE(proxy.copy.stat().st_mode) == 0o444


@SUITE.case("proxy: what is wrong with the bootstrap is told with its line, and no Envoy is started")
def bad_bootstrap(scenario: Scenario) -> None:
    wrong = {
        "admin: {}\nnode: {{if .PodName}}": r"envoy\.yaml: line 2: .*\{\{if \.PodName\}\}.* is not understood",
        "node: {id: {{.PodName}}}\nadmin: [": r"envoy\.yaml: line \d+: ",
        "node: {{.PodIp}}": r"envoy\.yaml: line 1: the value of .* has a line break",
        "[]": r"envoy\.yaml: line 1: it is not one map of fields",
    }
    for text, message in wrong.items():
        proxy = Proxy(scenario, text, env={"POD_IP": "a\nb"})
        expect_line(proxy.process, message)
        expect_exit(proxy.process, 1)
    missing = scenario.own(Process([str(binary(scenario.preset)), "proxy", "--input", "/nowhere/e.yaml"]))
    expect_line(missing, "/nowhere/e.yaml cannot be read: No such file")
    expect_exit(missing, 1)


@SUITE.case("proxy: Envoy's exit code is ours")
def exit_codes(scenario: Scenario) -> None:
    refused = Proxy(scenario, "node: {id: a}\nno_such_field: {}\n")
    expect_line(refused.process, "no_such_field")
    expect_exit(refused.process, 1)
    script = scenario.folder / "envoy.sh"
    for ending, code in (("exit 7", 7), ("kill -9 $$", 137), ("exit 0", 0)):
        script.write_text(f"#!/bin/sh\n{ending}\n")
        script.chmod(0o755)
        expect_exit(Proxy(scenario, env={"ENVOY": str(script)}).process, code)
    absent = Proxy(scenario, env={"ENVOY": "/nowhere/envoy"})
    expect_line(absent.process, "there is no Envoy at /nowhere/envoy")
    expect_exit(absent.process, 1)


@SUITE.case("proxy: an Envoy that is killed ends it, and Envoy ends when it is killed")
def killed(scenario: Scenario) -> None:
    proxy = Proxy(scenario).await_ready()
    os.kill(proxy.envoy_pid(), signal.SIGKILL)
    expect_exit(proxy.process, 137)
    proxy = Proxy(scenario).await_ready()
    envoy = proxy.envoy_pid()
    proxy.process.signal(signal.SIGKILL)
    await_pid_gone(envoy)


@SUITE.case("proxy: SIGTERM under load loses no request")
def drain_under_load(scenario: Scenario) -> None:
    backend, port = scenario.backend()
    flags = ["--drain-least-seconds", "2", "--drain-seconds", "30"]
    proxy = Proxy(scenario, backend_port=port, flags=flags).await_ready()
    clients = [KeepAliveClient(proxy.http_port) for _ in range(8)]
    slow: list[client.Response] = []
    waiting = threading.Thread(
        target=lambda: slow.append(client.get(proxy.http_port, "/delay/4000", seconds=30))
    )
    waiting.start()
    wait_until(lambda: all(one.answers > 20 for one in clients), "answers", 20)
    assert all(one.connections == 1 for one in clients), "connections are not kept"
    begin = time.monotonic()
    proxy.process.signal(signal.SIGTERM)
    wait_until(lambda: proxy.admin("/ready").status == 503, "health checks fail", 5)
    wait_until(lambda: all(one.connections > 1 for one in clients), "connections are closed", 5)
    # Nobody is sent here any more, as when the pod has left its Service.
    for one in clients:
        one.stop_connecting()
    for one in clients:
        one.join(10)
    waiting.join(20)
    expect_exit(proxy.process, 0)
    took = time.monotonic() - begin
    faults = [fault for one in clients for fault in one.faults]
    assert not faults, f"{len(faults)} requests are lost: {faults[:3]}"
    assert slow[0].status == 200, f"the request in flight got {slow[0]}"
    assert 2 <= took < 15, f"took {took:.1f} s"
    expect_line(proxy.process, "no connection is left")
    del backend


@SUITE.case("proxy: draining takes its least time, and with nothing to drain no more")
def drain_least(scenario: Scenario) -> None:
    proxy = Proxy(scenario, flags=["--drain-least-seconds", "1", "--drain-seconds", "60"]).await_ready()
    begin = time.monotonic()
    proxy.process.signal(signal.SIGINT)
    expect_exit(proxy.process, 0)
    took = time.monotonic() - begin
    assert 1 <= took < 6, f"took {took:.1f} s"


def hold(proxy: Proxy, backend: Backend, answers: list[client.Response]) -> threading.Thread:
    """A request that is not answered."""
    thread = threading.Thread(
        target=lambda: answers.append(client.get(proxy.http_port, "/hold", seconds=60))
    )
    thread.start()
    wait_until(lambda: backend.seen("backend"), "the request at the backend", 5)
    return thread


@SUITE.case("proxy: draining ends when its time is over, and at once with a second signal")
def drain_ends(scenario: Scenario) -> None:
    for seconds, signals, least, most in ((2, 1, 2, 7), (60, 2, 0, 5)):
        backend, port = scenario.backend()
        flags = ["--drain-least-seconds", "0", "--drain-seconds", str(seconds)]
        proxy = Proxy(scenario, backend_port=port, flags=flags).await_ready()
        answers: list[client.Response] = []
        thread = hold(proxy, backend, answers)
        begin = time.monotonic()
        for _ in range(signals):
            mark = proxy.process.mark()
            proxy.process.signal(signal.SIGTERM)
            if signals > 1 and _ == 0:
                expect_line(proxy.process, "drains", after=mark)
        expect_exit(proxy.process, 0)
        took = time.monotonic() - begin
        backend.release()
        thread.join(20)
        assert answers[0].status != 200, answers
        assert least <= took < most, f"took {took:.1f} s"


@SUITE.case("proxy: flags behind -- are Envoy's, and hot restart is off unless they ask for it")
def envoy_flags(scenario: Scenario) -> None:
    proxy = Proxy(scenario, envoy_flags=["--disable-hot-restart", "--drain-time-s", "9"]).await_ready()
    line = pathlib.Path(f"/proc/{proxy.envoy_pid()}/cmdline").read_text().split("\0")
    assert line.count("--disable-hot-restart") == 1 and line.count("--drain-time-s") == 1, line
    options = proxy.server_info()["command_line_options"]
    assert options["drain_time"] == "9s" and options["concurrency"] == 1, options
    own = Proxy(scenario, flags=["--drain-least-seconds", "3"]).await_ready()
    options = own.server_info()["command_line_options"]
    assert options["disable_hot_restart"] and options["drain_time"] == "3s", options


@SUITE.case("proxy: a bootstrap that is longer than an argument may be")
def large_bootstrap(scenario: Scenario) -> None:
    ports = free_port(), free_port()
    text = static_bootstrap(*ports, 1).replace(
        "cluster: gateway}", "cluster: gateway, metadata: {note: '" + "x" * 300_000 + "'}}"
    )
    proxy = Proxy(scenario, text)
    proxy.admin_port = ports[1]
    proxy.await_ready()
    assert len(proxy.server_info()["node"]["metadata"]["note"]) == 300_000


@SUITE.case("proxy: a sidecar's bootstrap is taken as it is")
def sidecar(scenario: Scenario) -> None:
    ports = free_port(), free_port()
    path = scenario.folder / "envoy-sidecar.yaml"
    path.write_text(static_bootstrap(*ports, 1).replace("{{.PodName}}", "{{if .X}}"))
    proxy = Proxy(scenario, flags=["--sidecar", str(path)])
    proxy.admin_port = ports[1]
    proxy.await_ready()
    assert proxy.server_info()["node"]["id"] == "{{if .X}}.{{.PodNamespace}}"
    assert not proxy.copy.exists()


@SUITE.case("proxy: orphans are reaped, core dumps are off on demand, signals are passed on")
def parent(scenario: Scenario) -> None:
    script = scenario.folder / "envoy.sh"
    seen = scenario.folder / "seen"
    script.write_text(
        f"""#!/bin/sh
trap 'echo hup >> {seen}' HUP
trap 'echo usr1 >> {seen}' USR1
(sh -c 'exit 3' &)
ulimit -c > {seen}
while true; do sleep 0.05; done
"""
    )
    script.chmod(0o755)
    env = {"ENVOY": str(script), "DISABLE_CORE_DUMPS": "true"}
    # A shell cannot trap what was ignored at its start, as it is below nohup.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    proxy = Proxy(scenario, flags=["--drain-least-seconds", "0"], env=env)
    signal.signal(signal.SIGHUP, before)
    wait_until(lambda: seen.exists() and seen.read_text() == "0\n", "no core dumps", 5)
    for number, word in ((signal.SIGHUP, "hup"), (signal.SIGUSR1, "usr1")):
        proxy.process.signal(number)
        wait_until(lambda word=word: word in seen.read_text(), word, 5)
    wait_until(lambda: len(proxy.process.children()) == 1, "the orphan is reaped", 5)
    proxy.process.signal(signal.SIGKILL)


@SUITE.case("proxy: an Envoy that cannot load the module says so at its start, and goes on without")
def misfit(scenario: Scenario) -> None:
    for version, fits in (("1.38.2", False), ("1.40.0", True)):
        folder = scenario.folder / version
        folder.mkdir()
        shutil.copy(module_of(scenario.preset), folder)
        envoy = folder / "envoy"
        envoy.write_text(
            f"""#!/bin/sh
[ "$1" = --version ] && exec echo "envoy  version: 9e55/{version}/Clean/RELEASE/BoringSSL"
exec {default_envoy()} "$@"
"""
        )
        envoy.chmod(0o755)
        proxy = Proxy(scenario, env={"ENVOY": str(envoy)}).await_ready()
        has = "k8sgateway_module" in proxy.server_info()["node"].get("metadata", {})
        assert has == fits, (version, has)
        told = [line for line in proxy.process.lines() if f"is Envoy {version}, and the module in {folder} is made for 1.40 and 1.41" in line]
        assert len(told) == (0 if fits else 1), told
        end(proxy.process)


@SUITE.case("proxy: the bootstrap of docker/ works with gloo, and is not ready before there is configuration")
def with_gloo(scenario: Scenario) -> None:
    xds_port, admin_port, metrics_port, http_port = (free_port() for _ in range(4))
    text = (ROOT / "docker/envoy.yaml").read_text()
    text = text.replace("address: gloo, port_value: 9977", f"address: localhost, port_value: {xds_port}")
    text = text.replace("port_value: 19000", f"port_value: {admin_port}")
    text = text.replace("address: 0.0.0.0, port_value: 8081", f"address: 127.0.0.1, port_value: {metrics_port}")
    proxy = Proxy(scenario, text)
    proxy.admin_port = admin_port
    wait_until(lambda: proxy.admin("/ready").status == 503, "the admin page answers", 20)
    time.sleep(2)
    assert proxy.admin("/ready").status == 503, "ready without configuration"
    data = scenario.folder / "data"
    for path, content in {
        "gloo-system/default.yaml": objects.settings(
            str(data), f"127.0.0.1:{xds_port}", f"127.0.0.1:{free_port()}"
        ),
        "config/gateways/gloo-system/gateway-proxy.yaml": objects.flat_gateway(http_port),
        "config/virtualservices/gloo-system/site.yaml": objects.flat_direct("hello"),
    }.items():
        (data / path).parent.mkdir(parents=True, exist_ok=True)
        replace_file(data / path, content)
    gloo = [str(binary(scenario.preset)), "gloo", "--dir", str(data)]
    scenario.own(Process(gloo, {"POD_NAMESPACE": "gloo-system"}))
    await_answer(http_port, "hello", seconds=30)
    proxy.await_ready()
    assert client.get(metrics_port, "/ready").status == 200
    metrics = client.get(metrics_port, "/metrics")
    assert metrics.status == 200 and b"envoy_control_plane_connected_state{} 1" in metrics.body
    outside = ("/", "/config_dump", "/quitquitquit", "/stats", "/metricsx", "/metrics/../config_dump", "/metrics/%2e%2e/../certs")
    for path in (*outside, "/metrics/../../config_dump"):
        assert client.get(metrics_port, path).status == 404, path
    expect_answer(http_port, "hello")
    warnings = [line for line in proxy.process.lines() if re.search(r"deprecat", line, re.I)]
    assert not warnings, warnings


@SUITE.case("proxy: Envoy has nothing to say about the bootstrap of docker/")
def validated(scenario: Scenario) -> None:
    path = scenario.folder / "envoy.yaml"
    path.write_text((ROOT / "docker/envoy.yaml").read_text())
    envoy = scenario.own(Process([default_envoy(), "--mode", "validate", "-c", str(path), "-l", "warning"]))
    expect_exit(envoy, 0)
    lines = [line for line in envoy.lines() if not line.endswith("' OK")]
    assert not lines, lines


class Delivered:
    """A `gloo` of files and a proxy that gets its configuration, each to be started at any time."""

    def __init__(self, scenario: Scenario, api_type: str = "DELTA_GRPC") -> None:
        self.scenario = scenario
        self.state = scenario.folder / "state"
        self.data = scenario.folder / "data"
        self.xds_port, self.http_port, self.other_port = free_port(), free_port(), free_port()
        self.template = objects.bootstrap(self.xds_port, 1, "gloo-system~gateway-proxy", api_type)
        self.template = self.template.replace("port_value: 1}", "port_value: ADMIN_PORT}")
        self.template = self.template.replace("resource_api_version: V3}", "resource_api_version: V3, initial_fetch_timeout: 0s}")
        validation = f"127.0.0.1:{free_port()}"
        settings = objects.settings(str(self.data), f"127.0.0.1:{self.xds_port}", validation)
        self._put("gloo-system/default.yaml", settings)
        self.write("gateways", "gateway-proxy", objects.flat_gateway(self.http_port))
        other = objects.flat_gateway(self.other_port).replace("name: gateway-proxy", "name: other")
        self.write("gateways", "other", other + "proxyNames: [gateway-proxy]\n")
        self.write("virtualservices", "site", objects.flat_direct("hello"))

    def _put(self, path: str, text: str) -> None:
        (self.data / path).parent.mkdir(parents=True, exist_ok=True)
        replace_file(self.data / path, text)

    def write(self, plural: str, name: str, text: str) -> None:
        self._put(f"config/{plural}/gloo-system/{name}.yaml", text)

    def remove(self, plural: str, name: str) -> None:
        (self.data / f"config/{plural}/gloo-system/{name}.yaml").unlink()

    def await_kept(self, body: str) -> None:
        """What answers is not on disk yet: it is written when Envoy's acknowledgement comes by."""
        def kept() -> bool:
            return any(body.encode() in path.read_bytes() for path in self.state.iterdir() if path.is_file())

        wait_until(kept, f"{body!r} is kept", 10)

    def gloo(self) -> Process:
        args = [str(binary(self.scenario.preset)), "gloo", "--dir", str(self.data)]
        return self.scenario.own(Process(args, {"POD_NAMESPACE": "gloo-system"}))

    def proxy(self, *flags: str) -> Proxy:
        kept = ["--state-dir", str(self.state), "--state-patience", "1", "--drain-least-seconds", "0"]
        return Proxy(self.scenario, self.template, flags=[*kept, *flags])


def end(process: Process) -> None:
    process.signal(signal.SIGKILL)
    process.wait_exit()


def survives(scenario: Scenario, api_type: str) -> None:
    both = Delivered(scenario, api_type)
    gloo, proxy = both.gloo(), both.proxy()
    await_answer(both.http_port, "hello", seconds=30)
    both.write("virtualservices", "site", objects.flat_direct("newer"))
    await_answer(both.http_port, "newer")
    both.await_kept("newer")
    for path in both.state.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, f"{path}: {path.stat().st_mode:o}"
    end(gloo)
    end(proxy.process)

    proxy = both.proxy().await_ready()
    expect_line(proxy.process, "Envoy is served what it had last")
    assert proxy.serves_kept() == (api_type == "DELTA_GRPC")
    expect_answer(both.http_port, "newer")
    expect_answer(both.other_port, "newer")
    clients = [KeepAliveClient(both.http_port) for _ in range(4)]
    wait_until(lambda: all(one.answers > 20 for one in clients), "answers", 20)
    both.write("virtualservices", "site", objects.flat_direct("newest"))
    both.remove("gateways", "other")
    both.gloo()
    expect_line(proxy.process, "the control plane answers again", seconds=30)
    await_answer(both.http_port, "newest", seconds=20)
    assert not proxy.serves_kept()
    wait_until(lambda: client.get(both.other_port).status == 0, "the other listener is gone", 20)
    both.write("virtualservices", "site", objects.flat_direct("live"))
    await_answer(both.http_port, "live")
    faults = [fault for one in clients for fault in one.faults]
    assert not faults, faults[:3]
    assert all(one.connections == 1 for one in clients), "connections were dropped"
    for one in clients:
        one.stop_connecting()
    # Nothing of what is gone comes back.
    both.await_kept("live")
    end(proxy.process)
    for process in scenario.processes:
        if "gloo" in process.args and process.running():
            end(process)
    both.proxy().await_ready()
    expect_answer(both.http_port, "live")
    assert client.get(both.other_port).status == 0, "a listener that was removed is served"


@SUITE.case("proxy: with a state folder, a start while the control plane is away serves what was served")
def survives_delta(scenario: Scenario) -> None:
    survives(scenario, "DELTA_GRPC")


@SUITE.case("proxy: the same with the state of the world")
def survives_state(scenario: Scenario) -> None:
    survives(scenario, "GRPC")


@SUITE.case("proxy: without anything kept, it waits for the control plane; refused configuration is not kept")
def nothing_kept(scenario: Scenario) -> None:
    both = Delivered(scenario)
    proxy = both.proxy()
    time.sleep(3)
    assert not proxy.is_ready(), "ready without configuration"
    gloo = both.gloo()
    await_answer(both.http_port, "hello", seconds=30)
    second = both.proxy()
    expect_line(second.process, "last-good-xds")  # one process at a time has it
    expect_exit(second.process, 1)
    end(gloo)
    proxy.process.signal(signal.SIGTERM)
    expect_exit(proxy.process, 0)
    both.template = both.template.replace("cluster_name: xds_cluster}", "cluster_name: nowhere}")
    refused = both.proxy()
    expect_line(refused.process, "--state-dir: .*envoy.yaml: line .* there is no static cluster nowhere")
    expect_exit(refused.process, 1)
