#!/usr/bin/env python3
"""Runs the end-to-end tables: plugins/*/e2e.yaml and tests/e2e/*.yaml.

One `k8sgateway run` with a real Envoy serves all cases, one after the other; between two cases its
folder is empty for a revision, so that nothing of a case is left for the next. The format is in
README.md beside this file. With `--divided` the same cases run with divided route tables, which must
answer the same.
"""

import argparse
import pathlib
import shutil
import signal
import sys
import tempfile
import time
from typing import Any, Iterator

import yaml

from harness import expectations, table
from harness.live import LiveCase, Stage
from harness.process import ROOT, RunFlags, require_binary
from harness.report import Report
from harness.sharding import divided, is_divided

_REQUEST_KEYS = {"name", "send", "expect", "repeat", "parallel", "within", "listener", "port"}
_SEND_KEYS = {
    "method",
    "host",
    "path",
    "target",
    "version",
    "headers",
    "body",
    "raw",
    "after_upgrade",
    "preamble",
    "sni",
    "alpn",
    "client_secret",
}
_SHOWN_LINES = 60
# Of divided tables: few enough that each holds some domain, and a wildcard in all of them costs little.
_PARTS = "8"


def _check_request(request: dict[str, Any]) -> None:
    unknown = set(request) - _REQUEST_KEYS | {
        f"send.{key}" for key in set(request.get("send") or {}) - _SEND_KEYS
    }
    if unknown:
        raise ValueError(f"unknown in request: {', '.join(sorted(unknown))}")
    expectations.check_known(request.get("expect") or {})


def _request_name(case: table.Case, request: dict[str, Any]) -> str:
    send = request.get("send") or {}
    path = send.get("target", send.get("path", "/"))
    what = request.get("name") or (
        "raw request" if "raw" in send else f"{send.get('method', 'GET')} {path}"
    )
    return f"{case.name}: {what}"


def run_case(case: table.Case, stage: Stage, report: Report, verbose: bool) -> None:
    """Runs all requests of a case; a fault of one is told, and the next goes on."""
    stage.mark()
    live = LiveCase(case, stage)
    failures = report.failed
    started = time.monotonic()
    try:
        live.start()
        applied = time.monotonic()
        for request in case.settings.get("requests") or []:
            _run_request(live, request, report)
        if verbose:
            print(
                f"      live after {(applied - started) * 1000:.0f} ms, "
                f"requests took {(time.monotonic() - applied) * 1000:.0f} ms",
                flush=True,
            )
    except (TimeoutError, ValueError, OSError, KeyError) as error:
        report.fail(case.name, [f"{type(error).__name__}: {error}"])
        _show_log(stage)
        stage.stop()  # nobody knows what it serves
    else:
        if report.failed > failures:
            _show_log(stage)
        if live.is_fresh():
            stage.stop()
    finally:
        live.backend.close()


def _run_request(live: LiveCase, request: dict[str, Any], report: Report) -> None:
    _check_request(request)
    problems = live.problems_with(request)
    name = _request_name(live.case, request)
    if problems:
        report.fail(name, problems)
    else:
        report.ok(name)


def _check_division(case: table.Case, stage: Stage, report: Report) -> None:
    """Fails a case that was not as its table says, as then it has shown nothing."""
    should = not case.settings.get("undivided")
    if stage.is_running() and is_divided(stage.flags.admin_port) != should:
        form = "divided" if should else "whole, as its table says"
        report.fail(case.name, [f"its route table is not {form}"])


def _show_log(stage: Stage) -> None:
    for line in stage.recent_lines()[-_SHOWN_LINES:]:
        print(f"      | {line}", flush=True)


def _select(tables: list[pathlib.Path], wanted: str, report: Report) -> Iterator[table.Case]:
    """The cases whose names hold a text; a table that cannot be read is a failure."""
    for path in tables:
        try:
            yield from (case for case in table.load_cases(path) if wanted in case.name)
        except (ValueError, OSError, KeyError, TypeError, yaml.YAMLError) as error:
            report.fail(str(path.relative_to(ROOT)), [str(error)])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", default="dev", help="which build to test [%(default)s]")
    parser.add_argument(
        "--filter", default="", metavar="SUBSTRING", help="only cases whose names hold this"
    )
    parser.add_argument(
        "--divided", action="store_true", help="divide the route tables, by the module in Envoy"
    )
    parser.add_argument("--keep", action="store_true", help="keep the folder with objects and logs")
    parser.add_argument("-v", "--verbose", action="store_true", help="tell how long things took")
    return parser.parse_args()


def main() -> int:
    arguments = _arguments()
    require_binary(arguments.preset)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    report = Report()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="k8sgateway-e2e-"))
    flags = RunFlags(preset=arguments.preset)
    stage = Stage(folder, divided(flags, _PARTS) if arguments.divided else flags)
    try:
        for case in _select(table.find_tables(ROOT), arguments.filter, report):
            run_case(case, stage, report, arguments.verbose)
            if arguments.divided:
                _check_division(case, stage, report)
    finally:
        stage.stop()
    if arguments.keep or report.failed:
        print(f"kept: {folder}")
    else:
        shutil.rmtree(folder)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
