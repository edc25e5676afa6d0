"""`k8sgateway run` in a pod, on a mounted ConfigMap."""

import time

import yaml

from harness.scenario import Suite
from harness.waiting import wait_until
from support import images
from support.cluster import Object
from support.scenario import OWN_USER, Scenario, ask, await_answer

SUITE = Suite()
# The kubelet looks at mounted ConfigMaps about every second here; what is above that is ours.
_KUBELET_SECONDS = 30


def _configuration(scenario: Scenario, version: str) -> str:
    """A Gateway, a route to the Service `echo`, and one that says which version is live."""
    place = {"namespace": "gloo-system"}
    address = f"echo.{scenario.namespace}.svc.cluster.local"
    upstream = {"name": "echo", **place}
    routes = [
        {
            "matchers": [{"exact": "/version"}],
            "directResponseAction": {"status": 200, "body": version},
        },
        {"matchers": [{"prefix": "/"}], "routeAction": {"single": {"upstream": upstream}}},
    ]
    objects: list[Object] = [
        {
            "apiVersion": "gateway.solo.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "gateway-proxy", **place},
            "spec": {"bindAddress": "::", "bindPort": 8080, "httpGateway": {}},
        },
        {
            "apiVersion": "gloo.solo.io/v1",
            "kind": "Upstream",
            "metadata": upstream,
            "spec": {"static": {"hosts": [{"addr": address, "port": 8080}]}},
        },
        {
            "apiVersion": "gateway.solo.io/v1",
            "kind": "VirtualService",
            "metadata": {"name": "all", **place},
            "spec": {"virtualHost": {"domains": ["*"], "routes": routes}},
        },
    ]
    return yaml.safe_dump_all(objects, sort_keys=False)


def _publish(scenario: Scenario, text: str) -> None:
    scenario.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "configuration"},
            "data": {"site.yaml": text},
        }
    )


def _deploy_gateway(scenario: Scenario) -> None:
    scenario.deploy(
        "gateway",
        {
            "image": images.PROXY,
            "args": ["run", "/config", "--bind=::", "--concurrency=1"],
            "ports": [{"containerPort": 8080}],
            "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
            "resources": {"limits": {"memory": "256Mi"}},
            "volumeMounts": [{"name": "configuration", "mountPath": "/config"}],
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
        },
        volumes=[{"name": "configuration", "configMap": {"name": "configuration"}}],
        securityContext=OWN_USER,
    )


@SUITE.case("a folder of YAML from a ConfigMap is served, and its edits")
def mounted_folder(scenario: Scenario) -> None:
    scenario.deploy_echo()
    _publish(scenario, _configuration(scenario, "one"))
    _deploy_gateway(scenario)
    balanced = scenario.balanced("gateway")
    await_answer(balanced, 8080, "echo-")
    ports = scenario.get("service", "gateway")["spec"]["ports"]
    answer = ask("172.30.0.1", ports[0]["nodePort"])
    assert (answer.status, answer.header("x-served-by")) == (200, "echo"), answer

    version = ask(balanced, 8080, path="/version")
    assert (version.status, version.body) == (200, b"one"), version
    begin = time.monotonic()
    _publish(scenario, _configuration(scenario, "two"))

    def edited() -> bool:
        others, version = ask(balanced, 8080), ask(balanced, 8080, path="/version")
        assert others.status == 200, f"while the edit came: {others}"
        assert (version.status, version.body) in ((200, b"one"), (200, b"two")), version
        return version.body == b"two"

    wait_until(edited, "the edit to reach traffic", _KUBELET_SECONDS)
    scenario.note(f"the edit was live after {time.monotonic() - begin:.1f} s")


@SUITE.case("a broken ConfigMap changes nothing, and the log says where")
def broken_folder(scenario: Scenario) -> None:
    scenario.deploy_echo()
    good = _configuration(scenario, "one")
    _publish(scenario, good)
    _deploy_gateway(scenario)
    balanced = scenario.balanced("gateway")
    await_answer(balanced, 8080, "echo-")
    _publish(scenario, good.replace("domains:", "domainz:"))

    def told() -> bool:
        assert ask(balanced, 8080).status == 200
        return "domainz" in scenario.kubectl("logs", "deployment/gateway")

    wait_until(told, "a line of the log about the fault", _KUBELET_SECONDS)
    assert ask(balanced, 8080, path="/version").body == b"one"
