#!/usr/bin/env python3
"""The chart without a cluster: each file in values/ is rendered, compared with golden/, and looked at.

  run.py [--filter WORD]       UPDATE_GOLDEN=1 rewrites golden/, and what schema.py makes

K8SGATEWAY_HELM, K8SGATEWAY_ENVOY and K8SGATEWAY_PROMTOOL name other programs than those that the build brings.
"""

import argparse
import concurrent.futures
import difflib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import yaml

import bootstraps
import checks
import nulls
import own_kinds
import policies
import prometheus
import published
import schema

ROOT = schema.ROOT
HERE = pathlib.Path(__file__).resolve().parent
CHART = ROOT / "chart"
NAMESPACE = "gloo-system"
UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"
# What would make two renderings differ, or depend on a cluster.
_UNSTEADY = re.compile(
    r"\b(lookup|now|uuidv4|rand\w+|gen(CA|SelfSignedCert|SignedCert|PrivateKey)|shuffle|htpasswd|bcrypt)\b"
    r"|Release\.(IsInstall|IsUpgrade|Revision)|helm\.sh/hook\b"
)
# Without, a template stumbles over values that are null.
_BEGIN = '{{- include "k8sgateway.begin" . -}}'


def helm() -> str:
    """The program, which is built with the cluster of tests."""
    named = os.environ.get("K8SGATEWAY_HELM")
    if named:
        return named
    built = subprocess.run([ROOT / "tests/cluster/build.sh"], stdout=subprocess.PIPE, text=True, check=True)
    return f"{built.stdout.strip()}/bin/helm"


class Chart:
    """What Helm makes of it."""

    def __init__(self, program: str, folder: pathlib.Path = CHART) -> None:
        self._program, self._folder = program, folder

    def _run(self, *args: str) -> tuple[bool, str]:
        done = subprocess.run([self._program, *args], capture_output=True, text=True, check=False)
        return done.returncode == 0, done.stdout + (done.stderr if done.returncode else "")

    def render(self, values: pathlib.Path, namespace: str = NAMESPACE) -> tuple[bool, str]:
        """All objects, or what is wrong."""
        return self._run("template", "k8sgateway", str(self._folder), "-n", namespace, "-f", str(values))

    def lint(self, values: pathlib.Path) -> list[str]:
        good, said = self._run("lint", "--strict", "--quiet", str(self._folder), "-n", NAMESPACE, "-f", str(values))
        return [] if good else [f"helm lint: {said}"]


def objects_of(text: str) -> list[checks.Object]:
    return [one for one in yaml.load_all(text, Loader=yaml.CSafeLoader) if one]


def _compare(path: pathlib.Path, text: str) -> list[str]:
    if UPDATE:
        path.write_text(text)
        return []
    old = path.read_text() if path.exists() else ""
    changes = difflib.unified_diff(old.splitlines(), text.splitlines(), str(path.relative_to(ROOT)), "now", lineterm="", n=2)
    shown = list(changes)[:40]
    return ["\n".join([*shown, "rewrite it with UPDATE_GOLDEN=1 if that is meant"])] if shown else []


def _case(chart: Chart, values: pathlib.Path) -> list[str]:
    """All that is checked of one set of values."""
    good, text = chart.render(values)
    if not good:
        return [text]
    faults = _compare(HERE / "golden" / values.name, text)
    if chart.render(values)[1] != text:
        faults.append("rendered twice, it differs")
    objects = objects_of(text)
    faults += chart.lint(values)
    faults += checks.faults_of(objects, NAMESPACE, policies.peers_of(values))
    faults += bootstraps.faults_of(objects, "example.org" if values.stem == "bootstrap" else "cluster.local")
    faults += own_kinds.faults_of(objects)
    other = chart.render(values, "other-system")[1]
    faults += checks.meetings(objects, objects_of(other))
    if values.stem == "mtls":  # which has all components, and names no image
        faults += checks.foreign_images(objects)
    return faults


def _refusals(chart: Chart) -> list[str]:
    faults = []
    for case in yaml.safe_load((HERE / "refusals.yaml").read_text()):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump(case["values"], file)
            file.flush()
            good, said = chart.render(pathlib.Path(file.name))
        missing = [word for word in case["says"] if word not in said]
        if good or missing:
            shown = "it is rendered" if good else f"{missing} is not in: {said}"
            faults.append(f"{case['values']}: {shown}")
    return faults


def _published() -> list[str]:
    """Each published value without use is told of in the notes, or is refused; where nothing is set, nothing is said."""
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder, "k8sgateway")
        shutil.copytree(CHART, copy)
        (copy / "templates/idle.yaml").write_text('idle: {{ include "k8sgateway.published.idle" . | quote }}\n')
        values = pathlib.Path(folder, "values.yaml")
        chart = Chart(helm(), copy)
        values.write_text("{}")
        if "idle: \"\"" not in chart.render(values)[1]:
            faults.append("the notes tell of values that nobody has set")
        for kind, wanted in (("idle", True), ("refused", False)):
            places, sample = published.samples(kind)
            values.write_text(yaml.safe_dump(sample))
            good, said = chart.render(values)
            faults += [f"{kind}: nothing is said of {place}" for place in places if f"{place}: " not in said]
            if good != wanted:
                faults.append(f"{kind}: {said}")
    return faults


def _sources() -> list[str]:
    """What is generated is as it would be now; no template depends on chance, time or a cluster."""
    faults = _compare(schema.SCHEMA, schema.schema()) + _compare(schema.PAGE, schema.page())
    faults += _compare(schema.EMPTY, schema.empty())
    for path in sorted((CHART / "templates").rglob("*.*")):
        lines = path.read_text().splitlines()
        if not path.name.startswith("_") and lines[0] != _BEGIN:
            faults.append(f"{path.relative_to(ROOT)} does not begin with {_BEGIN}")
        for number, line in enumerate(lines, 1):
            match = _UNSTEADY.search(re.sub(r"/\*.*?\*/|#.*", "", line))
            if match and "{{" in line and path.parent.name != "tests":
                faults.append(f"{path.relative_to(ROOT)}:{number}: {match[0]}: renderings would differ")
    unread = schema.unread()
    typos = published.unknown(json.loads(schema.schema()))
    faults += [f"{name}: a published value is refused as a typo" for name in typos]
    return faults + [f"values.yaml: {place} is used by no template" for place in unread]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--filter", default="", metavar="WORD", help="only values whose names hold this")
    arguments = parser.parse_args()
    if UPDATE:
        _sources()
    chart = Chart(helm())
    cases = sorted(path for path in (HERE / "values").glob("*.yaml") if arguments.filter in path.stem)
    work = {path.stem: lambda path=path: _case(chart, path) for path in cases}
    if not arguments.filter:
        work |= {"sources": _sources, "refusals": lambda: _refusals(chart), "published values": _published}
        work |= {"alerts and dashboard": prometheus.faults, "nulls": lambda: nulls.faults(chart.render)}
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, faults in zip(work, pool.map(lambda one: one(), work.values())):
            print(f"{'FAIL' if faults else 'ok  '}  {name}", flush=True)
            print("".join(f"      {line}\n" for fault in faults for line in fault.splitlines()), end="")
            failed += bool(faults)
    stale = {p.name for p in (HERE / "golden").glob("*.yaml")} - {p.name for p in (HERE / "values").glob("*.yaml")}
    for name in sorted(stale):
        print(f"FAIL  golden/{name} has no values: remove it")
    print(f"{len(work)} cases, {failed + len(stale)} failed")
    return 1 if failed or stale or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
