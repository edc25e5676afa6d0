"""Where routes lead in a cluster: requests through a real Envoy to real pods."""

import json

from harness.scenario import Suite
from support import objects
from support.cluster import Object
from support.objects import route_table, says, to_service, to_table, to_upstream, virtual_service
from support.scenario import Scenario
from support.trace import traced

SUITE = Suite()


@SUITE.case("routes lead to Services, and to Upstreams of all kinds")
def all_destinations(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    scenario.deploy_echo()
    address = scenario.get("service", "echo")["spec"]["clusterIP"]
    discovered = f"{own}-echo-8080"
    scenario.apply(
        objects.kube_upstream("of-kind-kube", "echo", own),
        objects.static_upstream("of-kind-static", address),
        virtual_service(
            "all",
            host,
            to_service("echo", own, "/service"),
            to_upstream("of-kind-kube", own, "/kube"),
            to_upstream("of-kind-static", own, "/static"),
            to_upstream(discovered, "gloo-system", "/discovered"),
            says("nothing else"),
        ),
    )
    for path in ("/service", "/kube", "/static", "/discovered"):
        answer = stage.await_answer(host, body=f'"path": "{path}"', path=path)
        assert answer.header("x-served-by") == "echo", answer
    stage.await_answer(host, body="nothing else")
    stage.await_state("virtualservice", "all", own, "Accepted")
    stage.await_state("upstream", "of-kind-kube", own, "Accepted")
    found = scenario.cluster.get("-n", "gloo-system", "upstream", discovered)
    assert found["spec"]["kube"]["serviceName"] == "echo", found
    assert found["spec"]["kube"]["servicePort"] == 8080, found
    assert found["metadata"]["labels"]["discovered_by"] == "kubernetesplugin", found


@SUITE.case("a discovered Upstream keeps its users' edits, and goes with its Service")
def discovered_upstream(scenario: Scenario) -> None:
    stage, own = scenario.stage(), scenario.namespace
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "api"},
        "spec": {"selector": {"app": "api"}, "ports": [{"port": 80}]},
    }
    scenario.apply(service)
    name = f"{own}-api-80"
    place = ("-n", "gloo-system", "upstream", name)
    cluster = scenario.cluster
    stage.await_exists(*place)
    edit = '{"spec": {"connectionConfig": {"connectTimeout": "3s"}}}'
    cluster.kubectl("patch", *place[:2], *place[2:], "--type=merge", "-p", edit)
    changed = {**service, "metadata": {"name": "api", "labels": {"team": "one"}}}
    scenario.apply(changed)

    def labelled() -> bool:
        meta = cluster.get(*place)["spec"].get("discoveryMetadata", {})
        return meta.get("labels", {}).get("team") == "one"

    stage.wait(labelled, "the label of the Service on its Upstream")
    spec = cluster.get(*place)["spec"]
    assert spec["connectionConfig"] == {"connectTimeout": "3s"}, spec
    scenario.kubectl("delete", "service", "api")
    stage.await_gone(*place)


@SUITE.case("RouteTables of another namespace are delegated to, and their edits are live")
def delegation(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    team = f"{own}-team"
    scenario.make_namespace(team)
    scenario.apply(
        virtual_service("all", host, to_table("team", team, "/team"), says("parent")),
        {**route_table("team", says("one", "/team/a")), "metadata": {"name": "team", "namespace": team}},
    )
    stage.await_answer(host, body="one", path="/team/a")
    stage.await_answer(host, body="parent", path="/other")
    stage.await_state("routetable", "team", team, "Accepted")
    table = route_table("team", says("two", "/team/a"), says("three", "/team/b"))
    scenario.apply({**table, "metadata": {"name": "team", "namespace": team}})
    stage.await_answer(host, body="three", path="/team/b")
    stage.await_answer(host, body="two", path="/team/a")
    scenario.cluster.kubectl("-n", team, "delete", "routetable", "team")
    stage.await_answer(host, body="parent", path="/team/a")
    scenario.apply({**table, "metadata": {"name": "team", "namespace": team}})
    stage.await_answer(host, body="two", path="/team/a")


@SUITE.case("options of routes and of their host are applied, and an edit of one")
def options(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    scenario.deploy_echo()

    def adds(value: str) -> dict[str, object]:
        header = {"header": {"key": "x-added", "value": value}, "append": False}
        return {"headerManipulation": {"responseHeadersToAdd": [header]}}

    route = {**to_service("echo", own, "/old/"), "options": {"prefixRewrite": "/new/"}}
    scenario.apply(virtual_service("all", host, route, options=adds("one")))
    answer = stage.await_answer(host, body='"path": "/new/x"', path="/old/x")
    assert answer.header("x-added") == "one", answer
    scenario.apply(virtual_service("all", host, route, options=adds("two")))
    stage.wait(lambda: stage.ask(host, "/old/").header("x-added") == "two", "the edited header")


def _in(namespace: str, one: Object) -> Object:
    return {**one, "metadata": {**one["metadata"], "namespace": namespace}}


@SUITE.case("names that would be equal when joined stay apart: hosts, Upstreams, Services and what is discovered of them")
def joined_names(scenario: Scenario) -> None:
    """`b-c` in `a`, and `c` in `a-b`: what is made of both has names of its own."""
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    first, second = (own, "b-c"), (f"{own}-b", "c")
    scenario.make_namespace(second[0])
    scenario.deploy_echo("b-c")
    address = scenario.get("service", "b-c")["spec"]["clusterIP"]
    discovered = ("-n", "gloo-system", "upstream", f"{own}-b-c-8080")
    stage.await_exists(*discovered)
    # The Service and the Upstream of the second lead to nobody.
    ports = {"ports": [{"port": 8080}]}
    scenario.apply(
        _in(second[0], {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "c"}, "spec": ports}),
        _in(own, objects.static_upstream("b-c", address)),
        _in(second[0], objects.static_upstream("c", "127.0.0.1", 1)),
    )
    for number, (namespace, name) in enumerate((first, second)):
        routes = (to_service(name, namespace, "/service"), to_upstream(name, namespace, "/upstream"))
        service = virtual_service(name, f"{number}.{host}", *routes, says(f"host {number}"))
        scenario.apply(_in(namespace, service))
    for number, status in ((0, 200), (1, 503)):
        stage.await_answer(f"{number}.{host}", body=f"host {number}")
        for path in ("/service", "/upstream"):
            stage.await_answer(f"{number}.{host}", status, path=path)
    for path in ("/service", "/upstream"):
        assert stage.ask(f"0.{host}", path).status == 200, path
    # An Upstream in the cluster can have one name only: who has it keeps it.
    assert scenario.cluster.get(*discovered)["spec"]["kube"]["serviceNamespace"] == own


@SUITE.case("of two VirtualServices with one domain the older one serves; the newer one says so")
def taken_domain(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    other = f"{own}-b"
    scenario.make_namespace(other)
    scenario.apply(virtual_service("first", host, says("older")))
    stage.await_answer(host, body="older")
    newer = virtual_service("second", host, says("newer"))
    newer["metadata"]["namespace"] = other
    scenario.apply(newer)
    stage.await_state("virtualservice", "second", other, "Rejected", host)
    stage.await_answer(host, body="older")
    scenario.kubectl("delete", "virtualservice", "first")
    stage.await_answer(host, body="newer")
    stage.await_state("virtualservice", "second", other, "Accepted")


@SUITE.case("a Service cannot lead out of the cluster; an Upstream can, and the control plane follows it nowhere")
def leading_away(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    away = {"type": "ExternalName", "externalName": "kubernetes.default.svc.cluster.local", "ports": [{"port": 443}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "away"}, "spec": away}
    admin, metadata = "127.0.0.1", "169.254.169.254"
    with traced(stage.control_plane.process.pid, stage.folder / "trace") as trace:
        scenario.apply(
            service,
            objects.kube_upstream("away", "away", own, 443),
            objects.static_upstream("admin", admin, stage.proxy.admin_port),
            objects.static_upstream("metadata", metadata, 80),
            virtual_service(
                "all",
                host,
                to_service("away", own, "/service", 443),
                to_upstream("away", own, "/upstream"),
                to_upstream("metadata", own, "/metadata"),
                to_upstream("admin", own, "/ready"),
            ),
        )
        # Whoever may write Upstreams decides where Envoy goes, its own administration included.
        stage.await_answer(host, body="LIVE", path="/ready")
        stage.await_state("upstream", "away", own, "Warning", "name of another host")
        for name in ("admin", "metadata"):
            stage.await_state("upstream", name, own, "Accepted")
        for path in ("/service", "/upstream"):
            assert stage.ask(host, path).status == 503, path
    assert trace.peers() <= {"172.30.0.1:6443"}, trace.peers()
    assert not trace.started(), trace.started()
    # What is made by hand to look like pods of a Service is refused by the API server itself.
    for address in (admin, metadata):
        by_hand = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "by-hand", "namespace": own, "labels": {"kubernetes.io/service-name": "away"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [address]}],
            "ports": [{"port": 443}],
        }
        taken, said = scenario.cluster.attempt("apply", "-f", "-", stdin=json.dumps(by_hand))
        assert not taken and address in said, said
