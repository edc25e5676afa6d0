"""Which namespaces are watched, as Settings say, changed while everything serves."""

import contextlib
from typing import Any, Iterator

from harness.scenario import Suite
from support.objects import says, virtual_service
from support.scenario import Scenario
from support.stage import settings

SUITE = Suite()


@contextlib.contextmanager
def _watching(scenario: Scenario, **spec: Any) -> Iterator[None]:
    """These Settings, and afterwards those that all cases share."""
    stage = scenario.stage()
    validation = {"gateway": {"validation": stage.validation}}
    scenario.cluster.apply(settings(**validation, **spec))
    try:
        yield
    finally:
        scenario.cluster.apply(settings(**validation))


@SUITE.case("watchNamespaces names those whose objects count, at any time")
def named(scenario: Scenario) -> None:
    stage, own = scenario.stage(), scenario.namespace
    other = f"{own}-other"
    scenario.make_namespace(other)
    inside, outside = f"in.{scenario.host}", f"out.{scenario.host}"
    scenario.apply(virtual_service("all", inside, says("inside")))
    one = virtual_service("all", outside, says("outside"))
    one["metadata"]["namespace"] = other
    scenario.apply(one)
    stage.await_answer(outside, body="outside")
    with _watching(scenario, watchNamespaces=["gloo-system", own]):
        stage.await_answer(outside, status=404)
        stage.await_answer(inside, body="inside")
    stage.await_answer(outside, body="outside")
    stage.await_answer(inside, body="inside")


@SUITE.case("watchNamespaceSelectors choose by labels; a namespace that gets the label comes to life")
def labelled(scenario: Scenario) -> None:
    stage, own, cluster = scenario.stage(), scenario.namespace, scenario.cluster
    other = f"{own}-other"
    scenario.make_namespace(other)
    inside, later = f"in.{scenario.host}", f"later.{scenario.host}"
    cluster.kubectl("label", "namespace", own, "served=yes")
    for host, namespace in ((inside, own), (later, other)):
        one = virtual_service("all", host, says(host))
        one["metadata"]["namespace"] = namespace
        scenario.apply(one)
        stage.await_answer(host, body=host)
    selector = {"matchExpressions": [{"key": "served", "operator": "In", "values": ["yes"]}]}
    with _watching(scenario, watchNamespaceSelectors=[selector]):
        stage.await_answer(later, status=404)
        stage.await_answer(inside, body=inside)
        cluster.kubectl("label", "namespace", other, "served=yes")
        stage.await_answer(later, body=later)
        cluster.kubectl("label", "namespace", other, "served-")
        stage.await_answer(later, status=404)
        stage.await_answer(inside, body=inside)
