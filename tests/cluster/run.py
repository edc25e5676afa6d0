#!/usr/bin/env python3
"""Tests on a real Kubernetes cluster, which comes up for all cases once and leaves nothing.

Needs root and a build of our program; the first run builds Kubernetes, too. README.md has more.
"""

import argparse
import pathlib
import re
import signal
import sys
import tempfile
import time

import support  # pylint: disable=unused-import # finds the harness
from cases import (
    admission,
    certgen,
    clocks,
    config_maps,
    definitions,
    destinations,
    file_mode,
    fleet,
    hostile,
    identity,
    many,
    namespaces,
    node,
    replicas,
    rollouts,
    servers,
    statuses,
    validation_service,
)
from harness.process import require_binary
from harness.report import Report
from harness.scenario import Case, parse_arguments, run_case
from support import images
from support.cluster import Cluster
from support.scenario import Scenario

_SUITES = [
    node.SUITE,
    definitions.SUITE,
    file_mode.SUITE,
    destinations.SUITE,
    statuses.SUITE,
    rollouts.SUITE,
    config_maps.SUITE,
    namespaces.SUITE,
    admission.SUITE,
    hostile.SUITE,
    validation_service.SUITE,
    fleet.SUITE,
    certgen.SUITE,
    servers.SUITE,
    replicas.SUITE,
    clocks.SUITE,
    identity.SUITE,
    many.SUITE,
]


def _run(name: str, case: Case, cluster: Cluster, preset: str, report: Report) -> list[str]:
    """Runs one case in its own namespace; returns what it measured."""
    namespace = re.sub(r"[^a-z0-9]+", "-", name.lower())[:50].strip("-")
    scenario = Scenario(cluster, namespace, preset)

    def run() -> None:
        scenario.begin()
        case(scenario)

    with scenario.cleanup:
        if not run_case(name, run, report):
            print("\n".join(f"      | {line}" for line in scenario.evidence()), flush=True)
    return scenario.notes


def _run_all(cluster: Cluster, arguments: argparse.Namespace, report: Report) -> None:
    for name, case in (entry for suite in _SUITES for entry in suite.cases):
        if arguments.filter not in name:
            continue
        begin = time.monotonic()
        notes = _run(name, case, cluster, arguments.preset, report)
        if arguments.verbose:
            took = f"took {time.monotonic() - begin:.1f} s"
            print("\n".join(f"      {line}" for line in [took, *notes]), flush=True)
    if arguments.verbose:
        used = cluster.memory()
        shown = ", ".join(f"{name} {mib}" for name, mib in used.items() if mib >= 5)
        print(f"memory: {sum(used.values())} MiB: {shown}", flush=True)


def _bring_up(cluster: Cluster, preset: str, keep: bool) -> None:
    begin = time.monotonic()
    cluster.up(keep)
    up = time.monotonic()
    cluster.load(images.gateway(cluster.folder, preset), images.echo(cluster.folder))
    loaded = time.monotonic() - up
    print(f"cluster: up after {up - begin:.1f} s, images loaded in {loaded:.1f} s", flush=True)


def _nothing_is_left(cluster: Cluster) -> None:
    left = cluster.left()
    assert not left, "\n".join(left)


def main() -> int:
    arguments = parse_arguments(__doc__)
    require_binary(arguments.preset)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    report = Report()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="k8sgateway-cluster-"))
    cluster = Cluster(folder / "cluster")
    try:
        _bring_up(cluster, arguments.preset, arguments.keep)
        with cluster.network():
            try:
                _run_all(cluster, arguments, report)
            finally:
                if cluster.stage:
                    cluster.stage.close()
    finally:
        if arguments.keep:
            print(f"kept: K8SGATEWAY_CLUSTER={cluster.folder} tests/cluster/cluster.sh status")
        else:
            cluster.down()
            folder.rmdir()
    if not arguments.keep:
        run_case("the cluster leaves nothing", lambda: _nothing_is_left(cluster), report)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
