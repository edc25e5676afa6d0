"""The process under test: started on fresh ports, watched, ended with its children."""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
from typing import Any, Callable, Iterator

from .ports import free_port
from .waiting import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[3]
READY_SECONDS = 20.0
APPLY_SECONDS = 10.0


def default_envoy() -> str:
    """The Envoy that the build downloaded, unless the environment names another."""
    cached = pathlib.Path.home() / ".cache/k8sgateway/envoy-1.40.0"
    return os.environ.get("K8SGATEWAY_ENVOY", str(cached))


def binary(preset: str) -> pathlib.Path:
    """The program that a preset builds."""
    return ROOT / "build" / preset / "k8sgateway"


def require_binary(preset: str) -> None:
    """Ends the tests with a clear message when the program was not built."""
    if not binary(preset).exists():
        hint = f"build it with `cmake --build --preset {preset}`"
        sys.exit(f"there is no {binary(preset)}: {hint}")


class Process:
    """A child process whose output lines are collected as they come."""

    def __init__(self, args: list[str], env: dict[str, str] | None = None) -> None:
        self.args = args
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            args,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="backslashreplace",
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            cwd=ROOT,
            # Its default is a port for all.
            env={"K8SGATEWAY_WASM_BIND": "127.0.0.1:0", **os.environ, **(env or {})},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            with self._changed:
                self._lines.append(line.rstrip("\n"))
                self._changed.notify_all()

    @property
    def pid(self) -> int:
        return self._process.pid

    def lines(self) -> list[str]:
        """All lines that were printed so far."""
        with self._changed:
            return list(self._lines)

    def log(self) -> str:
        """The command and its output, to be shown when a test fails."""
        return "\n".join([f"$ {' '.join(self.args)}"] + self.lines())

    def mark(self) -> int:
        """A place in the output, to wait for lines after it."""
        with self._changed:
            return len(self._lines)

    def wait_line(
        self,
        wanted: Callable[[str], bool],
        what: str,
        after: int = 0,
        seconds: float = APPLY_SECONDS,
    ) -> str:
        """Waits for a line of the output; fails at once when the process ends without it."""

        def found() -> str | None:
            ended = not self.running()
            if ended:
                self._reader.join(1)
            line = next((line for line in self.lines()[after:] if wanted(line)), None)
            if line is None and ended:
                raise TimeoutError(
                    f"the process ended with {self._process.returncode} before: {what}"
                )
            return line

        line = wait_until(found, what, seconds)
        assert line is not None
        return line

    def wait_ready(self) -> None:
        """Waits until the process says that it serves."""
        self.wait_line(
            lambda line: re.search(r"\bready\b", line, re.IGNORECASE) is not None,
            "a line with 'ready'",
            seconds=READY_SECONDS,
        )

    def running(self) -> bool:
        return self._process.poll() is None

    def children(self) -> list[int]:
        """The pids of the direct children."""
        return [pid for pid in _all_pids() if _parent_of(pid) == self.pid]

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait_exit(self, seconds: float = 20.0) -> int:
        """Waits for the end and returns the exit code."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"still running after {seconds:g} s") from None
        self._reader.join(2)
        return code

    def stop(self) -> None:
        """Ends the process and what it started; nothing of it is left afterwards."""
        children = [(pid, _started(pid)) for pid in self.children()]
        if self.running():
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        for pid, started in children:
            _kill_if_same(pid, started)
        self._reader.join(2)


def _all_pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name: state, parent, …; empty when it is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _parent_of(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def _started(pid: int) -> str | None:
    """When a process started, which tells it from a later one with the same pid."""
    fields = _stat(pid)
    return fields[19] if fields and fields[0] != "Z" else None


def _kill_if_same(pid: int, started: str | None) -> None:
    """Gives a child that lost its parent a moment to end, then kills it."""
    deadline = time.monotonic() + 2
    while started and _started(pid) == started and time.monotonic() < deadline:
        time.sleep(0.01)
    if started and _started(pid) == started:
        os.kill(pid, signal.SIGKILL)


@dataclasses.dataclass
class RunFlags:
    """The flags of `k8sgateway run`; ports that are not given are free ones."""

    preset: str = "dev"
    envoy: str = dataclasses.field(default_factory=default_envoy)
    http_port: int = dataclasses.field(default_factory=free_port)
    https_port: int = dataclasses.field(default_factory=free_port)
    admin_port: int = dataclasses.field(default_factory=free_port)
    drain_seconds: int = 5
    to: str | None = None
    env: dict[str, str] = dataclasses.field(default_factory=dict)
    more: list[str] = dataclasses.field(default_factory=list)


class Gateway:
    """A running `k8sgateway run`."""

    def __init__(self, folder: pathlib.Path, objects: pathlib.Path | None, flags: RunFlags) -> None:
        self.flags = flags
        self._status_file = folder / "status.json"
        where = [str(objects)] if objects else []
        if flags.to:
            where += ["--to", flags.to]
        self.process = Process(
            [
                str(binary(flags.preset)),
                "run",
                *where,
                "--http-port",
                str(flags.http_port),
                "--https-port",
                str(flags.https_port),
                "--admin-port",
                str(flags.admin_port),
                "--xds-port",
                "0",
                "--envoy",
                flags.envoy,
                "--concurrency",
                "1",
                "--drain-seconds",
                str(flags.drain_seconds),
                "--status-file",
                str(self._status_file),
                *flags.more,
            ],
            flags.env,
        )

    def status(self) -> dict[str, Any]:
        """What the control plane says about itself; empty before it said anything."""
        try:
            return json.loads(self._status_file.read_text())
        except FileNotFoundError:
            return {}

    def revision(self) -> int:
        return self.status().get("revision", 0)

    def wait_applied(self, after: int, seconds: float = APPLY_SECONDS) -> dict[str, Any]:
        """Waits until a revision after the given one is acknowledged by Envoy."""

        def applied() -> dict[str, Any] | None:
            if not self.process.running():
                raise TimeoutError("the process ended")
            status = self.status()
            return status if status.get("revision", 0) > after and status.get("in_sync") else None

        status = wait_until(applied, f"a revision after {after} in sync", seconds)
        assert status is not None
        return status

    def envoy_pids(self) -> list[int]:
        """The Envoys that run now (one, or none while it is restarted)."""
        return [pid for pid in self.process.children() if _started(pid)]


def replace_file(path: pathlib.Path, text: str) -> None:
    """Puts a file in place in one step; watchers never see a part of it."""
    part = path.parent.parent / f".{path.name}.part"
    part.write_text(text)
    os.replace(part, path)
