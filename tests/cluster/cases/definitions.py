"""Our kinds on a real API server."""

import json
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
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# Of the 256 KiB for all annotations of an object.
_LONGEST_COPY = 252 * 1024


@SUITE.case("the definitions are established")
def established(scenario: Scenario) -> None:
    names = scenario.install_definitions()
    assert len(names) == _KINDS, names
    served = scenario.cluster.kubectl("api-resources", "-o", "name").split()
    missing = set(names) - set(served)
    assert not missing, f"not served: {missing}"


@SUITE.case("the definitions can be applied plainly, and over whatever applied them before")
def applied_plainly(scenario: Scenario) -> None:
    scenario.install_definitions()
    definitions = scenario.gateway("crds")
    older = definitions.replace("What is wanted.", "What was wanted.")
    assert older != definitions
    # What each way gives must be there as it is, whatever the one before has left.
    for text, way in (
        (older, ("--server-side", "--force-conflicts", "--field-manager=helm")),
        (definitions, ()),
        (older, ("--server-side",)),
        (definitions, ()),
    ):
        applied = scenario.cluster.kubectl("apply", *way, "-f", "-", stdin=text)
        assert len(applied.splitlines()) == _KINDS, applied
        for sent in yaml.load_all(text, Loader=yaml.CSafeLoader):
            name = sent["metadata"]["name"]
            stored = scenario.cluster.get("crd", name)
            assert _schema(stored) == _schema(sent), f"{name} is not as it was applied: {way}"
            if not way:
                copy = stored["metadata"]["annotations"][_LAST_APPLIED]
                assert len(copy.encode()) <= _LONGEST_COPY, f"{name}: {len(copy.encode())} bytes"
                assert json.loads(copy)["spec"] == sent["spec"], name


def _schema(definition: Object) -> Object:
    schema: Object = definition["spec"]["versions"][0]["schema"]
    return schema


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


@SUITE.case("kubectl explains the fields of the definitions")
def explained(scenario: Scenario) -> None:
    scenario.install_definitions()
    for path, names in (
        ("virtualservice.spec.virtualHost", ("domains", "routes", "options")),
        ("virtualservice.spec.virtualHost.routes.options.retries", ("numRetries", "retryOn", "retryBackOff")),
        ("upstream.spec.loadBalancerConfig.ringHash.ringHashConfig", ("minimumRingSize", "maximumRingSize")),
    ):
        fields = _explain(scenario, path)
        for name in names:
            assert len(fields.get(name, "").split()) >= 3, f"{path}.{name} is not explained: {fields}"


@SUITE.case("kubectl explains at another place what the definitions tell once")
def explained_elsewhere(scenario: Scenario) -> None:
    scenario.install_definitions()
    for kind, parent, name in (
        ("gateways.gateway.solo.io", "spec.hybridGateway.matchedGateways.httpGateway", "options"),
        ("virtualservice", "spec.virtualHost.routes.routeAction.multi.destinations.options", "transformations"),
    ):
        hint = re.search(r"Fields as in (\S+)\.$", _explain(scenario, f"{kind}.{parent}")[name])
        assert hint, f"{kind}.{parent}.{name} does not say where its fields are explained"
        silent, told = _explain(scenario, f"{kind}.{parent}.{name}"), _explain(scenario, f"{kind}.{hint[1]}")
        assert silent.keys() == told.keys() and told, f"{hint[1]} has other fields"
        assert not any(silent.values()) and all(told.values()), f"{silent} {told}"


def _explain(scenario: Scenario, path: str) -> dict[str, str]:
    """The words for each field of what is at the path."""
    shown = scenario.cluster.kubectl("explain", path)
    # A field is a line of two spaces, its name and type; its words stand below it.
    found = re.findall(r"^  (\w+)\t<.*>[^\n]*\n((?:    .*\n)*)", shown, re.MULTILINE)
    return {name: " ".join(words.replace("<no description>", "").split()) for name, words in found}
