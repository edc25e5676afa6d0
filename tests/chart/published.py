"""What chart/files/published.yaml and the definitions of our kinds add to the schema and to the table of values."""

import pathlib
from typing import Any, Iterator

import yaml

_CHART = pathlib.Path(__file__).resolve().parents[2] / "chart"
_SETTINGS = _CHART / "crds/settings.gloo.solo.io.yaml"
# All that the published chart takes, but for what stands below a name that is taken whole.
NAMES = pathlib.Path(__file__).resolve().parent / "published.txt"
Json = dict[str, Any]


def _published() -> Json:
    found: Json = yaml.safe_load((_CHART / "files/published.yaml").read_text())
    return found


def entries() -> Iterator[tuple[str, str, Json]]:
    """Of which kind, the place, and the entry; one for each image."""
    published = _published()
    for kind in ("idle", "refused"):
        for entry in published[kind]:
            value = entry["value"]
            if value.startswith("IMAGE."):
                yield from ((kind, value.replace("IMAGE", image), entry) for image in published["images"])
            else:
                yield kind, value, entry


def _child(node: Json, key: str, definitions: Json) -> Json:
    """The schema of a key, which is an object of others if it is not there."""
    while "$ref" in node:
        node = definitions[node["$ref"].rpartition("/")[2]]
    if key == "*":
        child: Json = node["additionalProperties"]
        return child
    empty: Json = {"type": ["object", "null"], "properties": {}, "additionalProperties": False}
    child = node["properties"].setdefault(key, empty)
    return child


def add_to(whole: Json, definitions: Json, images: list[str]) -> None:
    """Published values without a use here are no typos: templates tell of them."""
    named = sorted(_published()["images"])
    if images != named:
        raise AssertionError(f"published.yaml: images should be {images}")
    for _, place, entry in entries():
        *path, last = place.split(".")
        if "schema" not in entry:  # the type of what is around has it
            continue
        node = whole
        for key in path:
            node = _child(node, key, definitions)
        while "$ref" in node:
            node = definitions[node["$ref"].rpartition("/")[2]]
        if last in node["properties"]:
            raise AssertionError(f"published.yaml: {place} is a value of values.yaml, too")
        own = dict(entry["schema"])
        if "type" in own:
            kinds = own["type"]
            own["type"] = [*(kinds if isinstance(kinds, list) else [kinds]), "null"]
        node["properties"][last] = {"description": f"Published name without use here: {entry['why']}.", **own}


def _typed(node: Json) -> Json:
    """A schema of Kubernetes as one of JSON, in which names that do not exist are refused."""
    if node.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    kind = node.get("type")
    out: Json = {} if kind is None else {"type": [kind, "null"] if node.get("nullable") else kind}
    for key in ("enum", "pattern", "minimum", "maximum"):
        if key in node:
            out[key] = node[key]
    if "items" in node:
        out["items"] = _typed(node["items"])
    if isinstance(node.get("additionalProperties"), dict):
        out["additionalProperties"] = _typed(node["additionalProperties"])
    if "properties" in node:
        out["properties"] = {name: _typed(one) for name, one in node["properties"].items()}
        if not node.get("x-kubernetes-preserve-unknown-fields"):
            out["additionalProperties"] = False
    return out


def settings_type(path: str) -> Json:
    """The type of a field of Settings.spec."""
    definition = yaml.safe_load(_SETTINGS.read_text())
    node = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    for key in path.split("."):
        node = node["properties"][key]
    return _typed(node)


def samples(kind: str) -> tuple[list[str], Json]:
    """Places, and values that set all of them to what is neither empty nor fine."""
    places, values = [], {}
    for of, place, entry in entries():
        if of != kind:
            continue
        place = place.replace("*", "gatewayProxy")
        places.append(place.replace("[]", "0"))
        *path, last = place.split(".")
        node: Json = values
        for key, then in zip(path, [*path[1:], last]):
            if then == "[]":
                node = node.setdefault(key, [{}])[0]
            elif key != "[]":
                node = node.setdefault(key, {})
        by_type: Json = {"boolean": True not in entry.get("fine", []), "integer": 7, "string": "x", "array": [{}]}
        kind = entry.get("schema", {}).get("type", "")
        node[last] = {"address": "x"} if "[]" in path else by_type.get(str(kind), {"seconds": 7} if isinstance(kind, list) else {"x": "x"})
    return places, values


def unknown(schema: Json) -> list[str]:
    """Published names that would be refused as typos."""
    return [name for name in NAMES.read_text().split() if not _takes(schema, name.split("."), schema["$defs"])]


def _takes(node: Json, path: list[str], definitions: Json) -> bool:
    while "$ref" in node:
        node = definitions[node["$ref"].rpartition("/")[2]]
    if not path:
        return True
    more = node.get("additionalProperties", True)
    if path[0] in node.get("properties", {}):
        return _takes(node["properties"][path[0]], path[1:], definitions)
    return _takes(more, path[1:], definitions) if isinstance(more, dict) else bool(more)


def table() -> list[str]:
    """Rows for docs/helm.md."""
    lines = []
    heads = {"idle": "Published values without effect", "refused": "Published values that are refused"}
    for kind, head in heads.items():
        lines += ["", f"### {head}", "", "| value | because |", "|---|---|"]
        for entry in _published()[kind]:
            fine = f", unless `{entry['fine'][0]}`".replace("True", "true") if "fine" in entry else ""
            lines.append(f"| `{entry['value']}`{fine} | {entry['why']} |")
    return lines
