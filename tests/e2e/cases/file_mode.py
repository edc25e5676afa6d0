"""`gloo`: file mode, with Envoys that others start."""

import json
import pathlib
import signal
import socket
from typing import Any

from harness import certificates, client, objects
from harness.ports import free_port, is_open
from harness.process import APPLY_SECONDS, Process, binary, default_envoy, replace_file
from harness.scenario import (
    Scenario,
    Suite,
    await_answer,
    await_kept,
    await_gone,
    expect_answer,
    expect_exit,
    expect_line,
)
from harness.sharding import MODULE, envoy_with_module, module_env
from harness.waiting import wait_until

SUITE = Suite()
_ROLE = "gloo-system~gateway-proxy"


class FileMode:
    """A `k8sgateway gloo` with its folder DATA."""

    def __init__(
        self, scenario: Scenario, xds_port: int | None = None, more: list[str] | None = None
    ) -> None:
        self.scenario = scenario
        self.more = more or []
        self.data = scenario.folder / "data"
        self.xds_port, self.http_port = xds_port or free_port(), free_port()
        self.fallback_port = free_port()
        self.validation_port = free_port()
        self.rest_port, self.debug_port = free_port(), free_port()
        self.write_settings()
        self.write("gateways", "gateway-proxy", objects.flat_gateway(self.http_port))
        self.write("virtualservices", "site", objects.flat_direct("hello"))
        self.process = self.start()

    def start(self) -> Process:
        """Starts the control plane, the first time or again."""
        args = [str(binary(self.scenario.preset)), "gloo", "--dir", str(self.data)]
        args += ["--fallback-port", str(self.fallback_port), "--status-file", str(self.status_path)]
        args += self.more + (["--route-shards", "16"] if self.scenario.divided else [])
        # Flags count more than variables.
        free = {f"K8SGATEWAY_{name}_BIND": "127.0.0.1:0" for name in ("HEALTH", "ADMIN")}
        return self.scenario.own(Process(args, {"POD_NAMESPACE": "gloo-system", **free}))

    @property
    def status_path(self) -> pathlib.Path:
        return self.scenario.folder / "status.json"

    def status(self) -> dict[str, Any]:
        """What the status file says."""
        return json.loads(self.status_path.read_text())

    @property
    def settings_path(self) -> pathlib.Path:
        return self.data / "gloo-system/default.yaml"

    def write_settings(
        self, config: str = "config", address: str = "127.0.0.1", max_bytes: int = 0
    ) -> None:
        addresses = f"{address}:{self.xds_port}", f"127.0.0.1:{self.validation_port}"
        more = f"127.0.0.1:{self.rest_port}", f"127.0.0.1:{self.debug_port}"
        text = objects.settings(str(self.data), *addresses, config, max_bytes, *more)
        _put(self.settings_path, text)

    def write(self, plural: str, name: str, text: str, config: str = "config") -> None:
        _put(self.data / config / plural / "gloo-system" / f"{name}.yaml", text)

    def envoy(
        self, role: str | None = _ROLE, api_type: str = "GRPC", runtime: str = "", static: str = ""
    ) -> Process:
        """Starts an Envoy, with the module where the case is to have divided tables; `static` are clusters of its own."""
        admin_port = free_port()
        program, env, module = default_envoy(), {}, ""
        if self.scenario.divided:
            program, env, module = envoy_with_module(self.scenario.preset), module_env(self.scenario.preset), MODULE
            api_type = "DELTA_GRPC"
        text = objects.bootstrap(self.xds_port, admin_port, role, api_type, runtime, module)
        path = self.scenario.folder / f"bootstrap-{admin_port}.yaml"
        path.write_text(text + static)
        self.scenario.admin_ports.append(admin_port)
        args = [program, "-c", str(path), "--disable-hot-restart"]
        return self.scenario.own(Process(args + ["-l", "warning", "--concurrency", "1"], env))

    def serve(self) -> Process:
        """Starts an Envoy and waits until it answers."""
        envoy = self.envoy()
        await_answer(self.http_port, "hello", seconds=20)
        return envoy


def _put(path: pathlib.Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, text)


@SUITE.case("gloo: an Envoy with the role of the proxy gets its configuration, and changes")
def serves(scenario: Scenario) -> None:
    mode = FileMode(scenario)
    mode.serve()
    mode.write("virtualservices", "site", objects.flat_direct("changed"))
    await_answer(mode.http_port, "changed")


@SUITE.case("gloo: an Envoy may ask for differences only")
def serves_delta(scenario: Scenario) -> None:
    mode = FileMode(scenario)
    mode.envoy(api_type="DELTA_GRPC")
    await_answer(mode.http_port, "hello", seconds=20)
    mode.write("virtualservices", "site", objects.flat_direct("changed"))
    await_answer(mode.http_port, "changed")


@SUITE.case("gloo: a file that breaks keeps its last good object, and is told with its line")
def last_good(scenario: Scenario) -> None:
    mode = FileMode(scenario)
    mode.serve()
    mark = mode.process.mark()
    mode.write("virtualservices", "site", objects.flat_direct("new").replace("domains:", "dmains:"))
    expect_line(mode.process, r"virtualservices/gloo-system/site\.yaml:3\b", "dmains", after=mark)
    expect_answer(mode.http_port, "hello")
    mode.write("virtualservices", "site", objects.flat_direct("mended"))
    await_answer(mode.http_port, "mended")


@SUITE.case("gloo: with --state-dir, a restart while a file is broken serves its last good object")
def restart_while_broken(scenario: Scenario) -> None:
    state = scenario.folder / "state"
    mode = FileMode(scenario, more=["--state-dir", str(state)])
    await_kept(state, "hello")
    mark = mode.process.mark()
    mode.write("virtualservices", "site", objects.flat_direct("new").replace("domains:", "dmains:"))
    expect_line(mode.process, r"virtualservices/gloo-system/site\.yaml:3\b", "dmains", after=mark)
    mode.process.stop()
    mode.process = mode.start()
    mode.serve()
    expect_line(mode.process, r"virtualservices/gloo-system/site\.yaml:3\b", "dmains")
    mode.write("virtualservices", "site", objects.flat_direct("mended"))
    await_answer(mode.http_port, "mended")


@SUITE.case("gloo: folders that Settings name are made when they are missing")
def missing_folders(scenario: Scenario) -> None:
    mode = FileMode(scenario)
    mode.serve()
    for name in ("config", "secret", "artifact"):
        assert (mode.data / name).is_dir(), f"{name} was not made"
    assert not (mode.data / "config/upstreams").exists()
    mode.write(
        "upstreams",
        "late",
        "metadata: {name: late, namespace: gloo-system}\n"
        "static: {hosts: [{addr: 127.0.0.1, port: 9}]}\n",
    )
    mode.write("virtualservices", "site", objects.flat_direct("still-here"))
    await_answer(mode.http_port, "still-here")


@SUITE.case("gloo: another folder of objects takes over while it runs")
def another_folder(scenario: Scenario) -> None:
    mode = FileMode(scenario)
    mode.write("virtualservices", "only-here", objects.flat_direct("old").replace("*", "a.example"))
    mode.write("gateways", "gateway-proxy", objects.flat_gateway(mode.http_port), "config2")
    mode.write("virtualservices", "site", objects.flat_direct("second-folder"), "config2")
    mode.serve()
    mode.write_settings(config="config2")
    await_answer(mode.http_port, "second-folder")
    await_answer(mode.http_port, "second-folder", host="a.example")
    mode.write("virtualservices", "site", objects.flat_direct("unread"))  # nobody looks there now
    mode.write("virtualservices", "site", objects.flat_direct("read"), "config2")
    await_answer(mode.http_port, "read")


@SUITE.case("gloo: of two folders, one inside of the other, either may go and leave the other's objects")
def nested_folders(scenario: Scenario) -> None:
    mode = FileMode(scenario)
    text = objects.flat_direct("inside").replace("*", "a.example")
    text = text.replace("name: site", "name: inside")
    mode.write("virtualservices", "inside", text, "config/sub")
    mode.serve()
    await_answer(mode.http_port, "inside", host="a.example")
    settings = mode.settings_path.read_text()
    more = settings.replace(f"{mode.data}/secret", f"{mode.data}/config/sub")
    for number, text in enumerate((more, settings)):
        revision = mode.status()["revision"]
        _put(mode.settings_path, text)
        wait_until(lambda: mode.status()["revision"] > revision, "the Settings count", APPLY_SECONDS)
        mode.write("virtualservices", "site", objects.flat_direct(f"later-{number}"))
        await_answer(mode.http_port, f"later-{number}")
        expect_answer(mode.http_port, "inside", host="a.example")


@SUITE.case("gloo: certificates come from directorySecretSource, and change while it runs")
def secrets(scenario: Scenario) -> None:
    mode = FileMode(scenario)
    ssl_port = free_port()
    path = mode.data / "secret/secrets/gloo-system/cert.yaml"

    def write_certificate(name: str) -> None:
        certificates.self_signed(scenario.folder, name)
        texts = [(scenario.folder / f"{name}.{ext}").read_text() for ext in ("crt", "key")]
        _put(path, objects.flat_secret("cert", *texts))

    def shown() -> str:
        target = client.Target(ssl_port, tls=True, sni="any.example")
        request = client.compose("GET", "/", "HTTP/1.1", [("host", "any.example")], b"")
        return client.exchange(target, request, retry_seconds=0, want_certificate=True).certificate

    write_certificate("first.example")
    gateway, service = objects.flat_tls(ssl_port, "cert")
    mode.write("gateways", "gateway-proxy-ssl", gateway)
    mode.write("virtualservices", "secure", service)
    mode.serve()
    wait_until(lambda: shown() == "CN=first.example", "the first certificate", APPLY_SECONDS)
    write_certificate("second.example")
    wait_until(lambda: shown() == "CN=second.example", "the second certificate", APPLY_SECONDS)
    mark = mode.process.mark()
    path.unlink()
    expect_line(mode.process, r"secure\.yaml:2\b", "there is no Secret", after=mark)
    wait_until(lambda: shown() == "", "no certificate", APPLY_SECONDS)
    expect_answer(mode.http_port, "hello")
    write_certificate("third.example")
    wait_until(lambda: shown() == "CN=third.example", "the third certificate", APPLY_SECONDS)


@SUITE.case("gloo: Settings that break keep what is in force, and are told with their line")
def broken_settings(scenario: Scenario) -> None:
    mode = FileMode(scenario)
    mode.serve()
    mark = mode.process.mark()
    _put(mode.settings_path, mode.settings_path.read_text().replace("xdsBindAddr", "xdsBindAdr"))
    expect_line(mode.process, r"default\.yaml:6\b", "xdsBindAdr", "xdsBindAddr", after=mark)
    mode.write("virtualservices", "site", objects.flat_direct("goes-on"))
    await_answer(mode.http_port, "goes-on")
    assert is_open(mode.xds_port)


@SUITE.case("gloo: Settings that go away keep what is in force")
def deleted_settings(scenario: Scenario) -> None:
    mode = FileMode(scenario)
    mode.serve()
    mark = mode.process.mark()
    mode.settings_path.unlink()
    expect_line(mode.process, "Settings gloo-system/default", "gone", after=mark)
    mode.write("virtualservices", "site", objects.flat_direct("goes-on"))
    await_answer(mode.http_port, "goes-on")
    mode.write("virtualservices", "site", objects.flat_direct("moved"), "config2")
    mode.write("gateways", "gateway-proxy", objects.flat_gateway(mode.http_port), "config2")
    mode.write_settings(config="config2")
    await_answer(mode.http_port, "moved")


@SUITE.case("gloo: Settings that are broken at the start are a clear message and exit code 1")
def broken_at_start(scenario: Scenario) -> None:
    mode = FileMode(scenario)
    mode.process.stop()
    _put(mode.settings_path, "gloo: [\n")
    process = mode.start()
    expect_exit(process, 1)
    expect_line(process, r"default\.yaml:\d")


@SUITE.case("gloo: xdsBindAddr moves while it runs")
def moves(scenario: Scenario) -> None:
    mode = FileMode(scenario)
    old_port = mode.xds_port
    envoy = mode.serve()
    mode.xds_port = free_port()
    mode.write_settings()
    wait_until(lambda: is_open(mode.xds_port), "the new xDS port is open", APPLY_SECONDS)
    wait_until(lambda: not is_open(old_port), "the old xDS port is closed", APPLY_SECONDS)
    expect_answer(mode.http_port, "hello")  # the Envoy of the old port keeps what it has
    envoy.stop()
    mode.serve()


@SUITE.case("gloo: xdsBindAddr moves to another address with the same port")
def moves_address(scenario: Scenario) -> None:
    mode = FileMode(scenario)
    mode.serve()
    mode.write_settings(address="0.0.0.0")
    wait_until(lambda: is_open(mode.xds_port, "127.0.0.2"), "127.0.0.2 is open", APPLY_SECONDS)
    mode.write("virtualservices", "site", objects.flat_direct("after"))
    await_answer(mode.http_port, "after", seconds=60)  # Envoy's own pauses are up to 30 s
    mode.write_settings(address="127.0.0.3")
    wait_until(lambda: not is_open(mode.xds_port), "127.0.0.1 is closed", APPLY_SECONDS)
    wait_until(lambda: is_open(mode.xds_port, "127.0.0.3"), "127.0.0.3 is open", APPLY_SECONDS)


@SUITE.case("gloo: an xdsBindAddr that is taken waits for it, and serves on the old one until then")
def moves_to_taken(scenario: Scenario) -> None:
    mode = FileMode(scenario)
    mode.serve()
    old_port, mode.xds_port = mode.xds_port, free_port()
    with socket.create_server(("127.0.0.1", mode.xds_port)):
        mark = mode.process.mark()
        mode.write_settings()
        expect_line(
            mode.process, r"default\.yaml:6\b", str(mode.xds_port), "(?i)in use", after=mark
        )
        assert is_open(old_port), "the old port is closed"
        mode.write("virtualservices", "site", objects.flat_direct("meanwhile"))
        await_answer(mode.http_port, "meanwhile")
    wait_until(lambda: not is_open(old_port), "the old port is closed", 30)
    expect_line(mode.process, f"ready: xDS on 127.0.0.1:{mode.xds_port}", after=mark)
    complaints = [line for line in mode.process.lines()[mark:] if "xdsBindAddr" in line]
    assert len(complaints) == 1, f"told more than once: {complaints}"


@SUITE.case("gloo: an Envoy without a role gets the listener that says so")
def without_role(scenario: Scenario) -> None:
    mode = FileMode(scenario)
    mode.envoy(None)
    wait_until(
        lambda: client.get(mode.fallback_port, "/any").status == 500,
        "500 from the fallback listener",
        20,
    )
    assert client.get(mode.fallback_port).body, "the answer explains nothing"


@SUITE.case("gloo: an Envoy with an unknown role gets it too, and its own once it exists")
def unknown_role(scenario: Scenario) -> None:
    mode = FileMode(scenario)
    mode.envoy("gloo-system~late")
    wait_until(lambda: client.get(mode.fallback_port).status == 500, "the fallback listener", 20)
    port = free_port()
    gateway = objects.flat_gateway(port).replace("gateway-proxy", "late")
    mode.write("gateways", "late", gateway + "proxyNames: [late]\n")
    await_answer(port, "hello")


@SUITE.case("gloo: an Envoy survives the restart of the control plane")
def restart(scenario: Scenario) -> None:
    mode = FileMode(scenario)
    mode.serve()
    mode.process.stop()
    expect_answer(mode.http_port, "hello")
    mode.write("virtualservices", "site", objects.flat_direct("second-life"))
    mode.start()
    await_answer(mode.http_port, "second-life", seconds=60)  # Envoy's own pauses are up to 30 s


@SUITE.case("gloo: an Envoy may be there before the control plane")
def envoy_first(scenario: Scenario) -> None:
    mode = FileMode(scenario)
    mode.process.stop()
    mode.envoy()
    mode.start()
    await_answer(mode.http_port, "hello", seconds=60)


@SUITE.case("gloo: SIGTERM ends it with 0")
def sigterm(scenario: Scenario) -> None:
    mode = FileMode(scenario)
    wait_until(lambda: is_open(mode.xds_port), "the xDS port is open", 20)
    mode.process.signal(signal.SIGTERM)
    expect_exit(mode.process, 0)


@SUITE.case("gloo: SIGINT ends it with 0, while an Envoy goes on serving")
def sigint(scenario: Scenario) -> None:
    mode = FileMode(scenario)
    mode.serve()
    mode.process.signal(signal.SIGINT)
    expect_exit(mode.process, 0)
    expect_answer(mode.http_port, "hello")


@SUITE.case("gloo: an xDS port in use is a clear message and exit code 1")
def port_in_use(scenario: Scenario) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        process = FileMode(scenario, xds_port=port).process
        expect_exit(process, 1)
        expect_line(process, rf"\b{port}\b", "(?i)in use", "xdsBindAddr")


@SUITE.case("gloo: two control planes do not share a port")
def two(scenario: Scenario) -> None:
    mode = FileMode(scenario)
    wait_until(lambda: is_open(mode.xds_port), "the xDS port is open", 20)
    second = mode.start()
    expect_exit(second, 1)
    expect_line(second, rf"\b{mode.xds_port}\b", "(?i)in use")
    mode.serve()


@SUITE.case("gloo: a deleted object is taken from Envoys")
def deleted(scenario: Scenario) -> None:
    mode = FileMode(scenario)
    mode.serve()
    (mode.data / "config/virtualservices/gloo-system/site.yaml").unlink()
    await_gone(mode.http_port)
