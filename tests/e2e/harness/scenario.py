"""Cases that start whole processes: what they work with, and how a list of them is run.

Each case has its own folder and its own processes on free ports. Every wait is for a condition,
with a deadline that only a failing case reaches.
"""

import argparse
import contextlib
import pathlib
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from typing import Callable

from . import client
from .backend import Backend, Identity
from .process import APPLY_SECONDS, Gateway, Process, RunFlags, replace_file, require_binary
from .report import Report
from .sharding import divided, is_divided
from .waiting import wait_until

_SHOWN_LINES = 80
# Into how many parts, in cases that run in both forms.
_PARTS = "16"


class Scenario:
    """What a case works with; ends everything that the case started."""

    def __init__(self, folder: pathlib.Path, preset: str) -> None:
        self.folder = folder
        self.preset = preset
        self.objects = folder / "objects"
        self.objects.mkdir()
        self.cleanup = contextlib.ExitStack()
        self.processes: list[Process] = []
        # Whether the case is to have divided route tables, and the Envoys that must.
        self.divided = False
        self.admin_ports: list[int] = []

    def flags(self, **changes: object) -> RunFlags:
        flags = RunFlags(preset=self.preset, **changes)  # type: ignore[arg-type]
        return divided(flags, _PARTS) if self.divided else flags

    def expect_form(self) -> None:
        """Fails unless the last Envoy has divided tables, where it should: else the case has shown nothing."""
        if self.divided:
            assert self.admin_ports, "no Envoy was noted"
            port = self.admin_ports[-1]
            wait_until(lambda: is_divided(port), "a divided route table", APPLY_SECONDS)

    def write(self, name: str, text: str) -> pathlib.Path:
        """Writes an object file in one step."""
        path = self.objects / name
        replace_file(path, text)
        return path

    def launch(self, flags: RunFlags | None = None, with_folder: bool = True) -> Gateway:
        """Starts `run` without waiting for anything."""
        gateway = Gateway(self.folder, self.objects if with_folder else None, flags or self.flags())
        self.own(gateway.process)
        self.admin_ports.append(gateway.flags.admin_port)
        return gateway

    def run(self, flags: RunFlags | None = None, with_folder: bool = True) -> Gateway:
        """Starts `run` and waits until it is ready."""
        gateway = self.launch(flags, with_folder)
        gateway.process.wait_ready()
        self.expect_form()
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


Case = Callable[..., None]  # of a scenario


class Suite:
    """Cases in the order in which they were written down."""

    def __init__(self) -> None:
        self.cases: list[tuple[str, Case]] = []

    def case(self, name: str) -> Callable[[Case], Case]:
        """Registers a case under its name."""

        def register(function: Case) -> Case:
            self.cases.append((name, function))
            return function

        return register

    def case_in_both_forms(self, name: str) -> Callable[[Case], Case]:
        """Registers a case twice: with whole route tables, and with divided ones."""

        def register(function: Case) -> Case:
            self.cases.append((name, function))
            self.cases.append((f"{name}, divided", _divided(function)))
            return function

        return register


def _divided(case: Case) -> Case:
    def run(scenario: Scenario) -> None:
        scenario.divided = True
        case(scenario)
        scenario.expect_form()

    return run


def await_answer(
    port: int,
    body: str,
    host: str = "localhost",
    status: int = 200,
    seconds: float = APPLY_SECONDS,
    path: str = "/",
) -> None:
    """Waits until a GET has this answer."""
    last = client.Response()

    def answered() -> bool:
        nonlocal last
        last = client.get(port, path, host)
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


def await_kept(state: pathlib.Path, text: str) -> None:
    """Waits until this text is among the last good versions in a state folder."""

    def kept() -> bool:
        return any(text.encode() in path.read_bytes() for path in state.glob("last-good-*"))

    wait_until(kept, f"{text!r} is kept", APPLY_SECONDS)


def expect_answer(port: int, body: str, host: str = "localhost") -> None:
    """Fails unless a GET has this answer now."""
    response = client.get(port, host=host)
    assert (response.status, response.body.decode()) == (
        200,
        body,
    ), f"expected 200 {body!r}, got {response.status} {response.body!r} {response.error}"


def expect_line(
    process: Process, *patterns: str, after: int = 0, seconds: float = APPLY_SECONDS
) -> str:
    """Waits for a line of the output that all the patterns are found in."""
    return process.wait_line(
        lambda line: all(re.search(p, line) for p in patterns),
        f"a line with {' and '.join(patterns)}",
        after,
        seconds,
    )


def expect_exit(process: Process, code: int) -> None:
    actual = process.wait_exit()
    assert actual == code, f"expected exit code {code}, got {actual}"


def await_pid_gone(pid: int, seconds: float = APPLY_SECONDS) -> None:
    """Waits until no process has this pid."""
    wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), f"{pid} is gone", seconds)


def run_case(name: str, case: Callable[[], None], report: Report) -> bool:
    """Runs a case and reports it; whether it passed."""
    try:
        case()
    except Exception as error:  # pylint: disable=broad-except
        report.fail(name, [f"{type(error).__name__}: {error}", _place(error)])
        return False
    report.ok(name)
    return True


def _run_with_processes(
    name: str, case: Case, root: pathlib.Path, preset: str, report: Report
) -> None:
    """Runs one case in its own folder."""
    scenario = Scenario(pathlib.Path(tempfile.mkdtemp(dir=root)), preset)

    def run() -> None:
        with scenario.cleanup:
            case(scenario)

    if run_case(name, run, report):
        return
    for process in scenario.processes:
        lines = process.log().splitlines()
        shown = lines[:1] + lines[1:][-_SHOWN_LINES:]
        print("\n".join(f"      | {line}" for line in shown), flush=True)


def _place(error: Exception) -> str:
    """The line of the case that failed: the last one that is in a folder of cases."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "/cases/" in f.filename]
    if not frames:
        return ""
    return f"at {pathlib.Path(frames[-1].filename).name}:{frames[-1].lineno}: {frames[-1].line}"


def parse_arguments(description: str | None) -> argparse.Namespace:
    """The command line of a list of cases."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", default="dev", help="which build to test [%(default)s]")
    parser.add_argument(
        "--filter", default="", metavar="SUBSTRING", help="only cases whose names hold this"
    )
    parser.add_argument("--keep", action="store_true", help="keep what the cases leave")
    parser.add_argument("-v", "--verbose", action="store_true", help="tell how long each case took")
    return parser.parse_args()


def main(description: str | None, suites: list[Suite]) -> int:
    """Runs the cases as the command line says; returns the exit code."""
    arguments = parse_arguments(description)
    require_binary(arguments.preset)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    root = pathlib.Path(tempfile.mkdtemp(prefix="k8sgateway-processes-"))
    report = Report()
    for name, case in (entry for suite in suites for entry in suite.cases):
        if arguments.filter not in name:
            continue
        begin = time.monotonic()
        _run_with_processes(name, case, root, arguments.preset, report)
        if arguments.verbose:
            print(f"      took {time.monotonic() - begin:.1f} s", flush=True)
    if arguments.keep:
        print(f"kept: {root}")
    else:
        shutil.rmtree(root)
    return report.finish()
