"""NetworkPolicies: every flow between pods, decided as a network would that keeps them.

Their selectors are matched against the labels of the rendered pods, and of pods that have nothing to seek there. A flow
that the port reference has must be admitted, and all others refused.
"""

import ipaddress
import pathlib
from typing import Any, Iterator, NamedTuple

import yaml

Object = dict[str, Any]
ROOT = pathlib.Path(__file__).resolve().parents[2]
_NAMESPACE_NAME = "kubernetes.io/metadata.name"
# Ports on loopback, which no policy is asked about: admin of gloo and of proxies, SDS and the admin of sidecars.
_LOOPBACK = {9095, 19000, 8234, 8081}
_OUTSIDE = "192.0.2.1"
# Words for callers are those of global.networkPolicies, and these.
_ALL, _OF_CHART = "everybody", "proxies of the chart, and its tests"
_CALLERS = {
    "grpc-xds": {_OF_CHART, "proxies"},
    "rest-xds": {_OF_CHART, "proxies"},
    "wasm-cache": {_OF_CHART, "proxies"},
    "grpc-als": {_OF_CHART, "proxies"},
    "grpc-validation": {"validation"},
    "grpc-proxydebug": {"proxyDebug"},
    "http-monitoring": {"metrics"},
    "read-config": {"readConfig"},
    # Nodes reach their own pods anyway.
    "health": set(),
}


class Pod(NamedTuple):
    name: str
    namespace: str
    labels: Object


# A pod, or an address that is none.
Caller = Pod | str


def _holds(one: Object, labels: Object) -> bool:
    """One of matchExpressions."""
    value, values = labels.get(one["key"]), one.get("values", [])
    kinds = {"In": value in values, "NotIn": value not in values, "Exists": value is not None, "DoesNotExist": value is None}
    return kinds[one["operator"]]


def _matches(selector: Object, labels: Object) -> bool:
    by_label = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return by_label and all(_holds(one, labels) for one in selector.get("matchExpressions", []))


def _is_peer(peer: Object, caller: Caller, namespace: str) -> bool:
    """Whether a peer of a policy of a namespace is this caller."""
    if isinstance(caller, str):
        block = peer.get("ipBlock", {"cidr": "0.0.0.0/32"})
        address = ipaddress.ip_address(caller)
        outer = address in ipaddress.ip_network(block["cidr"])
        return outer and not any(address in ipaddress.ip_network(one) for one in block.get("except", []))
    if "ipBlock" in peer:
        return False
    if "namespaceSelector" in peer:
        there = _matches(peer["namespaceSelector"], {_NAMESPACE_NAME: caller.namespace})
    else:
        there = caller.namespace == namespace
    return there and _matches(peer.get("podSelector", {}), caller.labels)


def _has_port(rule: Object, port: int) -> bool:
    if "ports" not in rule:
        return True
    return any(one["protocol"] == "TCP" and one["port"] <= port <= one.get("endPort", one["port"]) for one in rule["ports"])


def _selecting(policies: list[Object], target: Pod) -> list[Object]:
    return [
        one
        for one in policies
        if one["metadata"]["namespace"] == target.namespace and _matches(one["spec"]["podSelector"], target.labels)
    ]


def admits(policies: list[Object], caller: Caller, target: Pod, port: int) -> bool:
    """Whether the network lets a connection through. A pod that no policy selects is open; so is a rule without peers."""
    own = _selecting(policies, target)
    rules = [rule for one in own for rule in one["spec"]["ingress"] if _has_port(rule, port)]
    peers = [peer for rule in rules for peer in rule.get("from") or [None]]
    return not own or any(peer is None or _is_peer(peer, caller, target.namespace) for peer in peers)


class _Installation:
    """The pods of a rendering, whoever might call them, and who may."""

    def __init__(self, objects: list[Object], pods: list[tuple[Object, Object]], peers: dict[str, list[Object]]) -> None:
        self.policies = [one for one in objects if one["kind"] == "NetworkPolicy"]
        self.peers = peers
        of = lambda owner, template: Pod(
            owner["metadata"]["name"], owner["metadata"]["namespace"], template["metadata"]["labels"]
        )
        self.templates = [(of(owner, template), template) for owner, template in pods if owner["kind"] != "Pod"]
        self.own = [pod for pod, _ in self.templates]
        # By what they are, not by their labels.
        bootstraps = {one["metadata"]["name"] for one in objects if one["kind"] == "ConfigMap"}
        self.proxies = [pod for pod in self.own if f"{pod.name}-envoy-config" in bootstraps]
        self.tests = [of(owner, template) for owner, template in pods if owner["kind"] == "Pod"]
        self.callers = [*self.own, *self.tests, *self._strangers(), *self._listed()]

    def _strangers(self) -> Iterator[Caller]:
        yield _OUTSIDE
        for namespace in sorted({pod.namespace for pod in self.own} | {"elsewhere"}):
            yield Pod("a stranger", namespace, {"app": "stranger"})
            yield Pod("a test of somebody else", namespace, {"gloo": "test", "app.kubernetes.io/instance": "other"})
        for pod in [*self.proxies, *self.tests]:
            yield Pod(f"one like {pod.name}", "elsewhere", pod.labels)

    def _listed(self) -> Iterator[Caller]:
        """One for each peer that the values name."""
        for word, peers in self.peers.items():
            for peer in peers:
                if "ipBlock" in peer:
                    yield str(ipaddress.ip_network(peer["ipBlock"]["cidr"])[1])
                    continue
                labels = peer.get("podSelector", {}).get("matchLabels", {})
                wanted = peer.get("namespaceSelector", {}).get("matchLabels", {}).get(_NAMESPACE_NAME)
                for namespace in [wanted] if wanted else sorted({pod.namespace for pod in self.own}):
                    yield Pod(f"one of {word}", namespace, labels)

    def ports(self) -> Iterator[tuple[Pod, str, int]]:
        """Those that pods open, with their names; and any port, of pods that should have none open but theirs."""
        for pod, template in self.templates:
            for container in template["spec"]["containers"]:
                yield from ((pod, port["name"], port["containerPort"]) for port in container.get("ports", []))
            yield pod, "any other", 15000

    def may(self, caller: Caller, target: Pod, port: str) -> bool:
        """Whether the port reference, or a value, has this flow."""
        if target in self.proxies and port in ("http", "https", "any other", "failover"):
            return True  # Gateways listen on any port
        words = _CALLERS.get(port, set())
        if (target.name, port) == ("gloo", "https"):
            words = {"apiServer"} if self.peers["apiServer"] else {_ALL}
        listed = any(_is_peer(peer, caller, target.namespace) for word in words for peer in self.peers.get(word, []))
        return _ALL in words or listed or (_OF_CHART in words and caller in [*self.proxies, *self.tests])


def _reference() -> Iterator[tuple[str, int, str]]:
    """The pods and ports of docs/port-reference.md, and, with mTLS, who is shown to call them."""
    rows = (ROOT / "docs/port-reference.md").read_text().partition("<!-- end of rows -->")[0].splitlines()
    cells = [[cell.strip().strip("`") for cell in row.strip("| ").split("|")] for row in rows if row.startswith("| `")]
    for row in cells:
        if len(row) == 4 and row[1].isdigit():
            yield row[0], int(row[1]), ""
        elif len(row) == 4 and row[2].isdigit():
            yield row[1], int(row[2]), row[0]


def _unknown(of: _Installation) -> Iterator[str]:
    """What the port reference has and no flow was decided about."""
    there = {(pod.name, port) for pod, _, port in of.ports()}
    named = {pod.name: pod for pod in of.own}
    for name, port, caller in _reference():
        if port in _LOOPBACK and (name, port) not in there or name not in named:
            continue
        if (name, port) not in there:
            yield f"{name}: {port} of the port reference is not there"
        elif caller in named and not admits(of.policies, named[caller], named[name], port):
            yield f"{name}: {port} is not open to {caller}, which the port reference has"


def _shown(caller: Caller) -> str:
    return caller if isinstance(caller, str) else f"{caller.name} in {caller.namespace} ({caller.labels})"


def peers_of(values: pathlib.Path) -> dict[str, list[Object]]:
    """global.networkPolicies of these values, with the chart's own."""
    lists: dict[str, list[Object]] = {}
    for path in (ROOT / "chart/values.yaml", values):
        given = (yaml.safe_load(path.read_text()) or {}).get("global", {}).get("networkPolicies", {})
        lists |= {word: peers for word, peers in given.items() if isinstance(peers, list)}
    return lists


def faults_of(objects: list[Object], pods: list[tuple[Object, Object]], peers: dict[str, list[Object]]) -> list[str]:
    """Of a rendering that has policies."""
    of = _Installation(objects, pods, peers)
    if not of.policies:
        return []
    faults = list(_unknown(of))
    for target, name, port in of.ports():
        for caller in of.callers:
            found, wanted = admits(of.policies, caller, target, port), of.may(caller, target, name)
            if found != wanted:
                word = "open" if found else "closed"
                faults.append(f"{target.name}: {port} ({name}) is {word} to {_shown(caller)}, and should not be")
    for policy in of.policies:
        if policy["spec"]["policyTypes"] != ["Ingress"]:
            faults.append(f"{policy['metadata']['name']} cuts connections that begin in its pods")
    for namespace in sorted({pod.namespace for pod in of.own}):
        if _selecting(of.policies, Pod("a server of a user", namespace, {"app": "ext-auth"})):
            faults.append(f"a policy in {namespace} selects pods of users")
    return faults
