"""NetworkPolicies: what each lets in, as the network would decide."""

from typing import Any, Iterator

Object = dict[str, Any]
# What nodes ask, which may always reach their own pods.
_CLOSED = {"health"}
# What values name the callers of.
_NAMED = {"http-monitoring", "read-config", "grpc-validation", "grpc-proxydebug"}


def _matches(selector: Object, labels: Object) -> bool:
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def _open_to(policies: list[Object], port: int) -> list[Any] | None:
    """Who may reach a port: peers, [] for nobody, None for everybody."""
    peers: list[Any] = []
    for policy in policies:
        for rule in policy["spec"]["ingress"]:
            ports = rule["ports"]
            if any(one["port"] <= port <= one.get("endPort", one["port"]) for one in ports):
                if "from" not in rule:
                    return None
                if not rule["from"]:
                    raise AssertionError(f"{policy['metadata']['name']}: an empty list of peers is everybody")
                peers += rule["from"]
    return peers


def reach(objects: list[Object], pods: list[tuple[Object, Object]]) -> Iterator[tuple[str, str, list[Any] | None]]:
    """For each port of each pod: the pod, the name of the port, and who may reach it."""
    policies = [one for one in objects if one["kind"] == "NetworkPolicy"]
    for owner, template in pods:
        labels, namespace = template["metadata"]["labels"], owner["metadata"].get("namespace")
        own = [
            one
            for one in policies
            if one["metadata"]["namespace"] == namespace and _matches(one["spec"]["podSelector"], labels)
        ]
        name = owner["metadata"]["name"]
        if not own:
            yield name, "any", None
        for container in template["spec"]["containers"]:
            for port in container.get("ports", []):
                yield name, port["name"], _open_to(own, port["containerPort"]) if own else None


def faults_of(objects: list[Object], pods: list[tuple[Object, Object]]) -> list[str]:
    """With policies, what has to be open is, and nothing that holds configuration is open to all."""
    if not any(one["kind"] == "NetworkPolicy" for one in objects):
        return []
    parts = [(owner, template) for owner, template in pods if owner["kind"] != "Pod"]
    proxies = {owner["metadata"]["name"] for owner, template in parts if "gateway-proxy" in template["metadata"]["labels"]}
    faults = []
    for pod, port, peers in reach(objects, parts):
        wanted = "all"
        if port in ("grpc-xds", "rest-xds", "wasm-cache", "grpc-als"):
            wanted = "some"
        elif pod == "gloo" and port == "https":  # the API server is no pod
            wanted = "some or all"
        elif port in _CLOSED:
            wanted = "none"
        elif port in _NAMED or pod not in proxies:
            wanted = "none or some"
        found = "all" if peers is None else "some" if peers else "none"
        if found not in wanted:
            faults.append(f"{pod}: {port} is open to {found}, and should be to {wanted}")
    return faults
