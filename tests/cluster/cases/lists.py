"""How a control plane asks for all objects of a kind, as `--lists` says."""

import re

from harness.scenario import Suite
from support.bulk import create_all
from support.cluster import Cluster
from support.objects import route_table, says, virtual_service
from support.scenario import Scenario

SUITE = Suite()
# One more than a page has.
_TABLES = 501
_LISTS = re.compile(
    r'^apiserver_request_total\{(?=[^}]*resource="routetables")(?=[^}]*verb="LIST")[^}]*\} (\d+)', re.MULTILINE
)


def _lists(cluster: Cluster) -> int:
    """How often the API server was asked for a list of RouteTables; nobody else asks for these."""
    return sum(int(count) for count in _LISTS.findall(cluster.kubectl("get", "--raw", "/metrics")))


@SUITE.case("lists: whole, in pages and as a stream, the same world comes, and edits after it")
def lists(scenario: Scenario) -> None:
    stage, host, cluster = scenario.stage(), scenario.host, scenario.cluster
    path = f"/apis/gateway.solo.io/v1/namespaces/{scenario.namespace}/routetables"
    tables = [route_table(f"t{number:03}", says(f"old {number}")) for number in range(_TABLES)]
    create_all(cluster, path, tables)
    last = tables[-1]["metadata"]["name"]
    delegated = {"delegateAction": {"ref": {"name": last, "namespace": scenario.namespace}}}
    scenario.apply(virtual_service("all", host, {"matchers": [{"prefix": "/"}], **delegated}))
    stage.await_answer(host, body=f"old {_TABLES - 1}")
    try:
        for turn, (way, asked) in enumerate({"stream": 0, "pages": 2, "whole": 1}.items()):
            before = _lists(cluster)
            stage.control_plane.environment = {"K8SGATEWAY_LISTS": way}
            stage.control_plane.restart_gently()
            stage.control_plane.wait_ready()
            assert _lists(cluster) - before == asked, f"{way}: {_lists(cluster) - before} lists, not {asked}"
            scenario.apply(route_table(last, says(f"new {turn}")))
            stage.await_answer(host, body=f"new {turn}")
    finally:
        stage.control_plane.environment = {}
        stage.control_plane.restart_gently()
        stage.control_plane.wait_ready()
