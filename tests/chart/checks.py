"""What must hold of the rendered objects, whatever the values."""

from typing import Any, Iterator

import policies

Object = dict[str, Any]
_CLUSTER_KINDS = {"ClusterRole", "ClusterRoleBinding", "ValidatingWebhookConfiguration", "Namespace"}
# Accounts that every namespace has.
_KNOWN_ACCOUNTS = {"default"}


def _name(one: Object) -> str:
    meta = one["metadata"]
    return f"{one['kind']} {meta.get('namespace', '')}/{meta['name']}"


def _template(one: Object) -> Object | None:
    """The pod of an object, with its metadata."""
    if one["kind"] in ("Deployment", "DaemonSet"):
        template: Object = one["spec"]["template"]
        return template
    if one["kind"] == "CronJob":
        template = one["spec"]["jobTemplate"]["spec"]["template"]
        return template
    return one if one["kind"] == "Pod" else None


def _pods(objects: list[Object]) -> Iterator[tuple[Object, Object]]:
    for one in objects:
        template = _template(one)
        if template:
            yield one, template


def _containers(template: Object) -> list[Object]:
    spec = template["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]


def _security(one: Object, template: Object) -> Iterator[str]:
    pod = template["spec"].get("securityContext", {})
    for container in _containers(template):
        own, name = container.get("securityContext", {}), container["name"]
        whole = {**pod, **own}
        # In the network of a node root alone has the low ports, and gets them when the values say so.
        if whole.get("runAsNonRoot") is not True or whole.get("runAsUser", 1) < 1:
            if not template["spec"].get("hostNetwork"):
                yield f"container {name} may run as root"
        if whole.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"container {name} has no seccomp profile"
        if own.get("allowPrivilegeEscalation") is not False:
            yield f"container {name} may get more privileges"
        if own.get("readOnlyRootFilesystem") is not True:
            yield f"container {name} may write its image"
        if own.get("capabilities", {}).get("drop") != ["ALL"]:
            yield f"container {name} keeps capabilities"
        if not container.get("resources", {}).get("requests"):
            yield f"container {name} asks for no resources"
        if one["kind"] in ("Deployment", "DaemonSet") and one["metadata"]["name"] in ("gloo", "access-log"):
            if container in template["spec"]["containers"] and container["name"] == one["metadata"]["name"]:
                if "readinessProbe" not in container:
                    yield f"container {name} has no readiness probe"
        if container["name"] in ("sds", "access-log") and "livenessProbe" not in container:
            yield f"container {name} is never ended when it hangs"


def _mounts(template: Object, made: set[tuple[str, str]]) -> Iterator[str]:
    volumes = {volume["name"]: volume for volume in template["spec"].get("volumes", [])}
    if len(volumes) != len(template["spec"].get("volumes", [])):
        yield "has two volumes of one name"
    used = set()
    for container in _containers(template):
        for mount in container.get("volumeMounts", []):
            used.add(mount["name"])
            if mount["name"] not in volumes:
                yield f"container {container['name']} mounts {mount['name']}, which is no volume"
    for name in volumes.keys() - used:
        yield f"volume {name} is mounted nowhere"
    grouped = "fsGroup" in template["spec"].get("securityContext", {})
    for volume in volumes.values():
        if not volume.get("secret", {}).get("defaultMode", 0o444) & 0o004 and not grouped:
            yield f"no container may read the volume {volume['name']}, as the pod has no fsGroup"
        config = volume.get("configMap", {}).get("name")
        if config and ("ConfigMap", config) not in made:
            yield f"there is no ConfigMap {config}"


def _sds(template: Object, configs: dict[str, str]) -> Iterator[str]:
    """An Envoy asks for its certificate where the container beside it listens."""
    for container in _containers(template):
        env = {one["name"]: one.get("value", "") for one in container.get("env", [])}
        if "SDS_SERVER_ADDRESS" not in env:
            continue
        address = env["SDS_SERVER_ADDRESS"]
        wanted = address.removeprefix("unix:") if address.startswith("unix:") else f"port_value: {address.rpartition(':')[2]}"
        names = [volume.get("configMap", {}).get("name", "") for volume in template["spec"]["volumes"]]
        if not any(wanted in configs.get(name, "") for name in names):
            yield f"container {container['name']} listens on {address}, which no bootstrap of the pod names"


def _behind(template: Object, configs: dict[str, str]) -> Iterator[str]:
    """Beside a sidecar, gloo serves xDS on loopback alone, where the sidecar looks for it, whatever Settings say."""
    containers = {container["name"]: container for container in template["spec"]["containers"]}
    if not {"gloo", "envoy-sidecar"} <= containers.keys():
        return
    args = dict(arg.partition("=")[::2] for arg in containers["gloo"]["args"])
    for flag in ("--xds-bind", "--rest-xds-bind"):
        host, _, port = args.get(flag, "").rpartition(":")
        if host != "127.0.0.1":
            yield f"container gloo has no {flag} on loopback"
        elif f"address: 127.0.0.1, port_value: {port}}}" not in configs["envoy-sidecar-config"]:
            yield f"container gloo has {flag} {port}, where its sidecar does not look for it"


def _of_other_types(spec: Object) -> list[str]:
    """What the API server refuses of a Service."""
    kind = spec.get("type", "ClusterIP")
    found = [field for field in spec if field.startswith("loadBalancer") and kind != "LoadBalancer"]
    if kind == "ClusterIP":
        found += ["externalTrafficPolicy"] if "externalTrafficPolicy" in spec and not spec.get("externalIPs") else []
        found += [f"nodePort of {port['name']}" for port in spec["ports"] if "nodePort" in port]
    return found


def _services(objects: list[Object]) -> Iterator[str]:
    for service in (one for one in objects if one["kind"] == "Service"):
        yield from (f"{_name(service)} has {field}, which its type does not take" for field in _of_other_types(service["spec"]))
        selector = service["spec"]["selector"].items()
        fitting = [
            template
            for one, template in _pods(objects)
            if one["kind"] in ("Deployment", "DaemonSet")
            and one["metadata"]["namespace"] == service["metadata"]["namespace"]
            and selector <= template["metadata"]["labels"].items()
        ]
        if len(fitting) != 1:
            yield f"{_name(service)} leads to {len(fitting)} sets of pods"
            continue
        open_ports = {port["containerPort"] for c in _containers(fitting[0]) for port in c.get("ports", [])}
        for port in service["spec"]["ports"]:
            custom = port["name"] not in ("http", "https", "failover") and service["metadata"]["name"].startswith("partner")
            if port["targetPort"] not in open_ports and not custom:
                yield f"{_name(service)} leads to port {port['targetPort']}, which is not open"


def _selectors(one: Object, template: Object) -> Iterator[str]:
    selector = one["spec"].get("selector", {}).get("matchLabels", {}).items()
    if not selector <= template["metadata"]["labels"].items():
        yield "does not select its own pods"


def _accounts(objects: list[Object], made: set[tuple[str, str]]) -> Iterator[str]:
    """Accounts and roles that are named are there; nobody may do everything."""
    for one, template in _pods(objects):
        account = template["spec"].get("serviceAccountName", "default")
        if account not in _KNOWN_ACCOUNTS and ("ServiceAccount", account) not in made:
            yield f"{_name(one)} runs as {account}, which is not there"
    for one in objects:
        if one["kind"].endswith("RoleBinding"):
            if not one["subjects"]:
                yield f"{_name(one)} is for nobody"
            if (one["roleRef"]["kind"], one["roleRef"]["name"]) not in made:
                yield f"{_name(one)} names no role"
            missing = [s["name"] for s in one["subjects"] if ("ServiceAccount", s["name"]) not in made]
            if missing:
                yield f"{_name(one)} is for {missing}, who are not there"
        for rule in one.get("rules", []) if one["kind"] in ("Role", "ClusterRole") else []:
            if "*" in rule["verbs"] + rule["resources"] + rule["apiGroups"]:
                yield f"{_name(one)} grants everything of something"
            if "secrets" in rule["resources"] and {"create", "update", "patch", "delete"} & set(rule["verbs"]):
                if not rule.get("resourceNames"):
                    yield f"{_name(one)} lets write any Secret"


def _texts(node: Any) -> Iterator[str]:
    """Labels, annotations and selectors that are no strings, which the API server refuses."""
    if isinstance(node, dict):
        for key in ("labels", "annotations", "nodeSelector", "matchLabels"):
            values = node[key] if isinstance(node.get(key), dict) else {}
            yield from (f"{key}.{name} is no string" for name, value in values.items() if not isinstance(value, str))
        node = list(node.values())
    for child in node if isinstance(node, list) else []:
        yield from _texts(child)


def _names(objects: list[Object], namespace: str) -> Iterator[str]:
    seen = set()
    for one in objects:
        name = _name(one)
        if (one["apiVersion"], name) in seen:
            yield f"{name} is there twice"
        seen.add((one["apiVersion"], name))
        if one["kind"] in _CLUSTER_KINDS:
            if one["kind"] != "Namespace" and not one["metadata"]["name"].endswith(f"-{namespace}"):
                yield f"{name}: other installations may have it, too"
        elif not one["metadata"].get("namespace"):
            yield f"{name} has no namespace"
        if "app.kubernetes.io/instance" not in one["metadata"]["labels"]:
            yield f"{name} does not say whose it is"


def faults_of(objects: list[Object], namespace: str, peers: dict[str, list[Object]]) -> list[str]:
    """Of all objects of one rendering; `peers` are those that its values name for NetworkPolicies."""
    made = {(one["kind"], one["metadata"]["name"]) for one in objects}
    faults = [*_names(objects, namespace), *_services(objects), *_accounts(objects, made)]
    faults += policies.faults_of(objects, list(_pods(objects)), peers)
    faults += [f"{_name(one)}: {fault}" for one in objects if one["kind"] != "PrometheusRule" for fault in _texts(one)]
    configs = {one["metadata"]["name"]: "".join(one.get("data", {}).values()) for one in objects if one["kind"] == "ConfigMap"}
    for one, template in _pods(objects):
        found = [*_security(one, template), *_mounts(template, made), *_sds(template, configs), *_behind(template, configs)]
        if one["kind"] in ("Deployment", "DaemonSet"):
            found += _selectors(one, template)
        faults += [f"{_name(one)} {fault}" for fault in found]
    return faults


def foreign_images(objects: list[Object]) -> list[str]:
    """Nothing is needed but the two images of ours."""
    images = {container["image"] for _, template in _pods(objects) for container in _containers(template)}
    names = {image.rpartition(":")[0].rpartition("/")[2] for image in images}
    return [f"images: {sorted(names)}"] if names != {"k8sgateway", "k8sgateway-proxy"} else []


def meetings(objects: list[Object], others: list[Object]) -> list[str]:
    """Objects that two installations in two namespaces would both have."""

    def keys(of: list[Object]) -> set[str]:
        return {_name(one) for one in of}

    # Proxies in a namespace of their own, and roles in namespaces that both watch.
    shared = {name for name in keys(objects) & keys(others) if " partners/" not in name}
    return [f"{name}: two installations would meet in it" for name in sorted(shared)]
