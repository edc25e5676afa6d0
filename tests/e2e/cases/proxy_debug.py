"""`gloo`: the Proxies, shown over gRPC."""

import socket

from cases.file_mode import FileMode
from harness import objects
from harness.ports import free_port, is_open
from harness.process import APPLY_SECONDS, Process, binary
from harness.scenario import Scenario, Suite, expect_exit, expect_line
from harness.waiting import wait_until

SUITE = Suite()


def _ask(mode: FileMode, *words: str, code: int = 0) -> str:
    """What the client printed."""
    program = binary(mode.scenario.preset).parent / "tests/proxies_client"
    client = mode.scenario.own(Process([str(program), f"127.0.0.1:{mode.debug_port}", *words]))
    expect_exit(client, code)
    return "\n".join(client.lines())


def _start(scenario: Scenario) -> FileMode:
    mode = FileMode(scenario)
    expect_line(mode.process, f"ready: proxy debug on 127.0.0.1:{mode.debug_port}")
    return mode


@SUITE.case("proxy debug: shows the Proxies of the moment, by namespace, name and labels")
def shows(scenario: Scenario) -> None:
    mode = _start(scenario)
    said = _ask(mode)
    assert 'name: "gateway-proxy"' in said and f"bind_port: {mode.http_port}" in said, said
    assert 'body: "hello"' in said, said
    assert _ask(mode, "gloo-system", "gateway-proxy") == said
    assert _ask(mode, "-", "-", "created_by=gloo-gateway") == said
    assert _ask(mode, "-", "-", "created_by!=gloo-gateway") == ""
    assert _ask(mode, "elsewhere") == ""
    assert "failed: 5 there is no Proxy gloo-system/nobody" in _ask(mode, "gloo-system", "nobody", code=1)
    assert "failed: 3 namespace" in _ask(mode, "-", "gateway-proxy", code=1)
    assert "failed: 3 expression_selector" in _ask(mode, "-", "-", "a is b", code=1)
    mode.write("virtualservices", "site", objects.flat_direct("changed"))
    wait_until(lambda: 'body: "changed"' in _ask(mode), "the change is seen", APPLY_SECONDS)


@SUITE.case("proxy debug: proxyDebugBindAddr moves while it runs; a port that is taken is waited for")
def moves(scenario: Scenario) -> None:
    mode = _start(scenario)
    old_port, mode.debug_port = mode.debug_port, free_port()
    with socket.create_server(("127.0.0.1", mode.debug_port)):
        mark = mode.process.mark()
        mode.write_settings()
        expect_line(mode.process, r"default\.yaml:9\b", "proxyDebugBindAddr", "(?i)in use", after=mark)
        assert is_open(old_port), "the old port is closed"
    wait_until(lambda: not is_open(old_port), "the old port is closed", 30)
    assert "gateway-proxy" in _ask(mode)
