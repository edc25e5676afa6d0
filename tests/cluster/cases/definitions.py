"""Our kinds on a real API server."""

import os
import pathlib
import re
import sys

import yaml

from harness.process import ROOT, binary
from harness.scenario import Suite
from support.cluster import Object, run
from support.scenario import Scenario

SUITE = Suite()
_KINDS = 17


@SUITE.case("the definitions are established")
def established(scenario: Scenario) -> None:
    names = scenario.install_definitions()
    assert len(names) == _KINDS, names
    served = scenario.cluster.kubectl("api-resources", "-o", "name").split()
    missing = set(names) - set(served)
    assert not missing, f"not served: {missing}"


@SUITE.case("the definitions take every good object of this repository as it is")
def objects_are_taken(scenario: Scenario) -> None:
    script = ROOT / "tests/crds/on_server.py"
    program = str(binary(scenario.preset))
    printed = run([sys.executable, str(script), program, scenario.cluster.kubectl_path])
    scenario.note(printed.strip())


@SUITE.case("the client, statuses and discovery do on a real server what their tests ask")
def programs_against_the_server(scenario: Scenario) -> None:
    # Before any control plane runs, which would write statuses at the same place.
    scenario.install_definitions()
    kubeconfig = f"K8SGATEWAY_TEST_KUBECONFIG={os.environ['KUBECONFIG']}"
    for name in ("sources_kube", "status", "discovery_driver"):
        program = binary(scenario.preset).with_name(f"k8sgw_{name}_test")
        said = run(["env", "-C", str(ROOT), kubeconfig, str(program), "--gtest_filter=*ApiServerTest.*"])
        assert "[  PASSED  ]" in said and "SKIPPED" not in said, said[-2000:]


@SUITE.case("the examples apply unchanged")
def examples_apply(scenario: Scenario) -> None:
    scenario.install_definitions()
    files = sorted((ROOT / "examples").rglob("*.yaml"))
    assert files
    for file in files:
        scenario.cluster.kubectl("apply", "-f", str(file))
        scenario.cleanup.callback(scenario.cluster.kubectl, "delete", "-f", str(file), check=False)
        for sent in _objects(file):
            meta = sent["metadata"]
            where = ("-n", meta["namespace"], sent["kind"], meta["name"])
            stored = scenario.cluster.get(*where)
            assert stored["spec"] == sent["spec"], f"{os.fspath(file)}: {sent['kind']} is changed"


def _objects(file: pathlib.Path) -> list[Object]:
    """Those of our kinds: the API server fills in others."""
    objects = yaml.safe_load_all(file.read_text())
    return [one for one in objects if one and ".solo.io/" in one["apiVersion"]]


@SUITE.case("kubectl explains our fields")
def explained(scenario: Scenario) -> None:
    scenario.install_definitions()
    shown = scenario.cluster.kubectl("explain", "virtualservice.spec.virtualHost")
    # A field is a line of two spaces, its name and type; its words stand below it.
    fields = dict(re.findall(r"^  (\w+)\t<.*>[^\n]*\n((?:    .*\n)*)", shown, re.MULTILINE))
    for name in ("domains", "routes", "options"):
        words = fields.get(name, "").split()
        assert len(words) >= 3, f"{name} is not explained:\n{shown}"
