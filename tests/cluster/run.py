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
import port_reference
from cases import (
    admission,
    autoscaled,
    certgen,
    chart,
    check,
    cli,
    clocks,
    config_maps,
    definitions,
    destinations,
    discovery,
    divided,
    endpoints,
    file_mode,
    fleet,
    hostile,
    identity,
    kept,
    lists,
    many,
    mtls,
    mtls_rotation,
    namespaces,
    newcomer,
    node,
    optional_ports,
    refused_elsewhere,
    replicas,
    rest_endpoints,
    restored,
    rights,
    rollouts,
    servers,
    statuses,
    throttled,
    under_load,
    validation_service,
    wasm,
    webhook_bounds,
)
from harness.process import require_binary
from harness.report import Report
from harness.scenario import Case, parse_arguments, run_case
from support import images
from support.cluster import Cluster
from support.scenario import Scenario

_SUITES = [
    newcomer.SUITE,  # before the cluster has seen anything of ours
    node.SUITE,
    definitions.SUITE,
    file_mode.SUITE,
    destinations.SUITE,
    endpoints.SUITE,
    discovery.SUITE,
    statuses.SUITE,
    rollouts.SUITE,
    config_maps.SUITE,
    namespaces.SUITE,
    admission.SUITE,
    hostile.SUITE,
    webhook_bounds.SUITE,
    validation_service.SUITE,
    fleet.SUITE,
    certgen.SUITE,
    chart.SUITE,
    cli.SUITE,
    check.SUITE,
    rights.SUITE,
    servers.SUITE,
    throttled.SUITE,
    restored.SUITE,
    replicas.SUITE,
    refused_elsewhere.SUITE,
    clocks.SUITE,
    identity.SUITE,
    many.SUITE,
    mtls.SUITE,
    mtls_rotation.SUITE,
    lists.SUITE,
    kept.SUITE,
    rest_endpoints.SUITE,
    divided.SUITE,
    autoscaled.SUITE,
    optional_ports.SUITE,
    wasm.SUITE,
    under_load.SUITE,
    port_reference.SUITE,
]


# More than so many failures are no bad luck of a busy machine.
_MOST_AGAIN = 3


def _run(
    name: str, case: Case, cluster: Cluster, preset: str, report: Report
) -> tuple[bool, list[str]]:
    """Runs one case in its own namespace; returns whether it passed, and what it measured."""
    namespace = re.sub(r"[^a-z0-9]+", "-", name.lower())[:50].strip("-")
    scenario = Scenario(cluster, namespace, preset)

    def run() -> None:
        scenario.begin()
        case(scenario)

    with scenario.cleanup:
        passed = run_case(name, run, report)
        if not passed:
            print("\n".join(f"      | {line}" for line in scenario.evidence()), flush=True)
    return passed, scenario.notes


def _run_again(
    failed: list[tuple[str, Case]], cluster: Cluster, preset: str, report: Report
) -> list[str]:
    """All of Kubernetes shares two cores with the cases, and some case may be late for its sake. What fails twice fails;
    what passes the second time is returned, to be looked at."""
    if len(failed) > _MOST_AGAIN:
        return []
    cluster.close_installations()
    unsteady = []
    for name, case in failed:
        if _run(f"again: {name}", case, cluster, preset, report)[0]:
            report.failed -= 1
            unsteady.append(name)
    return unsteady


def _run_all(cluster: Cluster, arguments: argparse.Namespace, report: Report) -> list[str]:
    """Returns which cases were unsteady."""
    failed = []
    for name, case in (entry for suite in _SUITES for entry in suite.cases):
        if arguments.filter not in name:
            continue
        begin = time.monotonic()
        passed, notes = _run(name, case, cluster, arguments.preset, report)
        if not passed:
            failed.append((name, case))
        if arguments.verbose:
            took = f"took {time.monotonic() - begin:.1f} s"
            print("\n".join(f"      {line}" for line in [took, *notes]), flush=True)
    unsteady = _run_again(failed, cluster, arguments.preset, report)
    if arguments.verbose:
        used = cluster.memory()
        shown = ", ".join(f"{name} {mib}" for name, mib in used.items() if mib >= 5)
        print(f"memory: {sum(used.values())} MiB: {shown}", flush=True)
    return unsteady


def _bring_up(cluster: Cluster, preset: str, keep: bool) -> None:
    begin = time.monotonic()
    cluster.up(keep)
    up = time.monotonic()
    made = [*images.built(cluster.folder, preset), images.echo(cluster.folder)]
    written = time.monotonic() - up
    cluster.load(*made)
    loaded = time.monotonic() - up - written
    print(f"cluster: up after {up - begin:.1f} s, images made in {written:.1f} s, loaded in {loaded:.1f} s", flush=True)


def _nothing_is_left(cluster: Cluster) -> None:
    left = cluster.left()
    assert not left, "\n".join(left)


def _finish(report: Report, unsteady: list[str]) -> int:
    """The tally, which counts what was unsteady as passed, and as its last lines all that was."""
    code = report.finish()
    print("\n".join([f"{len(unsteady)} unsteady", *(f"UNSTEADY  {name}" for name in unsteady)]), flush=True)
    return code


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
                unsteady = _run_all(cluster, arguments, report)
            finally:
                cluster.close_installations()
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
    return _finish(report, unsteady)


if __name__ == "__main__":
    sys.exit(main())
