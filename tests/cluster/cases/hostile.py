"""Hostile clients of the webhook: what they say makes it do nothing, and however they come, others are answered."""

import contextlib
import pathlib
import socket
import ssl
import threading
import time
from typing import Any, Iterator

from cases.admission import attempt, set_validation, validated
from harness.process import binary
from harness.scenario import Suite
from support import webhook
from support.cluster import Object
from support.objects import gateway, meta, says, static_upstream, to_upstream, upstream, virtual_service
from support.scenario import Scenario
from support.trace import Trace, traced

SUITE = Suite()
_MARK = "evil-mark"  # in all that hostile objects say
_API_SERVER = "172.30.0.1:6443"
_SLOW_CLIENTS = 300
_TRIES = 5


def _refused_names(path: str) -> list[str]:
    """As if they were parts of a path or of a command; no API server stores them."""
    climb = "../" * 12
    return [f"{climb}{path}", f"x;touch {path}", f"$(touch {path})", f"`touch {path}`", f"|touch {path}", f"-{_MARK}"]


def _fetching(url: str, path: str) -> list[Object]:
    """Objects that name addresses and files, in every field that somebody might follow."""
    host, image = f"{_MARK}.example", url.removeprefix("http://")
    logs = {"accessLog": [{"fileSink": {"path": path, "stringFormat": f"$(touch {path})%PROTOCOL%\n"}}]}
    wasm = {"filters": [{"image": image, "name": _MARK}, {"filePath": path, "name": "file"}]}
    files = {"tlsCert": path, "tlsKey": path, "rootCa": path}
    jwks = {"remote": {"url": url, "upstreamRef": meta(_MARK, "default")}}
    jwt = {"jwtStaged": {"beforeExtAuth": {"providers": {"p": {"issuer": url, "jwks": jwks}}}}}
    rest = {"serviceSpec": {"rest": {"swaggerInfo": {"url": url}}}}
    secure = {"sslConfig": {"sslFiles": files}}
    return [
        gateway(_MARK, 8099, options={"accessLoggingService": logs, "listenerAccessLoggingService": logs}),
        gateway(f"{_MARK}-wasm", 8098, httpGateway={"options": {"wasm": wasm}}),
        virtual_service(_MARK, host, says(f"$(touch {path})"), options=jwt),
        virtual_service(f"{_MARK}-files", host, says("x"), **secure),
        static_upstream(f"{_MARK}-name", host),
        upstream(f"{_MARK}-files", static={"hosts": [{"addr": "127.0.0.1", "port": 1}]}, **secure),
        upstream(f"{_MARK}-rest", static={"hosts": [{"addr": "127.0.0.1", "port": 1}], **rest}),
        upstream(f"{_MARK}-pipe", pipe={"path": path}),
    ]


@contextlib.contextmanager
def _trap(scenario: Scenario) -> Iterator[tuple[str, pathlib.Path, Trace]]:
    """An address that nobody may ask for, a file that nobody may make, and all that the control plane does."""
    stage = scenario.stage()
    path = stage.folder / f"{_MARK}.file"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/{_MARK}"
        with traced(stage.control_plane.process.pid, stage.folder / "trace") as trace:
            yield url, path, trace
        with contextlib.suppress(BlockingIOError):
            raise AssertionError(f"somebody came to {url}: {listener.accept()}")
    assert not path.exists(), f"{path} was made"
    assert trace.peers() <= {_API_SERVER}, trace.peers()
    # Threads write their names below /proc.
    own = (str(stage.state), str(stage.control_plane.status_file), '"/dev/null"', '"/proc/self/task/')
    written = [line for line in trace.written() if _MARK in line or not any(place in line for place in own)]
    assert not written, written


@SUITE.case("hostile reviews make the webhook start nothing, write nothing, look nothing up and open nothing")
def does_nothing(scenario: Scenario) -> None:
    with _trap(scenario) as (url, path, trace):
        objects = _fetching(url, str(path))
        for name in _refused_names(str(path)):
            one = virtual_service(name, f"{_MARK}.example", to_upstream(name, name))
            objects += [{**one, "metadata": meta(name, name)}, static_upstream(name, name)]
        for one in objects:
            for operation in ("CREATE", "DELETE"):
                status, said = webhook.ask(webhook.review(one, operation))
                assert status == 200 and '"allowed"' in said, (one, status, said)
    assert not trace.started(), trace.started()
    assert not [line for line in trace.calls() if _MARK in line], trace.calls()


@SUITE.case("when Envoy is asked, hostile reviews start Envoy alone, and it writes nothing and looks nothing up")
def envoy_does_nothing(scenario: Scenario) -> None:
    stage = scenario.stage()
    set_validation(scenario, fullEnvoyValidation=True)
    try:
        with _trap(scenario) as (url, path, trace):
            good = webhook.review(virtual_service("good", f"good.{scenario.host}", says("x")))
            stage.wait(lambda: webhook.ask(good)[0] == 200 and trace.started(), "Envoy is asked")
            for one in _fetching(url, str(path)):
                before = len(trace.started())
                status, said = webhook.ask(webhook.review(one))
                assert status == 200 and '"allowed"' in said, (one, status, said)
                scenario.note(f"{one['kind']} {one['metadata']['name']}: {len(trace.started()) - before} times Envoy")
    finally:
        set_validation(scenario)
    envoy = binary(scenario.preset).with_name("envoy")
    strange = [line for line in trace.started() if _MARK in line or f'"{envoy}"' not in line.split(",")[0]]
    assert not strange, strange


class _SlowClients:
    """Each sends a line of a request that has no end, again and again, and comes again when it is cut off."""

    def __init__(self) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE
        self._stop = threading.Event()
        self._open: list[Any] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "_SlowClients":
        for _ in range(_SLOW_CLIENTS):
            self._open.append(self._connect())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for one in filter(None, self._open):
            one.close()

    def _connect(self) -> ssl.SSLSocket | None:
        with contextlib.suppress(OSError):
            plain = socket.create_connection(("172.30.0.1", webhook.PORT), 5)
            secure = self._context.wrap_socket(plain)
            secure.sendall(b"POST /validation HTTP/1.1\r\n")
            return secure
        return None

    def _run(self) -> None:
        while not self._stop.wait(0.2):
            for index, one in enumerate(self._open):
                try:
                    assert one
                    one.sendall(b"a: b\r\n")
                except (AssertionError, OSError):
                    self._open[index] = self._connect()


@SUITE.case("300 connections to the webhook that never finish a request keep nobody from it")
def slow_clients(scenario: Scenario) -> None:
    good = virtual_service("good", scenario.host, says("good"))
    with validated(scenario, allowWarnings=True), _SlowClients():
        slowest = 0.0
        for _ in range(_TRIES):
            begin = time.monotonic()
            taken, said = attempt(scenario, good, dry=True)
            slowest = max(slowest, time.monotonic() - begin)
            assert taken, said
        scenario.note(f"{_TRIES} times kubectl beside them, the slowest took {slowest:.2f} s")
