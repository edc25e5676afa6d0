"""`gloo`: the validation service, asked by a client of its own."""

import socket

from cases.file_mode import FileMode
from harness import objects
from harness.ports import free_port, is_open
from harness.process import APPLY_SECONDS, Process, binary
from harness.scenario import Scenario, Suite, expect_exit, expect_line
from harness.waiting import wait_until

SUITE = Suite()
_UPSTREAM = (
    "metadata: {name: u, namespace: gloo-system}\nstatic: {hosts: [{addr: 127.0.0.1, port: 9}]}\n"
)


def _client(mode: FileMode, *words: str) -> Process:
    program = binary(mode.scenario.preset).parent / "tests/validation_client"
    args = [str(program), f"127.0.0.1:{mode.validation_port}", *words]
    return mode.scenario.own(Process(args))


def _ask(mode: FileMode, *words: str, code: int = 0) -> str:
    """What the client printed."""
    client = _client(mode, *words)
    expect_exit(client, code)
    return "\n".join(client.lines())


def _start(scenario: Scenario) -> FileMode:
    mode = FileMode(scenario)
    expect_line(mode.process, f"ready: validation on 127.0.0.1:{mode.validation_port}")
    return mode


def _write_route_to_upstream(mode: FileMode) -> None:
    route = "routeAction: {single: {upstream: {name: u, namespace: gloo-system}}}"
    mode.write("upstreams", "u", _UPSTREAM)
    service = objects.flat_direct("x").split("directResponseAction")[0] + route
    mode.write("virtualservices", "site", service + "\n")


@SUITE.case("validation service: reports on the Proxies, and on what a deletion would do")
def reports(scenario: Scenario) -> None:
    mode = _start(scenario)
    _write_route_to_upstream(mode)
    wait_until(lambda: "name: \"u\"" in _ask(mode, "validate"), "the route counts", APPLY_SECONDS)
    said = _ask(mode, "validate")
    assert "listener_reports" in said and "gateway-proxy" in said, said
    assert "there is no Upstream" not in said, said
    assert "there is no Upstream gloo-system/u" in _ask(mode, "delete", "gloo-system", "u")
    assert "there is no such Upstream" in _ask(mode, "delete", "gloo-system", "nobody")
    assert "there is no Upstream" not in _ask(mode, "validate")


@SUITE.case("validation service: subscribers hear of each change that matters")
def notifies(scenario: Scenario) -> None:
    mode = _start(scenario)
    listener = _client(mode, "listen")
    wait_until(lambda: listener.lines() == ["resync"], "the first message", APPLY_SECONDS)
    mode.write("upstreams", "u", _UPSTREAM)
    wait_until(lambda: len(listener.lines()) == 2, "the second message", APPLY_SECONDS)
    mode.process.stop()
    expect_exit(listener, 1)


@SUITE.case("validation service: messages may be as large as Settings say, from the next moment on")
def message_size(scenario: Scenario) -> None:
    mode = _start(scenario)
    assert "annotations" not in _ask(mode, "grow", "1000000")
    mark = mode.process.mark()
    mode.write_settings(max_bytes=10_000)
    expect_line(mode.process, "ready: validation on", after=mark)
    assert "failed: 8" in _ask(mode, "grow", "1000000", code=1)
    assert "listener_reports" in _ask(mode, "validate")


@SUITE.case("validation service: the port offers nothing else")
def nothing_else(scenario: Scenario) -> None:
    mode = _start(scenario)
    for method in ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "/a.B/C"):
        assert "failed: 12" in _ask(mode, "call", method, code=1)


@SUITE.case("validation service: validationBindAddr moves while it runs; a port that is taken is waited for")
def moves(scenario: Scenario) -> None:
    mode = _start(scenario)
    old_port, mode.validation_port = mode.validation_port, free_port()
    with socket.create_server(("127.0.0.1", mode.validation_port)):
        mark = mode.process.mark()
        mode.write_settings()
        expect_line(mode.process, r"default\.yaml:7\b", "validationBindAddr", "(?i)in use", after=mark)
        assert is_open(old_port), "the old port is closed"
    wait_until(lambda: not is_open(old_port), "the old port is closed", 30)
    assert "listener_reports" in _ask(mode, "validate")


@SUITE.case("validation service: a port that is taken at the start keeps nobody from xDS")
def taken(scenario: Scenario) -> None:
    mode = FileMode(scenario)
    mode.process.stop()
    with socket.create_server(("127.0.0.1", mode.validation_port)):
        mode.process = mode.start()
        expect_line(mode.process, "ready: xDS")
        expect_line(mode.process, "validationBindAddr", "(?i)in use")
        mode.serve()
    expect_line(mode.process, "ready: validation on")
    assert "listener_reports" in _ask(mode, "validate")
