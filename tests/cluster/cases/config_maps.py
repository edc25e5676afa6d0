"""A Gateway whose descriptors are in a ConfigMap."""

from harness import grpc
from harness.scenario import Suite
from support import objects
from support.cluster import Object
from support.control_plane import SYSTEM
from support.objects import to_upstream, virtual_service
from support.scenario import Scenario, ask

SUITE = Suite()
_PORT = 18090


def _descriptors(path: str) -> Object:
    shop = grpc.shop(grpc.Method("Find", f"get {path}"))
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": objects.meta("shop"),
        "data": {"shop.pb": shop},
    }


def _gateway(name: str, own: str) -> Object:
    transcoder = {
        "protoDescriptorConfigMap": {"configMapRef": objects.meta("shop", own), "key": "shop.pb"},
        "services": ["shop.Shop"],
    }
    http = {"options": {"grpcJsonTranscoder": transcoder}}
    return objects.gateway(name, _PORT, httpGateway=http)


@SUITE.case("a ConfigMap with descriptors comes, changes and goes: the listener has the last good one")
def descriptors(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    scenario.deploy_echo()
    service = {"serviceName": "echo", "serviceNamespace": own, "servicePort": 8080}
    scenario.apply(
        objects.upstream("shop", kube=service, useHttp2=True),
        virtual_service("shop", host, to_upstream("shop", own, "/shop.Shop/Find")),
        _gateway(own, own),
    )
    scenario.cleanup.callback(
        scenario.cluster.kubectl, "-n", SYSTEM, "delete", "gateways.gateway.solo.io", own
    )
    answer = lambda path: ask("127.0.0.1", _PORT, host, path)
    found = lambda path: answer(path).body.startswith(b'{"name":"apple","note":"echo-')
    is_gateway = ("gateways.gateway.solo.io", own, SYSTEM)
    stage.await_state(*is_gateway, "Rejected", "there is no ConfigMap")
    scenario.apply(_descriptors("/items/{name}"))
    stage.wait(lambda: found("/items/apple"), "the service answers")
    stage.await_state(*is_gateway, "Accepted")
    scenario.apply(_descriptors("/goods/{name}"))
    stage.wait(lambda: found("/goods/apple"), "the changed service answers")
    assert answer("/items/apple").status == 404, answer("/items/apple")
    scenario.apply(_descriptors("/goods/"))
    stage.await_state(*is_gateway, "Rejected", "shop.Shop.Find")
    assert found("/goods/apple"), answer("/goods/apple")
    scenario.kubectl("delete", "configmap", "shop")
    stage.await_state(*is_gateway, "Rejected", "there is no ConfigMap")
    assert found("/goods/apple"), answer("/goods/apple")
    scenario.apply(_descriptors("/items/{name}"))
    stage.wait(lambda: found("/items/apple"), "the service answers again")
    stage.await_state(*is_gateway, "Accepted")
