#!/usr/bin/env python3
"""Tests whole processes: `k8sgateway run` and `k8sgateway gloo` with real Envoys.

Each case starts its own processes on free ports. Every wait is for a condition, with a deadline.
"""

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from typing import Callable, Iterator

from harness import client, objects
from harness.backend import Backend, Identity
from harness.ports import free_port, is_free
from harness.process import (
    APPLY_SECONDS,
    Gateway,
    Process,
    RunFlags,
    binary,
    default_envoy,
    replace_file,
    require_binary,
)
from harness.report import Report
from harness.waiting import wait_until

FALLBACK_PORT = 8080  # where an Envoy without a role listens
_SHOWN_LINES = 80


class Skip(Exception):
    """The case cannot be tried on this machine now."""


class Test:
    """What a case works with; ends everything that the case started."""

    def __init__(self, folder: pathlib.Path, preset: str) -> None:
        self.folder = folder
        self.preset = preset
        self.objects = folder / "objects"
        self.objects.mkdir()
        self.cleanup = contextlib.ExitStack()
        self.processes: list[Process] = []

    def flags(self, **changes: object) -> RunFlags:
        return RunFlags(preset=self.preset, **changes)  # type: ignore[arg-type]

    def write(self, name: str, text: str) -> pathlib.Path:
        """Writes an object file in one step."""
        path = self.objects / name
        replace_file(path, text)
        return path

    def launch(self, flags: RunFlags | None = None, with_folder: bool = True) -> Gateway:
        """Starts `run` without waiting for anything."""
        gateway = Gateway(self.folder, self.objects if with_folder else None, flags or self.flags())
        self.own(gateway.process)
        return gateway

    def run(self, flags: RunFlags | None = None, with_folder: bool = True) -> Gateway:
        """Starts `run` and waits until it is ready."""
        gateway = self.launch(flags, with_folder)
        gateway.process.wait_ready()
        return gateway

    def own(self, process: Process) -> Process:
        """Ends a process with the case, and shows its output when the case fails."""
        self.processes.append(process)
        self.cleanup.callback(process.stop)
        return process

    def backend(self) -> tuple[Backend, int]:
        backend = Backend()
        self.cleanup.callback(backend.close)
        return backend, backend.listen(Identity())


CASES: list[tuple[str, Callable[[Test], None]]] = []


def case(name: str) -> Callable[[Callable[[Test], None]], Callable[[Test], None]]:
    """Registers a case under its name."""

    def register(function: Callable[[Test], None]) -> Callable[[Test], None]:
        CASES.append((name, function))
        return function

    return register


def await_answer(
    port: int, body: str, host: str = "localhost", status: int = 200, seconds: float = APPLY_SECONDS
) -> None:
    """Waits until a GET has this answer."""
    last = client.Response()

    def answered() -> bool:
        nonlocal last
        last = client.get(port, host=host)
        return last.status == status and last.body.decode() == body

    try:
        wait_until(answered, f"{status} {body!r}", seconds)
    except TimeoutError as error:
        raise TimeoutError(
            f"{error}; the last answer was {last.status} {last.body!r} {last.error}"
        ) from None


def await_gone(port: int, host: str = "localhost") -> None:
    """Waits until a GET is no longer answered with 200."""
    wait_until(lambda: client.get(port, host=host).status != 200, "no more 200", APPLY_SECONDS)


def expect_answer(port: int, body: str, host: str = "localhost") -> None:
    """Fails unless a GET has this answer now."""
    response = client.get(port, host=host)
    assert (response.status, response.body.decode()) == (
        200,
        body,
    ), f"expected 200 {body!r}, got {response.status} {response.body!r} {response.error}"


def expect_line(process: Process, *patterns: str, after: int = 0) -> str:
    """Waits for a line of the output that all the patterns are found in."""
    return process.wait_line(
        lambda line: all(re.search(p, line) for p in patterns),
        f"a line with {' and '.join(patterns)}",
        after,
    )


def expect_exit(process: Process, code: int) -> None:
    actual = process.wait_exit()
    assert actual == code, f"expected exit code {code}, got {actual}"


# --- run: files


@case("run: start, ready, an answer")
def start(test: Test) -> None:
    test.write("site.yaml", objects.direct("site", "hello"))
    gateway = test.run()
    expect_answer(gateway.flags.http_port, "hello")  # ready means ready: no second try
    status = gateway.wait_applied(0)
    assert status["errors"] == 0, f"errors in {status}"


@case("run: an edit in place gives the new answer")
def edit(test: Test) -> None:
    site = test.write("site.yaml", objects.direct("site", "old"))
    gateway = test.run()
    expect_answer(gateway.flags.http_port, "old")
    site.write_text(objects.direct("site", "new"))
    await_answer(gateway.flags.http_port, "new")


@case("run: a half-written file keeps the old answer and is told with file and line")
def half_written(test: Test) -> None:
    site = test.write("site.yaml", objects.direct("site", "old"))
    gateway = test.run()
    mark = gateway.process.mark()
    site.write_text(objects.direct("site", "new").rpartition("status: 200")[0])
    expect_line(gateway.process, r"site\.yaml:\d+", after=mark)
    expect_answer(gateway.flags.http_port, "old")
    site.write_text(objects.direct("site", "whole"))
    await_answer(gateway.flags.http_port, "whole")


@case("run: an unknown field is told with file and line")
def unknown_field(test: Test) -> None:
    test.write("site.yaml", objects.direct("site", "hello").replace("domains:", "dmains:"))
    gateway = test.run()
    expect_line(gateway.process, r"site\.yaml:6\b", "dmains")


@case("run: a bad object keeps its last good version while another changes")
def last_good(test: Test) -> None:
    test.write("a.yaml", objects.direct("a", "old-a", "a.example"))
    test.write("b.yaml", objects.direct("b", "old-b", "b.example"))
    gateway = test.run()
    mark = gateway.process.mark()
    test.write("a.yaml", objects.without_action("a"))
    expect_line(gateway.process, r"a\.yaml:\d+", after=mark)
    test.write("b.yaml", objects.direct("b", "new-b", "b.example"))
    await_answer(gateway.flags.http_port, "new-b", "b.example")
    expect_answer(gateway.flags.http_port, "old-a", "a.example")
    assert gateway.status()["errors"] > 0, "the bad object is not counted"
    mark = gateway.process.mark()
    test.write("a.yaml", objects.direct("a", "new-a", "a.example"))
    await_answer(gateway.flags.http_port, "new-a", "a.example")
    wait_until(lambda: gateway.status()["errors"] == 0, "no more errors", APPLY_SECONDS)


@case("run: an sslConfig whose Secret is missing keeps nobody waiting")
def missing_secret(test: Test) -> None:
    test.write("site.yaml", objects.direct("site", "hello"))
    secret = "spec:\n  sslConfig: {secretRef: {name: missing, namespace: default}}"
    test.write("tls.yaml", objects.direct("tls", "never", "tls.example").replace("spec:", secret, 1))
    gateway = test.run()  # ready, although the listener of 8443 has nothing to show
    expect_answer(gateway.flags.http_port, "hello")
    status = gateway.wait_applied(0)
    assert status["in_sync"] and status["errors"] == 1, f"not as expected: {status}"


@case("run: a deleted file takes its objects with it")
def delete_file(test: Test) -> None:
    test.write("a.yaml", objects.direct("a", "a", "a.example"))
    gone = test.write("b.yaml", objects.direct("b", "b", "b.example"))
    gateway = test.run()
    expect_answer(gateway.flags.http_port, "b", "b.example")
    gone.unlink()
    await_answer(gateway.flags.http_port, "", "b.example", status=404)
    expect_answer(gateway.flags.http_port, "a", "a.example")


@case("run: the folder is deleted and comes back")
def delete_folder(test: Test) -> None:
    test.write("site.yaml", objects.direct("site", "before"))
    gateway = test.run()
    shutil.rmtree(test.objects)
    await_gone(gateway.flags.http_port)
    test.objects.mkdir()
    (test.objects / "site.yaml").write_text(objects.direct("site", "after"))
    await_answer(gateway.flags.http_port, "after")
    (test.objects / "site.yaml").write_text(objects.direct("site", "later"))
    await_answer(gateway.flags.http_port, "later")


@case("run: the folder appears after the start")
def late_folder(test: Test) -> None:
    test.objects.rmdir()
    gateway = test.run()
    test.objects.mkdir()
    test.write("site.yaml", objects.direct("site", "hello"))
    await_answer(gateway.flags.http_port, "hello")


@case("run: a file renamed into place is read")
def atomic_rename(test: Test) -> None:
    test.write("site.yaml", objects.direct("site", "old"))
    gateway = test.run()
    for number in range(5):
        test.write("site.yaml", objects.direct("site", f"new-{number}"))
        await_answer(gateway.flags.http_port, f"new-{number}")


@case("run: the swap of ..data is noticed, before the old folder is removed")
def symlink_swap(test: Test) -> None:
    def version(name: str, body: str) -> pathlib.Path:
        folder = test.objects / name
        folder.mkdir()
        (folder / "site.yaml").write_text(objects.direct("site", body))
        (test.objects / "..data_tmp").symlink_to(name)
        os.rename(test.objects / "..data_tmp", test.objects / "..data")
        return folder

    old = version("..2024_01", "old")
    (test.objects / "site.yaml").symlink_to("..data/site.yaml")
    gateway = test.run()
    expect_answer(gateway.flags.http_port, "old")
    version("..2024_02", "new")
    await_answer(gateway.flags.http_port, "new")
    shutil.rmtree(old)
    third = version("..2024_03", "newest")
    await_answer(gateway.flags.http_port, "newest")
    assert third.exists()


@case("run: a sub-folder with files is moved in, and out")
def subfolder(test: Test) -> None:
    test.write("a.yaml", objects.direct("a", "a", "a.example"))
    gateway = test.run()
    outside = test.folder / "outside"
    outside.mkdir()
    (outside / "b.yaml").write_text(objects.direct("b", "b", "b.example"))
    os.rename(outside, test.objects / "team")
    await_answer(gateway.flags.http_port, "b", "b.example")
    os.rename(test.objects / "team", outside)
    await_answer(gateway.flags.http_port, "", "b.example", status=404)


@case("run: many fast edits end with the last one")
def many_edits(test: Test) -> None:
    test.write("site.yaml", objects.direct("site", "start"))
    gateway = test.run()
    for number in range(200):
        test.write("site.yaml", objects.direct("site", f"edit-{number}"))
    await_answer(gateway.flags.http_port, "edit-199")


# --- run: the process


@case("run: a killed Envoy is started again, with back-off, and traffic comes back")
def kill_envoy(test: Test) -> None:
    test.write("site.yaml", objects.direct("site", "hello"))
    gateway = test.run()
    gaps = []
    for _ in range(3):
        (old,) = gateway.envoy_pids()
        os.kill(old, signal.SIGKILL)
        killed = time.monotonic()
        wait_until(lambda: [p for p in gateway.envoy_pids() if p != old], "a new Envoy", 10)
        gaps.append(time.monotonic() - killed)
        await_answer(gateway.flags.http_port, "hello")
    assert gaps[2] > gaps[0], f"the pauses before restarts do not grow: {gaps}"


@case("run: edits while Envoy is away arrive")
def edit_without_envoy(test: Test) -> None:
    test.write("site.yaml", objects.direct("site", "old"))
    gateway = test.run()
    (old,) = gateway.envoy_pids()
    os.kill(old, signal.SIGKILL)
    test.write("site.yaml", objects.direct("site", "new"))
    await_answer(gateway.flags.http_port, "new")


def drain(test: Test, number: signal.Signals) -> None:
    """A request that is under way when the signal comes is still answered."""
    backend, port = test.backend()
    test.write("site.yaml", objects.to_backend("site", port))
    gateway = test.run()
    (envoy,) = gateway.envoy_pids()
    answers: list[client.Response] = []
    thread = threading.Thread(
        target=lambda: answers.append(client.get(gateway.flags.http_port, "/delay/500"))
    )
    thread.start()
    wait_until(lambda: backend.seen("backend"), "the request at the backend", 5)
    gateway.process.signal(number)
    expect_exit(gateway.process, 0)
    thread.join(10)
    assert answers and answers[0].status == 200, f"the request in flight got {answers}"
    wait_until(lambda: not pathlib.Path(f"/proc/{envoy}").exists(), "no Envoy is left", 2)
    assert is_free(gateway.flags.http_port), "the port is still taken"


@case("run: SIGTERM drains")
def sigterm(test: Test) -> None:
    drain(test, signal.SIGTERM)


@case("run: SIGINT drains")
def sigint(test: Test) -> None:
    drain(test, signal.SIGINT)


@case("run: without requests in flight, SIGTERM is quick")
def quick_end(test: Test) -> None:
    test.write("site.yaml", objects.direct("site", "hello"))
    gateway = test.run(test.flags(drain_seconds=30))
    begin = time.monotonic()
    gateway.process.signal(signal.SIGTERM)
    expect_exit(gateway.process, 0)
    took = time.monotonic() - begin
    assert took < 5, f"took {took:.1f} s with nothing to drain"


@case("run: kill -9 of the control plane leaves no Envoy behind")
def killed(test: Test) -> None:
    before = set(os.listdir(tempfile.gettempdir()))
    test.write("site.yaml", objects.direct("site", "hello"))
    gateway = test.run()
    (envoy,) = gateway.envoy_pids()
    gateway.process.signal(signal.SIGKILL)
    expect_exit(gateway.process, -signal.SIGKILL)
    wait_until(lambda: not pathlib.Path(f"/proc/{envoy}").exists(), "no Envoy is left", 10)
    left = {f for f in os.listdir(tempfile.gettempdir()) if "bootstrap" in f} - before
    assert not left, f"files are left behind: {left}"


@contextlib.contextmanager
def taken_port() -> Iterator[int]:
    """A loopback port that somebody listens on."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        yield port


def port_in_use(test: Test, flag: str) -> None:
    """The start fails, with words that name the port."""
    test.write("site.yaml", objects.direct("site", "hello"))
    with taken_port() as port:
        process = test.launch(test.flags(**{flag: port})).process
        expect_exit(process, 1)
        expect_line(process, rf"\b{port}\b", "(?i)in use")


@case("run: an HTTP port in use is a clear message and exit code 1")
def http_port_in_use(test: Test) -> None:
    port_in_use(test, "http_port")


@case("run: an admin port in use is a clear message and exit code 1")
def admin_port_in_use(test: Test) -> None:
    port_in_use(test, "admin_port")


@case("run: a missing Envoy is a clear message and exit code 1")
def missing_envoy(test: Test) -> None:
    test.write("site.yaml", objects.direct("site", "hello"))
    process = test.launch(test.flags(envoy="/nowhere/envoy")).process
    expect_exit(process, 1)
    expect_line(process, "/nowhere/envoy", "--envoy")


@case("run: --to sends everything to one place, without any file")
def run_to(test: Test) -> None:
    backend, port = test.backend()
    gateway = test.run(test.flags(to=f"127.0.0.1:{port}"), with_folder=False)
    response = client.get(gateway.flags.http_port, "/a/b?c=d", host="any.example")
    assert response.status == 200, f"got {response}"
    assert backend.seen("backend")[0]["path"] == "/a/b?c=d"


@case("run: neither folder nor --to is an error of usage")
def no_folder(test: Test) -> None:
    process = test.launch(with_folder=False).process
    assert process.wait_exit() != 0, "it ended with 0"
    expect_line(process, "--to")


@case("run: ports come from the environment too")
def environment(test: Test) -> None:
    test.write("site.yaml", objects.direct("site", "hello"))
    flags = test.flags()
    env = {
        "K8SGATEWAY_HTTP_PORT": flags.http_port,
        "K8SGATEWAY_HTTPS_PORT": flags.https_port,
        "K8SGATEWAY_ADMIN_PORT": flags.admin_port,
        "K8SGATEWAY_XDS_PORT": 0,
        "K8SGATEWAY_ENVOY": flags.envoy,
    }
    process = test.own(
        Process(
            [str(binary(test.preset)), "run", str(test.objects)],
            {name: str(value) for name, value in env.items()},
        )
    )
    process.wait_ready()
    expect_answer(flags.http_port, "hello")


@case("run: it listens on loopback only, unless told otherwise")
def loopback_only(test: Test) -> None:
    test.write("site.yaml", objects.direct("site", "hello"))
    gateway = test.run()
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


# --- gloo: file mode, with Envoys that others start


class FileMode:
    """A `k8sgateway gloo` with its folder DATA."""

    def __init__(self, test: Test) -> None:
        self.test = test
        self.data = test.folder / "data"
        self.xds_port, self.http_port = free_port(), free_port()
        self._other_ports = (free_port(), free_port())
        self.write_settings()
        self.write("gateways", "gateway-proxy", objects.flat_gateway(self.http_port))
        self.write("virtualservices", "site", objects.flat_direct("hello"))
        self.process = test.own(
            Process(
                [str(binary(test.preset)), "gloo", "--dir", str(self.data)],
                {"POD_NAMESPACE": "gloo-system"},
            )
        )

    def write_settings(self) -> None:
        self._put(
            self.data / "gloo-system/default.yaml",
            objects.settings(str(self.data), self.xds_port, *self._other_ports),
        )

    def write(self, plural: str, name: str, text: str) -> None:
        self._put(self.data / "config" / plural / "gloo-system" / f"{name}.yaml", text)

    def _put(self, path: pathlib.Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text)

    def envoy(self, role: str | None) -> tuple[Process, int]:
        """Starts an Envoy; returns it and the port of its admin pages."""
        admin_port = free_port()
        path = self.test.folder / f"bootstrap-{admin_port}.yaml"
        path.write_text(objects.bootstrap(self.xds_port, admin_port, role))
        return (
            self.test.own(
                Process(
                    [
                        default_envoy(),
                        "-c",
                        str(path),
                        "--disable-hot-restart",
                        "-l",
                        "warning",
                        "--concurrency",
                        "1",
                    ]
                )
            ),
            admin_port,
        )


def is_open(port: int) -> bool:
    """Tells whether somebody accepts connections on a loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


@case("gloo: an Envoy with the role of the proxy gets its configuration, and changes")
def gloo_serves(test: Test) -> None:
    mode = FileMode(test)
    mode.envoy("gloo-system~gateway-proxy")
    await_answer(mode.http_port, "hello", seconds=20)
    mode.write("virtualservices", "site", objects.flat_direct("changed"))
    await_answer(mode.http_port, "changed")


@case("gloo: folders that are missing at the start are no fault")
def gloo_missing_folders(test: Test) -> None:
    mode = FileMode(test)
    mode.envoy("gloo-system~gateway-proxy")
    await_answer(mode.http_port, "hello", seconds=20)
    mode.write(
        "upstreams",
        "late",
        "metadata: {name: late, namespace: gloo-system}\n"
        "static: {hosts: [{addr: 127.0.0.1, port: 9}]}\n",
    )
    mode.write("virtualservices", "site", objects.flat_direct("still-here"))
    await_answer(mode.http_port, "still-here")


@case("gloo: xdsBindAddr moves while it runs")
def gloo_moves(test: Test) -> None:
    mode = FileMode(test)
    old_port = mode.xds_port
    envoy, _ = mode.envoy("gloo-system~gateway-proxy")
    await_answer(mode.http_port, "hello", seconds=20)
    mode.xds_port = free_port()
    mode.write_settings()
    wait_until(lambda: is_open(mode.xds_port), "the new xDS port is open", APPLY_SECONDS)
    wait_until(lambda: not is_open(old_port), "the old xDS port is closed", APPLY_SECONDS)
    expect_answer(mode.http_port, "hello")  # the Envoy of the old port keeps what it has
    envoy.stop()
    mode.envoy("gloo-system~gateway-proxy")
    await_answer(mode.http_port, "hello", seconds=20)


@case("gloo: an Envoy without a role gets the listener that says so")
def gloo_without_role(test: Test) -> None:
    if not is_free(FALLBACK_PORT):
        raise Skip(f"port {FALLBACK_PORT} is taken by somebody else")
    mode = FileMode(test)
    mode.envoy(None)
    wait_until(
        lambda: client.get(FALLBACK_PORT, "/any").status == 500,
        "500 from the fallback listener",
        20,
    )
    assert client.get(FALLBACK_PORT).body, "the answer explains nothing"


@case("gloo: an Envoy survives the restart of the control plane")
def gloo_restart(test: Test) -> None:
    mode = FileMode(test)
    mode.envoy("gloo-system~gateway-proxy")
    await_answer(mode.http_port, "hello", seconds=20)
    mode.process.stop()
    expect_answer(mode.http_port, "hello")
    mode.write("virtualservices", "site", objects.flat_direct("second-life"))
    test.own(Process(mode.process.args, {"POD_NAMESPACE": "gloo-system"}))
    await_answer(mode.http_port, "second-life", seconds=60)  # Envoy's own back-off is up to 30 s


@case("gloo: SIGTERM ends it with 0")
def gloo_sigterm(test: Test) -> None:
    mode = FileMode(test)
    wait_until(lambda: is_open(mode.xds_port), "the xDS port is open", 20)
    mode.process.signal(signal.SIGTERM)
    expect_exit(mode.process, 0)


@case("gloo: an xDS port in use is a clear message and exit code 1")
def gloo_port_in_use(test: Test) -> None:
    with taken_port() as port:
        mode = FileMode(test)
        mode.process.stop()
        mode.xds_port = port
        mode.write_settings()
        process = test.own(Process(mode.process.args, {"POD_NAMESPACE": "gloo-system"}))
        expect_exit(process, 1)
        expect_line(process, rf"\b{port}\b", "(?i)in use")


def run_case(
    name: str, function: Callable[[Test], None], root: pathlib.Path, preset: str, report: Report
) -> None:
    """Runs one case in its own folder."""
    test = Test(pathlib.Path(tempfile.mkdtemp(dir=root)), preset)
    try:
        with test.cleanup:
            function(test)
    except Skip as why:
        report.skip(name, str(why))
    except Exception as error:  # pylint: disable=broad-except
        report.fail(name, [f"{type(error).__name__}: {error}", _place(error)])
        for process in test.processes:
            lines = process.log().splitlines()
            print(
                "\n".join(f"      | {line}" for line in lines[:1] + lines[1:][-_SHOWN_LINES:]),
                flush=True,
            )
    else:
        report.ok(name)


def _place(error: Exception) -> str:
    """The line of the case that failed."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == __file__]
    return (
        f"at {pathlib.Path(__file__).name}:{frames[1].lineno}: {frames[1].line}"
        if len(frames) > 1
        else ""
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", default="dev", help="which build to test [%(default)s]")
    parser.add_argument(
        "--filter", default="", metavar="SUBSTRING", help="only cases whose names hold this"
    )
    parser.add_argument("--keep", action="store_true", help="keep the folders of the cases")
    parser.add_argument("-v", "--verbose", action="store_true", help="tell how long each case took")
    arguments = parser.parse_args()
    require_binary(arguments.preset)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    root = pathlib.Path(tempfile.mkdtemp(prefix="k8sgateway-resilience-"))
    report = Report()
    for name, function in CASES:
        if arguments.filter in name:
            begin = time.monotonic()
            run_case(name, function, root, arguments.preset, report)
            if arguments.verbose:
                print(f"      took {time.monotonic() - begin:.1f} s", flush=True)
    if arguments.keep:
        print(f"kept: {root}")
    else:
        shutil.rmtree(root)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
