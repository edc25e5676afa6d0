"""A Gateway whose descriptors are in a ConfigMap."""

from harness import client, grpc
from harness.scenario import Suite
from support import objects
from support.cluster import Object
from support.control_plane import SYSTEM
from support.objects import to_upstream, virtual_service
from support.scenario import Scenario, ask

SUITE = Suite()
_PORT = 18090


def descriptors_at(path: str) -> Object:
    """The ConfigMap, of a service that is found below this path."""
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


class Shop:
    """A service of gRPC behind a Gateway that speaks JSON, as the ConfigMap says."""

    def __init__(self, scenario: Scenario) -> None:
        own = scenario.namespace
        self._host = scenario.host
        scenario.deploy_echo()
        service = {"serviceName": "echo", "serviceNamespace": own, "servicePort": 8080}
        scenario.apply(
            objects.upstream("shop", kube=service, useHttp2=True),
            virtual_service("shop", self._host, to_upstream("shop", own, "/shop.Shop/Find")),
            _gateway(own, own),
        )
        scenario.cleanup.callback(
            scenario.cluster.kubectl, "-n", SYSTEM, "delete", "gateways.gateway.solo.io", own
        )

    def answer(self, path: str) -> client.Response:
        return ask("127.0.0.1", _PORT, self._host, path)

    def finds(self, path: str) -> bool:
        return self.answer(path).body.startswith(b'{"name":"apple","note":"echo-')


@SUITE.case("a ConfigMap with descriptors comes, changes and goes: the listener has the last good one")
def descriptors(scenario: Scenario) -> None:
    stage, own = scenario.stage(), scenario.namespace
    shop = Shop(scenario)
    is_gateway = ("gateways.gateway.solo.io", own, SYSTEM)
    stage.await_state(*is_gateway, "Rejected", "there is no ConfigMap")
    scenario.apply(descriptors_at("/items/{name}"))
    stage.wait(lambda: shop.finds("/items/apple"), "the service answers")
    stage.await_state(*is_gateway, "Accepted")
    scenario.apply(descriptors_at("/goods/{name}"))
    stage.wait(lambda: shop.finds("/goods/apple"), "the changed service answers")
    assert shop.answer("/items/apple").status == 404, shop.answer("/items/apple")
    scenario.apply(descriptors_at("/goods/"))
    stage.await_state(*is_gateway, "Rejected", "shop.Shop.Find")
    assert shop.finds("/goods/apple"), shop.answer("/goods/apple")
    scenario.kubectl("delete", "configmap", "shop")
    stage.await_state(*is_gateway, "Rejected", "there is no ConfigMap")
    assert shop.finds("/goods/apple"), shop.answer("/goods/apple")
    scenario.apply(descriptors_at("/items/{name}"))
    stage.wait(lambda: shop.finds("/items/apple"), "the service answers again")
    stage.await_state(*is_gateway, "Accepted")
