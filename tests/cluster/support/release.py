"""A release of the chart in the namespace of a case: Helm itself, and the images of this build."""

import json
import pathlib
import tempfile
from typing import Any

import yaml

from harness.process import ROOT

from . import images
from .cluster import Object, run
from .scenario import Scenario

CHART = ROOT / "chart"
NAME = "k8sgateway"
_SECONDS = 180
# What a namespace has by itself, and what comes and goes there.
_OF_NAMESPACE = {"configmaps/kube-root-ca.crt", "serviceaccounts/default"}
_OF_NOBODY = ("events", "events.events.k8s.io", "endpoints", "endpointslices.discovery.k8s.io")
# Two cores are all that there is.
_SMALL = {"requests": {"cpu": "20m", "memory": "32Mi"}}


def values(**more: Any) -> Object:
    """For a cluster of tests: images of this build, by the names that the chart has, and little of the machine."""
    return merge(
        {
            "global": {"image": {"registry": images.OURS, "tag": images.TAG, "pullPolicy": "Never"}},
            "gloo": {"deployment": {"resources": _SMALL}},
            "discovery": {"deployment": {"resources": _SMALL}},
            "accessLogger": {"resources": _SMALL},
            "gateway": {"certGenJob": {"resources": _SMALL}},
            "gatewayProxies": {"gatewayProxy": {"podTemplate": {"resources": _SMALL}}},
        },
        more,
    )


def merge(into: Object, more: Object) -> Object:
    """Deeply; `more` counts."""
    return {
        **into,
        **{
            key: merge(into[key], value) if isinstance(value, dict) and isinstance(into.get(key), dict) else value
            for key, value in more.items()
        },
    }


def helm(scenario: Scenario, *args: str, check: bool = True) -> str:
    """In the namespace of the case."""
    program = str(scenario.cluster.folder / "programs/bin/helm")
    return run([program, "-n", scenario.namespace, *args], check=check, seconds=_SECONDS + 60)


class Release:
    """What `helm` does with it; it goes with the case."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        scenario.cleanup.callback(self.helm, "uninstall", NAME, "--ignore-not-found", "--wait", check=False)

    def helm(self, *args: str, check: bool = True) -> str:
        return helm(self.scenario, *args, check=check)

    def _with_values(self, command: str, given: Object, chart: pathlib.Path) -> str:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump(given, file)
            file.flush()
            return self.helm(command, NAME, str(chart), "-f", file.name, "--wait", f"--timeout={_SECONDS}s")

    def install(self, given: Object, chart: pathlib.Path = CHART) -> str:
        """Returns what Helm says, which ends with the notes."""
        return self._with_values("install", given, chart)

    def upgrade(self, given: Object) -> str:
        return self._with_values("upgrade", given, CHART)

    def rollback(self, revision: int) -> None:
        self.helm("rollback", NAME, str(revision), "--wait", f"--timeout={_SECONDS}s")

    def test(self) -> str:
        return self.helm("test", NAME, f"--timeout={_SECONDS}s")

    def uninstall(self) -> None:
        self.helm("uninstall", NAME, "--wait", f"--timeout={_SECONDS}s")


def objects_in(scenario: Scenario) -> set[str]:
    """All that stands in the namespace, as KIND/NAME, and all of the cluster that is named after it."""
    cluster, namespace = scenario.cluster, scenario.namespace
    kinds = set(cluster.kubectl("api-resources", "--verbs=list,delete", "--namespaced", "-o", "name").split())
    kinds -= set(_OF_NOBODY)
    found = json.loads(scenario.kubectl("get", ",".join(sorted(kinds)), "-o", "json", "--ignore-not-found") or "{}")
    names = {_place(one) for one in found.get("items", [])}
    own = ("clusterroles", "clusterrolebindings", "validatingwebhookconfigurations")
    everywhere = json.loads(cluster.kubectl("get", ",".join(own), "-o", "json"))["items"]
    names |= {_place(one) for one in everywhere if one["metadata"]["name"].endswith(f"-{namespace}")}
    return names - _OF_NAMESPACE


def _place(one: Object) -> str:
    return f"{one['kind'].lower()}s/{one['metadata']['name']}"


def goldens() -> list[pathlib.Path]:
    """All renderings that tests/chart holds."""
    return sorted((ROOT / "tests/chart/golden").glob("*.yaml"))
