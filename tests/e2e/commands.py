#!/usr/bin/env python3
"""Tests the offline commands: validate, explain and translate, word by word.

Expected output stands in testdata/commands/; UPDATE=1 rewrites it.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from harness.process import binary, default_envoy
from harness.report import Report

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path(__file__).parent / "testdata" / "commands"
PETSTORE = "examples/petstore"
BROKEN = "tests/e2e/testdata/commands/broken"


def run(preset: str, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(binary(preset)), *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def golden(report: Report, preset: str, name: str, code: int, *arguments: str) -> None:
    """Compares what a command prints with a file."""
    result = run(preset, *arguments)
    path = DATA / f"{name}.txt"
    if os.environ.get("UPDATE"):
        path.write_text(result.stdout)
    faults = []
    if result.returncode != code:
        faults.append(f"exit code {result.returncode}, not {code}; {result.stderr}")
    expected = path.read_text() if path.exists() else ""
    if result.stdout != expected:
        faults.append(f"expected:\n{expected}\ngot:\n{result.stdout}")
    report.fail(name, faults) if faults else report.ok(name)


def check(report: Report, name: str, holds: bool, detail: str = "") -> None:
    report.ok(name) if holds else report.fail(name, [detail])


def shuffled(folder: pathlib.Path, into: pathlib.Path) -> None:
    """The same documents, each in a file of its own, in the reverse order of names."""
    documents = [d for f in sorted(folder.glob("*.yaml")) for d in f.read_text().split("\n---\n")]
    for i, document in enumerate(reversed(documents)):
        (into / f"{i:03}.yaml").write_text(document)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="dev", help="which build to test [%(default)s]")
    preset = parser.parse_args().preset
    report = Report()
    golden(report, preset, "validate-broken", 1, "validate", BROKEN)
    golden(report, preset, "validate-good", 0, "validate", PETSTORE)
    golden(report, preset, "explain-route", 0, "explain", PETSTORE, "--request", "GET http://localhost/api/pets")
    golden(report, preset, "explain-near-misses", 0, "explain", PETSTORE, "--request", "GET http://localhost/nothing")
    golden(report, preset, "translate-proxy", 0, "translate", PETSTORE, "--what", "proxy")
    golden(report, preset, "translate-reports", 0, "translate", BROKEN, "--what", "reports")
    result = run(preset, "validate", PETSTORE, "--envoy", "--envoy-path", default_envoy())
    check(report, "validate --envoy: the real Envoy agrees", result.returncode == 0, result.stdout + result.stderr)
    with tempfile.TemporaryDirectory() as temporary:
        shuffled(ROOT / PETSTORE, pathlib.Path(temporary))
        for what in ("proxy", "envoy", "reports"):
            for form in ("yaml", "json"):
                here = [run(preset, "translate", f, "--what", what, "-o", form).stdout for f in (PETSTORE, PETSTORE, temporary)]
                same = bool(here[0]) and len(set(here)) == 1
                check(report, f"translate --what {what} -o {form}: equal input gives equal bytes", same)
                if form == "json":
                    json.loads(here[0])
    missing = run(preset, "validate", "no/such/folder")
    check(report, "a folder that is not there is said", missing.returncode not in (0, 1) and "no/such/folder" in missing.stderr, missing.stderr)
    for command in ("run", "gloo", "translate", "validate", "explain"):
        text = run(preset, command, "--help").stdout
        check(report, f"{command} --help explains itself", command in text and len(text.splitlines()) > 5, text)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
