"""The cluster itself: what all other cases stand on."""

import json

from harness.scenario import Suite
from harness.waiting import wait_until
from support.scenario import Scenario, ask, await_answer

SUITE = Suite()


@SUITE.case("the node is ready")
def node_is_ready(scenario: Scenario) -> None:
    node = scenario.cluster.get("node", "node1")
    ready = next(c for c in node["status"]["conditions"] if c["type"] == "Ready")
    assert ready["status"] == "True", ready
    server = json.loads(scenario.cluster.kubectl("version", "-o", "json"))["serverVersion"]
    kubelet = node["status"]["nodeInfo"]["kubeletVersion"]
    assert server["gitVersion"] == kubelet, (server, kubelet)
    assert (server["major"], server["minor"]) == ("1", "34"), server


@SUITE.case("names of Services are found")
def names_are_found(scenario: Scenario) -> None:
    found = scenario.cluster.inside("getent", "ahostsv4", "kubernetes.default.svc.cluster.local")
    assert found.split()[0] == "10.96.0.1", found


@SUITE.case("pods answer behind a Service")
def service_answers(scenario: Scenario) -> None:
    scenario.deploy_echo(replicas=2)
    service = scenario.get("service", "echo")
    pods = {one["metadata"]["name"] for one in scenario.get("pods")["items"]}
    port = service["spec"]["ports"][0]["nodePort"]
    balanced = scenario.balanced("echo")
    await_answer(balanced, 8080, "echo-")  # kube-proxy learns of a new address a moment later
    for address, at in (
        (service["spec"]["clusterIP"], 8080),
        ("172.30.0.1", port),
        (balanced, 8080),
    ):
        _await_all(pods, address, at)


def _await_all(pods: set[str], address: str, port: int) -> None:
    """Each connection goes to any of the pods; none may fail until all have answered."""
    seen = set()

    def all_answered() -> bool:
        answer = ask(address, port)
        assert answer.status == 200, f"{address}:{port}: {answer}"
        seen.add(answer.header("x-upstream"))
        return seen == pods

    wait_until(all_answered, f"answers of {pods} from {address}:{port}", 10)


@SUITE.case("pods find each other by name")
def pods_find_each_other(scenario: Scenario) -> None:
    scenario.deploy_echo()
    pod = scenario.get("pods")["items"][0]["metadata"]["name"]
    fetch = (
        "import socket; s = socket.create_connection(('echo', 8080));"
        r"s.sendall(b'GET / HTTP/1.1\r\nhost: echo\r\n\r\n'); print(s.recv(12).decode())"
    )
    answer = scenario.kubectl("exec", pod, "--", "/usr/bin/python3", "-E", "-S", "-c", fetch)
    assert answer.strip() == "HTTP/1.1 200", answer


@SUITE.case("etcd and the API server come back from a crash; pods answer meanwhile")
def servers_come_back(scenario: Scenario) -> None:
    cluster = scenario.cluster
    scenario.deploy_echo()
    address = scenario.get("service", "echo")["spec"]["clusterIP"]
    try:
        cluster.stop_servers()
        refused = cluster.kubectl("get", "--raw", "/readyz", check=False)
        assert refused == "", refused
        assert ask(address, 8080).status == 200
    finally:
        cluster.start_servers()
    assert scenario.get("service", "echo")["spec"]["clusterIP"] == address
