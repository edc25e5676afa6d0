"""`run`: what happens to the processes, their signals and their ports."""

import contextlib
import os
import pathlib
import signal
import socket
import threading
import time
from typing import Iterator

from harness import client, objects
from harness.ports import free_port, is_free, is_open
from harness.backend import Backend
from harness.process import APPLY_SECONDS, Gateway, Process, binary
from harness.scenario import (
    Scenario,
    Suite,
    await_answer,
    await_pid_gone,
    expect_answer,
    expect_exit,
    expect_line,
)
from harness.waiting import wait_until

SUITE = Suite()


@SUITE.case("run: a killed Envoy is started again, with back-off, and traffic comes back")
def kill_envoy(scenario: Scenario) -> None:
    scenario.write("site.yaml", objects.direct("site", "hello"))
    gateway = scenario.run()
    for pause in (100, 200, 400):
        mark = gateway.process.mark()
        (old,) = gateway.envoy_pids()
        os.kill(old, signal.SIGKILL)
        expect_line(gateway.process, f"signal 9.* again in {pause} ms", after=mark)
        await_answer(gateway.flags.http_port, "hello")
        assert gateway.envoy_pids() != [old]


@SUITE.case("run: edits while Envoy is away arrive")
def edit_without_envoy(scenario: Scenario) -> None:
    scenario.write("site.yaml", objects.direct("site", "old"))
    gateway = scenario.run()
    (old,) = gateway.envoy_pids()
    os.kill(old, signal.SIGKILL)
    scenario.write("site.yaml", objects.direct("site", "new"))
    await_answer(gateway.flags.http_port, "new")


def drain(scenario: Scenario, number: signal.Signals) -> None:
    """A request that is under way when the signal comes is still answered."""
    backend, port = scenario.backend()
    scenario.write("site.yaml", objects.to_backend("site", port))
    gateway = scenario.run(scenario.flags(drain_seconds=60))
    (envoy,) = gateway.envoy_pids()
    with hanging_request(gateway, backend) as answers:
        gateway.process.signal(number)
        expect_line(gateway.process, "draining")
        wait_until(
            lambda: not is_open(gateway.flags.http_port), "nobody new is let in", APPLY_SECONDS
        )
        assert not answers, f"an answer came before it was given: {answers}"
    expect_exit(gateway.process, 0)
    assert answers and answers[0].status == 200, f"the request in flight got {answers}"
    await_pid_gone(envoy)
    assert is_free(gateway.flags.http_port), "the port is still taken"


@contextlib.contextmanager
def hanging_request(gateway: Gateway, backend: Backend) -> Iterator[list[client.Response]]:
    """A request that the backend has and answers at the end; its answer is in the list then."""
    answers: list[client.Response] = []
    thread = threading.Thread(
        target=lambda: answers.append(client.get(gateway.flags.http_port, "/hold", seconds=60))
    )
    thread.start()
    try:
        wait_until(lambda: backend.seen("backend"), "the request at the backend", 5)
        yield answers
    finally:
        backend.release()
        thread.join(20)


@SUITE.case("run: SIGTERM drains")
def sigterm(scenario: Scenario) -> None:
    drain(scenario, signal.SIGTERM)


@SUITE.case("run: SIGINT drains")
def sigint(scenario: Scenario) -> None:
    drain(scenario, signal.SIGINT)


@SUITE.case("run: without requests in flight, SIGTERM is quick")
def quick_end(scenario: Scenario) -> None:
    scenario.write("site.yaml", objects.direct("site", "hello"))
    gateway = scenario.run(scenario.flags(drain_seconds=30))
    begin = time.monotonic()
    gateway.process.signal(signal.SIGTERM)
    expect_exit(gateway.process, 0)
    took = time.monotonic() - begin
    assert took < 5, f"took {took:.1f} s with nothing to drain"


@SUITE.case("run: draining ends when its time is over")
def drain_ends(scenario: Scenario) -> None:
    backend, port = scenario.backend()
    scenario.write("site.yaml", objects.to_backend("site", port))
    gateway = scenario.run(scenario.flags(drain_seconds=1))
    with hanging_request(gateway, backend) as answers:
        gateway.process.signal(signal.SIGTERM)
        expect_exit(gateway.process, 0)
        wait_until(lambda: answers, "the end of the request", 10)
    assert answers[0].status != 200, f"the request in flight got {answers}"


@SUITE.case("run: the second Ctrl-C ends it at once")
def second_interrupt(scenario: Scenario) -> None:
    backend, port = scenario.backend()
    scenario.write("site.yaml", objects.to_backend("site", port))
    gateway = scenario.run(scenario.flags(drain_seconds=3600))
    with hanging_request(gateway, backend):
        gateway.process.signal(signal.SIGINT)
        expect_line(gateway.process, "draining")
        gateway.process.signal(signal.SIGINT)
        expect_exit(gateway.process, 0)


@SUITE.case("run: SIGTERM ends it at once while Envoy is away")
def ends_without_envoy(scenario: Scenario) -> None:
    scenario.write("site.yaml", objects.direct("site", "hello"))
    gateway = scenario.run(scenario.flags(drain_seconds=3600))
    for pause in (100, 200, 400, 800, 1600):
        mark = gateway.process.mark()
        os.kill(gateway.envoy_pids()[0], signal.SIGKILL)
        expect_line(gateway.process, f"again in {pause} ms", after=mark)
        if pause < 1600:
            await_answer(gateway.flags.http_port, "hello")
    gateway.process.signal(signal.SIGTERM)
    expect_exit(gateway.process, 0)


@SUITE.case("run: kill -9 of the control plane leaves neither an Envoy nor a file behind")
def killed(scenario: Scenario) -> None:
    scenario.write("site.yaml", objects.direct("site", "hello"))
    temporary = scenario.folder / "tmp"
    temporary.mkdir()
    gateway = scenario.run(scenario.flags(env={"TMPDIR": str(temporary)}))
    (envoy,) = gateway.envoy_pids()
    gateway.process.signal(signal.SIGKILL)
    expect_exit(gateway.process, -signal.SIGKILL)
    await_pid_gone(envoy)
    left = [path.name for path in temporary.iterdir()]
    assert not left, f"left behind: {left}"


@contextlib.contextmanager
def taken_port() -> Iterator[int]:
    """A loopback port that somebody listens on."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        yield port


def port_in_use(scenario: Scenario, flag: str) -> None:
    """The start fails, with words that name the port."""
    scenario.write("site.yaml", objects.direct("site", "hello"))
    with taken_port() as port:
        process = scenario.launch(scenario.flags(**{flag: port})).process
        expect_exit(process, 1)
        expect_line(process, rf"\b{port}\b", "(?i)in use")


@SUITE.case("run: an HTTP port in use is a clear message and exit code 1")
def http_port_in_use(scenario: Scenario) -> None:
    port_in_use(scenario, "http_port")


@SUITE.case("run: an admin port in use is a clear message and exit code 1")
def admin_port_in_use(scenario: Scenario) -> None:
    port_in_use(scenario, "admin_port")


@SUITE.case("run: a missing Envoy is a clear message and exit code 1")
def missing_envoy(scenario: Scenario) -> None:
    scenario.write("site.yaml", objects.direct("site", "hello"))
    process = scenario.launch(scenario.flags(envoy="/nowhere/envoy")).process
    expect_exit(process, 1)
    expect_line(process, "/nowhere/envoy", "--envoy")


@SUITE.case("run: --to sends everything to one place, without any file")
def run_to(scenario: Scenario) -> None:
    backend, port = scenario.backend()
    gateway = scenario.run(scenario.flags(to=f"127.0.0.1:{port}"), with_folder=False)
    response = client.get(gateway.flags.http_port, "/a/b?c=d", host="any.example")
    assert response.status == 200, f"got {response}"
    assert backend.seen("backend")[0]["path"] == "/a/b?c=d"


@SUITE.case("run: neither folder nor --to is an error of usage")
def no_folder(scenario: Scenario) -> None:
    process = scenario.launch(with_folder=False).process
    assert process.wait_exit() != 0, "it ended with 0"
    expect_line(process, "--to")


@SUITE.case("run: ports come from the environment too")
def environment(scenario: Scenario) -> None:
    scenario.write("site.yaml", objects.direct("site", "hello"))
    flags = scenario.flags()
    env = {
        "K8SGATEWAY_HTTP_PORT": flags.http_port,
        "K8SGATEWAY_HTTPS_PORT": flags.https_port,
        "K8SGATEWAY_ADMIN_PORT": flags.admin_port,
        "K8SGATEWAY_XDS_PORT": 0,
        "K8SGATEWAY_ENVOY": flags.envoy,
    }
    process = scenario.own(
        Process(
            [str(binary(scenario.preset)), "run", str(scenario.objects)],
            {name: str(value) for name, value in env.items()},
        )
    )
    process.wait_ready()
    expect_answer(flags.http_port, "hello")


@SUITE.case("run: it listens on loopback only, unless told otherwise")
def loopback_only(scenario: Scenario) -> None:
    scenario.write("site.yaml", objects.direct("site", "hello"))
    gateway = scenario.run()
    listening = listening_addresses(gateway.flags.http_port)
    assert listening == {"127.0.0.1"}, f"listens on {listening}"


def listening_addresses(port: int) -> set[str]:
    """The local addresses that a TCP port is open on."""
    found = set()
    for name in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            address, _, number = local.partition(":")
            if state == "0A" and int(number, 16) == port:
                found.add(
                    socket.inet_ntoa(bytes.fromhex(address)[::-1])
                    if name == "tcp"
                    else "IPv6 " + address
                )
    return found
