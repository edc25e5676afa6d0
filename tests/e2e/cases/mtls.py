"""mTLS between the control plane and proxies: the chart's bootstraps, with real Envoys and `sds`."""

import contextlib
import http.client
import pathlib
import signal
import socket
import ssl
import threading
import time
from typing import Any, Callable, Iterator

from cases.file_mode import FileMode
from harness import client, mtls, objects
from harness.certificate_folder import CertificateFolder
from harness.certificates import Authority
from harness.ports import free_port, is_open
from harness.process import APPLY_SECONDS, Process
from harness.scenario import Scenario, Suite, await_answer, expect_answer, expect_exit, expect_line
from harness.waiting import wait_until

SUITE = Suite()
_SECONDS = 20.0
_HANDSHAKE_SECONDS = 5.0
# From the end of a connection until Envoy asks again it waits half a second at most; the rest is for a busy machine.
_RECONNECT_SECONDS = 5.0


class World:
    """A control plane in file mode on loopback, certificates, and the sidecar that stands in front of it."""

    def __init__(self, scenario: Scenario, sds: bool = True, **values: Any) -> None:
        self.scenario = scenario
        self.files = CertificateFolder(scenario.folder / "certificates", scenario.preset)
        self.mode = FileMode(scenario)
        self.sds = self.make_sds(self.files.folder, sds)
        self.sidecar = self.make_sidecar(self.sds, **values)
        if sds:
            self.sidecar.await_open()

    def make_sds(self, folder: pathlib.Path, start: bool = True, socket_path: pathlib.Path | None = None) -> mtls.Sds:
        return mtls.Sds(self.scenario.own, self.scenario.preset, folder, start, socket_path)

    def make_sidecar(self, sds: mtls.Sds, rest_port: int = 0, **values: Any) -> mtls.Sidecar:
        ports = self.mode.xds_port, rest_port or self.mode.rest_port
        return mtls.Sidecar(self.scenario.own, self.scenario.folder, sds, *ports, **values)

    def proxy(
        self, port: int = 0, api_type: str = "DELTA_GRPC", socket_path: pathlib.Path | None = None
    ) -> mtls.Proxy:
        """A proxy with an `sds` of its own, as in a pod of its own."""
        sds = self.make_sds(self.files.folder, socket_path=socket_path)
        return mtls.Proxy(
            self.scenario.own, self.scenario.folder, sds, port or self.sidecar.port, api_type
        )

    def say(self, text: str) -> None:
        self.mode.write("virtualservices", "site", objects.flat_direct(text))

    def await_answer(self, text: str) -> None:
        await_answer(self.mode.http_port, text, seconds=_SECONDS)

    def expect_served(self, context: ssl.SSLContext) -> None:
        """Both ports answer whoever has this certificate."""
        answer = mtls.fetch_listeners(self.sidecar.xds, context)
        assert str(self.mode.http_port).encode() in answer or b"listener" in answer, answer
        for protocol in mtls.REST_PROTOCOLS:
            assert _answers(self.sidecar.rest, context, protocol), protocol

    def expect_refused(self, make: Callable[[], ssl.SSLContext]) -> None:
        """Neither port answers, and the control plane is not even connected to."""
        names = (
            "cluster.xds.upstream_cx_total",
            "cluster.rest_xds.upstream_cx_total",
            "cluster.rest_xds.upstream_rq_total",
        )
        before = [self.sidecar.stat(name) for name in names]
        assert _is_refused(lambda: mtls.fetch_listeners(self.sidecar.xds, make())), "xDS was answered"
        for protocol in mtls.REST_PROTOCOLS:
            answered = f"REST was answered over {protocol}"
            assert _is_refused(lambda: mtls.post_discovery(self.sidecar.rest, make(), protocol=protocol)), answered
        assert [self.sidecar.stat(name) for name in names] == before, "the control plane was connected to"


def _answers(server: mtls.Server, context: ssl.SSLContext, protocol: str = "http/1.1") -> bool:
    """Whether REST xDS gives what is asked for."""
    status, answer = mtls.post_discovery(server, context, protocol=protocol)
    return status == 200 and b"versionInfo" in answer


def _is_refused(call: Callable[[], object]) -> bool:
    try:
        return not call()
    except (OSError, EOFError):
        return True


def _client(authority: pathlib.Path, pair: pathlib.Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority)
    if pair:
        context.load_cert_chain(pair / "tls.crt", pair / "tls.key")
    return context


@SUITE.case("mtls: a proxy is served through the sidecar, with all changes, and no Envoy warns")
def served(scenario: Scenario) -> None:
    world = World(scenario)
    # The second one gets its certificate as on the network of a node.
    proxies = [world.proxy()]
    world.await_answer("hello")
    proxies.append(world.proxy(api_type="GRPC", socket_path=scenario.folder / "sds.sock"))
    connected = lambda: proxies[1].stat(r"cluster\.xds_cluster\.ssl\.handshake")
    wait_until(connected, "the second proxy is connected", _SECONDS)
    world.say("changed")
    world.await_answer("changed")
    world.expect_served(world.files.client())
    assert world.sidecar.process.lines() == [], world.sidecar.process.log()
    for proxy in proxies:
        assert "deprecat" not in proxy.process.log(), proxy.process.log()


@SUITE.case("mtls: who has no certificate, or one that is not good, gets nothing, over xDS and REST")
def strangers(scenario: Scenario) -> None:
    # The authority is somebody's own, so it has signed certificates for others, too.
    authority, other = Authority(scenario.folder), Authority(scenario.folder, "other")
    world = World(scenario)
    issue = lambda name, days=2: authority.issue(scenario.folder / f"{name}{days}", name, days)
    good = issue(mtls.NAME)
    world.files.swap(**{f.name.replace(".", "_"): f.read_bytes() for f in good.glob("*.*")})
    trusted = authority.certificate

    def is_served() -> bool:
        return not _is_refused(lambda: mtls.fetch_listeners(world.sidecar.xds, _client(trusted, good)))

    wait_until(is_served, "the sidecar has the certificate", _SECONDS)
    bad = {
        "PEER_DID_NOT_RETURN_A_CERTIFICATE": None,
        "signed by nobody known": other.issue(scenario.folder / "foreign", mtls.NAME),
        "CERTIFICATE_VERIFY_FAILED": issue(mtls.NAME, -1),
        "SAN": issue("petstore.default.svc"),
    }
    for pair in bad.values():
        world.expect_refused(lambda pair=pair: _client(trusted, pair))
    world.expect_served(_client(trusted, good))
    for words in ("PEER_DID_NOT_RETURN_A_CERTIFICATE", "CERTIFICATE_VERIFY_FAILED"):
        expect_line(world.sidecar.process, '"refused"', "127.0.0.1", words)

    def old() -> ssl.SSLContext:
        context = _client(trusted, good)
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        return context

    world.expect_refused(old)


@SUITE.case("mtls: bytes without TLS reach nobody, and silence is ended")
def silent(scenario: Scenario) -> None:
    world = World(scenario, maxConnections=20)
    address = ("127.0.0.1", world.sidecar.port)
    with socket.create_connection(address, _SECONDS) as plain:
        plain.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        answer = plain.recv(100)
        assert answer[:1] in (b"", b"\x15"), f"an answer that is no alert of TLS: {answer!r}"
    begin = time.monotonic()
    with contextlib.ExitStack() as stack:
        many = [stack.enter_context(socket.create_connection(address, _SECONDS)) for _ in range(40)]
        # So many may wait; the others are ended at once, and hold no memory.
        listener = rf"listener\.127\.0\.0\.1_{world.sidecar.port}\.downstream_cx"
        wait_until(lambda: world.sidecar.stat(f"{listener}_active") == 20, "so many wait", _SECONDS)
        for one in many:
            assert _is_refused(lambda: one.recv(1)), "bytes for nothing"  # pylint: disable=cell-var-from-loop
    took = time.monotonic() - begin
    assert _HANDSHAKE_SECONDS - 1 < took < _HANDSHAKE_SECONDS + 15, took
    assert world.sidecar.stat("cluster.xds.upstream_cx_total") == 0
    world.expect_served(world.files.client())


@SUITE.case("mtls: a proxy takes nothing from a server with another name, or of another authority")
def impostors(scenario: Scenario) -> None:
    world = World(scenario)
    ours, other = Authority(scenario.folder), Authority(scenario.folder, "other")
    good = ours.issue(scenario.folder / "good", mtls.NAME)
    world.files.swap(**{f.name.replace(".", "_"): f.read_bytes() for f in good.glob("*.*")})
    for name, authority, stat in (
        ("petstore.default.svc", ours, "fail_verify_san"),
        (mtls.NAME, other, "fail_verify_error"),
    ):
        pair = authority.issue(scenario.folder / stat, name)
        with (pair / "ca.crt").open("ab") as file:  # it would take our proxies as clients
            file.write(ours.certificate.read_bytes())
        impostor = world.make_sidecar(world.make_sds(pair))
        impostor.await_open()
        proxy = world.proxy(impostor.port)
        refused = lambda: proxy.stat(rf"cluster\.xds_cluster\.ssl\.{stat}")  # pylint: disable=cell-var-from-loop
        wait_until(lambda: refused() > 1, f"{stat} is counted", _SECONDS)  # pylint: disable=cell-var-from-loop
        assert proxy.stat(r"cluster\.xds_cluster\.upstream_cx_rx_bytes_total") == 0
        assert client.get(world.mode.http_port).status != 200
        proxy.process.stop()
    world.proxy()
    world.await_answer("hello")


class _Load:
    """New connections with the files as they are, requests to the proxy, and how long its stream was away at once."""

    def __init__(self, world: World, proxy: mtls.Proxy) -> None:
        self.failures: list[str] = []
        self.counts = {"xds": 0, "rest": 0, "requests": 0}
        self.longest_away = 0.0
        self._world, self._proxy = world, proxy
        self._stop = threading.Event()

    @contextlib.contextmanager
    def run(self) -> Iterator[None]:
        world = self._world
        calls: dict[str, Callable[[], object]] = {
            "xds": lambda: mtls.fetch_listeners(world.sidecar.xds, world.files.client()),
            "rest": lambda: _answers(world.sidecar.rest, world.files.client()),
            "requests": lambda: client.get(world.mode.http_port).status == 200,
        }
        threads = [threading.Thread(target=self._repeat, args=call) for call in calls.items()]
        threads.append(threading.Thread(target=self._watch))
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(30)

    def _repeat(self, what: str, call: Callable[[], object]) -> None:
        while not self._stop.wait(0.01):
            try:
                if not call():
                    self.failures.append(f"{what}: no answer")
                self.counts[what] += 1
            except Exception as error:  # pylint: disable=broad-exception-caught
                self.failures.append(f"{what}: {error!r}")

    def _watch(self) -> None:
        seen = time.monotonic()
        while not self._stop.wait(0.02):
            # Who cannot be asked is not connected.
            with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
                if self._proxy.stat(r"control_plane\.connected_state"):
                    seen = time.monotonic()
            self.longest_away = max(self.longest_away, time.monotonic() - seen)


@SUITE.case("mtls: certificates rotate under load: nothing fails, and no stream is away for longer than to reconnect")
def rotation(scenario: Scenario) -> None:
    # Each connection ends after one to one and a half seconds, so that many begin in each of the steps.
    world = World(scenario, maxConnectionDuration="1s")
    proxy = world.proxy()
    world.await_answer("hello")
    load = _Load(world, proxy)
    connections = lambda: proxy.stat(r"cluster\.xds_cluster\.upstream_cx_total")
    before = connections()
    with load.run():
        for turn in range(2):
            command = world.files.command("--force-rotation", "--rotation-duration", "3s")
            steps = scenario.own(Process(command))
            step = 0
            while steps.running():
                step += 1
                world.say(f"turn-{turn}-{step}")
                await_answer(world.mode.http_port, f"turn-{turn}-{step}", seconds=APPLY_SECONDS)
            expect_exit(steps, 0)
    assert not load.failures, f"{len(load.failures)} failures, such as {load.failures[:3]}"
    assert min(load.counts.values()) > 50, load.counts
    assert load.longest_away < _RECONNECT_SECONDS, load.longest_away
    assert connections() - before >= 4, connections() - before
    for stat in (r"ssl\.fail_verify_error", r"ssl\.fail_verify_san", "upstream_cx_connect_fail"):
        assert proxy.stat(rf"cluster\.xds_cluster\.{stat}") == 0, stat


@SUITE.case("mtls: a stream that is open stays through a rotation")
def stays(scenario: Scenario) -> None:
    world = World(scenario)
    proxy = world.proxy()
    world.await_answer("hello")
    command = world.files.command("--force-rotation", "--rotation-duration", "1s")
    expect_exit(scenario.own(Process(command)), 0)
    world.say("changed")
    world.await_answer("changed")
    assert proxy.stat(r"cluster\.xds_cluster\.upstream_cx_total") == 1
    world.expect_served(world.files.client())


@SUITE.case("mtls: whoever starts before sds waits for it, and goes on when it is killed")
def sds_away(scenario: Scenario) -> None:
    world = World(scenario, sds=False)
    late = world.make_sds(world.files.folder, start=False)
    mtls.Proxy(scenario.own, scenario.folder, late, world.sidecar.port)
    time.sleep(1)
    # Closed, so that a probe of the port says that the pod is not ready.
    assert _is_refused(lambda: mtls.post_discovery(world.sidecar.rest, world.files.client()))
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", world.sidecar.port), 1).close()
        raise AssertionError("the sidecar is open without a certificate")
    world.sds.start()
    world.sidecar.await_open()
    world.expect_served(world.files.client())
    late.start()
    world.await_answer("hello")
    for sds in (world.sds, late):
        sds.process.signal(signal.SIGKILL)
        sds.process.wait_exit()
    world.expect_served(world.files.client())
    world.say("without-sds")
    world.await_answer("without-sds")
    world.sds.start()
    late.start()
    world.say("with-sds")
    world.await_answer("with-sds")
    world.expect_served(world.files.client())


@SUITE.case("mtls: a pair that is not good changes nothing")
def bad_pair(scenario: Scenario) -> None:
    world = World(scenario)
    context = world.files.client()
    mark = world.sds.process.mark()
    other = CertificateFolder(scenario.folder / "other", scenario.preset)
    world.files.swap(tls_key=(other.version() / "tls.key").read_bytes())
    expect_line(world.sds.process, "error", "served on", after=mark)
    world.expect_served(context)


@SUITE.case("mtls: where the command line has xDS behind the sidecar, Settings take it to no other port")
def kept_behind(scenario: Scenario) -> None:
    xds, rest = free_port(), free_port()
    flags = ["--xds-bind", f"127.0.0.1:{xds}", "--rest-xds-bind", f"127.0.0.1:{rest}"]
    mode = FileMode(scenario, more=flags)
    said = mode.xds_port, mode.rest_port

    def expect_kept() -> None:
        expect_line(mode.process, f"ready: xDS on 127.0.0.1:{xds}")
        expect_line(mode.process, f"ready: REST xDS on 127.0.0.1:{rest}")
        assert all(map(is_open, (xds, rest))) and not any(map(is_open, said)), said

    expect_line(mode.process, f"gloo.restXdsBindAddr 127.0.0.1:{said[1]} of Settings does not count: --rest-xds-bind says")
    expect_kept()
    mode.write_settings(address="0.0.0.0")
    expect_line(mode.process, f"gloo.xdsBindAddr 0.0.0.0:{said[0]} of Settings does not count: --xds-bind says")
    expect_kept()
    mode.process.stop()
    with socket.create_server(("127.0.0.1", rest)):
        mode.process = mode.start()
        expect_line(mode.process, "the command line: --rest-xds-bind", f"127.0.0.1:{rest}", "(?i)in use")
    expect_kept()
    mode.process.stop()
    mode.more = ["--xds-bind", "9999"]
    mode.process = mode.start()
    expect_exit(mode.process, 2)
    expect_line(mode.process, "--xds-bind", "is not HOST:PORT")
