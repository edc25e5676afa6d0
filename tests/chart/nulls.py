"""Null takes a value away, and whatever it is: the chart is rendered, or says in words of ours what is wrong."""

import pathlib
import re
import tempfile
from typing import Any, Callable, Iterator

import yaml

import schema

Json = dict[str, Any]
Place = tuple[str, ...]
Render = Callable[[pathlib.Path], tuple[bool, str]]
_TOGETHER = 40
# What a message of ours begins with; errors of the template language are `template: ...`.
_OURS = re.compile(r"^Error: execution error at ", re.M)
# All parts, so that the templates of each are asked; beside gatewayProxy a proxy, in which Helm leaves null as it is.
_ALL = {
    "global": {
        "glooMtls": {"enabled": True, "servers": [{"name": "a", "port": 1, "localPort": 2}]},
        "networkPolicies": {"enabled": True},
        "monitoring": {"alerts": {"enabled": True}, "dashboard": {"enabled": True}},
        "glooStats": {"serviceMonitorEnabled": True},
    },
    "accessLogger": {"enabled": True},
    "gloo": {"podDisruptionBudget": {"minAvailable": 1}},
    "gatewayProxies": {
        "gatewayProxy": {"readConfig": True, "readConfigMulticluster": True, "podDisruptionBudget": {"minAvailable": 1}},
        "internal": {"horizontalPodAutoscaler": {"maxReplicas": 3}},
    },
}


def _places(node: Any, at: Place = ()) -> Iterator[Place]:
    """Of each value, those that hold others before what they hold."""
    for key, value in node.items():
        yield (*at, key)
        if isinstance(value, dict):
            yield from _places(value, (*at, key))


def _without(places: list[Place]) -> Json:
    """The values above, with null at these places."""
    values: Json = yaml.safe_load(yaml.safe_dump(_ALL))
    for place in places:
        node = values
        for key in place[:-1]:
            node = node.setdefault(key, {})
        node[place[-1]] = None
    return values


def _groups(places: list[Place]) -> Iterator[list[Place]]:
    """Neighbours of one depth stand in different groups, as one may hide what the other does."""
    for depth in sorted({len(place) for place in places}):
        level = [place for place in places if len(place) == depth]
        count = len(level) if depth == 1 else -(-len(level) // _TOGETHER)
        yield from (level[start::count] for start in range(count))


def _wrong(render: Render, places: list[Place]) -> str:
    """What is wrong with the rendering, or nothing."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(_without(places), file)
        file.flush()
        good, said = render(pathlib.Path(file.name))
    if not good:
        return "" if _OURS.search(said) else said
    objects = [one for one in yaml.load_all(said, Loader=yaml.CSafeLoader) if one]
    if any(not one["metadata"].get("name") for one in objects):
        return "an object has no name"
    users = re.findall(r"^.*runAsUser: (?:0|null)?$", said, re.M)
    return f"a user who is nobody: {users[0]}" if users else ""


def faults(render: Render) -> list[str]:
    """Groups first, and of a group that fails each alone."""
    defaults = schema.Values().defaults
    places = list(_places(defaults))
    own = [place for place in places if place[:2] == ("gatewayProxies", "gatewayProxy")]
    places += [("gatewayProxies", "internal", *place[2:]) for place in own]
    # What switches a part on stays.
    places = [place for place in places if place[-1] not in ("enabled", "maxReplicas", "servers")]
    found = []
    for group in _groups(places):
        if not _wrong(render, group):
            continue
        alone = [(place, _wrong(render, [place])) for place in group]
        said = [f"{'.'.join(place)}: null: {wrong}" for place, wrong in alone if wrong]
        found += said or [f"null at {group}: {_wrong(render, group)}"]
    return found
