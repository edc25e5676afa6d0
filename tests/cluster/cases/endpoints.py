"""Services of all shapes, with real pods: headless ones, several ports, zones of their nodes."""

import json

from harness import client
from harness.scenario import Suite
from support import images
from support.cluster import Object
from support.objects import kube_upstream, meta, to_service, to_upstream, virtual_service
from support.scenario import RESTRICTED, Scenario

SUITE = Suite()
_ZONE, _REGION = "topology.kubernetes.io/zone", "topology.kubernetes.io/region"


def _service(name: str, app: str, *ports: Object, **spec: object) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta(name),
        "spec": {"selector": {"app": app}, "ports": list(ports), **spec},
    }


def _pods(scenario: Scenario, host: str) -> set[str]:
    """Who answers, of some requests."""
    return {json.loads(scenario.stage().ask(host).body)["upstream"] for _ in range(20)}


def _localities(scenario: Scenario, cluster: str) -> list[tuple[str, str]]:
    """Region and zone of each endpoint that Envoy knows of a cluster whose name holds this."""
    found = json.loads(client.get(scenario.stage().proxy.admin_port, "/clusters?format=json").body)
    parts = [part for part in found["cluster_statuses"] if cluster in part["name"]]
    hosts = [one for part in parts for one in part.get("host_statuses", [])]
    place = lambda one: one.get("locality", {})
    return [(place(one).get("region", ""), place(one).get("zone", "")) for one in hosts]


@SUITE.case("a headless Service leads to each of its pods, and follows them")
def headless(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    scenario.deploy_echo(replicas=2)
    scenario.apply(
        _service("headless", "echo", {"port": 8080}, clusterIP="None"),
        kube_upstream("headless", "headless", own),
        virtual_service("route", f"route.{host}", to_service("headless", own)),
        virtual_service("upstream", f"upstream.{host}", to_upstream("headless", own)),
    )
    names = {one["metadata"]["name"] for one in scenario.get("pods")["items"]}
    for one in ("route", "upstream"):
        stage.await_answer(f"{one}.{host}", body="echo-")
        stage.wait(lambda h=f"{one}.{host}": _pods(scenario, h) == names, f"both pods answer: {one}")
        stage.await_state("virtualservice", one, own, "Accepted")
    scenario.kubectl("scale", "deployment/echo", "--replicas=1")
    scenario.await_rollout("echo")
    for one in ("route", "upstream"):
        stage.wait(lambda h=f"{one}.{host}": len(_pods(scenario, h)) == 1, f"one pod is left: {one}")


@SUITE.case("of a Service with several ports each leads to its own port of the pods, by number or by name")
def several_ports(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    container = {
        "name": "echo",
        "image": images.ECHO,
        "args": ["8080", "9090", "9091"],
        "ports": [{"name": "main", "containerPort": 8080}, {"name": "more", "containerPort": 9090}],
        "readinessProbe": {"tcpSocket": {"port": 9091}, "periodSeconds": 1},
    }
    scenario.apply(
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta("several", labels={"app": "several"}),
         "spec": {"containers": [container], "securityContext": RESTRICTED}},
        _service(
            "several",
            "several",
            {"name": "web", "port": 80, "targetPort": "main"},
            {"name": "named", "port": 81, "targetPort": "more"},
            {"name": "numbered", "port": 82, "targetPort": 9091},
        ),
    )
    ports = {80: 8080, 81: 9090, 82: 9091}
    routes = []
    for port in ports:
        scenario.apply(kube_upstream(f"port-{port}", "several", own, port))
        stage.await_exists("-n", "gloo-system", "upstream", f"{own}-several-{port}")
        routes += [
            to_service("several", own, f"/service/{port}", port),
            to_upstream(f"port-{port}", own, f"/upstream/{port}"),
            to_upstream(f"{own}-several-{port}", "gloo-system", f"/discovered/{port}"),
        ]
    scenario.apply(virtual_service("all", host, *routes))
    for port, target in ports.items():
        for way in ("service", "upstream", "discovered"):
            stage.await_answer(host, body=f'"upstream": "several:{target}"', path=f"/{way}/{port}")
    stage.await_state("virtualservice", "all", own, "Accepted")


@SUITE.case("endpoints have the zone and the region of their node, and the new ones when its labels change")
def zones(scenario: Scenario) -> None:
    stage, own, host, cluster = scenario.stage(), scenario.namespace, scenario.host, scenario.cluster
    scenario.deploy_echo(replicas=2)
    scenario.apply(virtual_service("all", host, to_service("echo", own)))
    stage.await_answer(host, body="echo-")
    label = lambda *words: cluster.kubectl("label", "node", "node1", "--overwrite", *words)
    scenario.cleanup.callback(label, f"{_ZONE}-", f"{_REGION}-")
    before = stage.proxy.updates()
    label(f"{_ZONE}=a", f"{_REGION}=north")
    localities = lambda: _localities(scenario, f"kube-svc:{own}-echo-8080")
    # Of both pods: the second one may come to Envoy a moment later than the first.
    stage.wait(lambda: localities() == [("north", "a")] * 2, "the region and the zone of the node")
    label(f"{_REGION}=south")
    stage.wait(lambda: localities() == [("south", "a")] * 2, "the new region")
    stage.await_answer(host, body="echo-")
    assert stage.proxy.updates() == before, "more than endpoints has changed"
