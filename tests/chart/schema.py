"""values.schema.json, files/empty.json and the table of docs/helm.md, out of chart/values.yaml: one place says what a value is."""

import dataclasses
import json
import pathlib
import re
from typing import Any

import yaml

import published

ROOT = pathlib.Path(__file__).resolve().parents[2]
VALUES = ROOT / "chart/values.yaml"
SCHEMA = ROOT / "chart/values.schema.json"
EMPTY = ROOT / "chart/files/empty.json"
PAGE = ROOT / "docs/helm.md"
BEGIN, END = "<!-- values: made by make chart-values -->", "<!-- end of values -->"
_KEY = re.compile(r'^( *)("?)([\w.-]+)\2:(?: |$)')
Json = dict[str, Any]


@dataclasses.dataclass
class Note:
    """What the comment above a key says."""

    text: str
    schema: Json  # what the default does not tell


class Values:
    """The defaults, and the notes by their place; what an alias repeats has the notes of its anchor."""

    def __init__(self) -> None:
        text = VALUES.read_text()
        self.defaults: Json = yaml.safe_load(text)
        self.notes = dict(_notes(text))
        self._anchors = {name: place for place, name in _places(text, "&")}
        self._aliases = dict(_places(text, r"\*"))

    def images(self) -> list[str]:
        """Where an image is named; `*` for each proxy."""
        places = [place for name, place in self._anchors.items() if name == "image"]
        places += [place for place, name in self._aliases.items() if name == "image"]
        return sorted(".".join(place).replace("gatewayProxies.gatewayProxy.", "gatewayProxies.*.") for place in places)

    def note(self, place: tuple[str, ...]) -> Note:
        for end in range(len(place), 0, -1):
            alias = self._aliases.get(place[:end])
            if alias and end < len(place):
                return self.note(self._anchors[alias] + place[end:])
        if place not in self.notes:
            raise AssertionError(f"{VALUES.name}: {'.'.join(place)} has no comment")
        return self.notes[place]


def _lines(text: str) -> list[tuple[tuple[str, ...], str, list[str]]]:
    """Each key with its place, its line and the comment lines above."""
    found, path, comments = [], [], []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            comments.append(line.strip().lstrip("#").strip())
            continue
        match = _KEY.match(line)
        if match:
            depth = len(match[1]) // 2
            path = path[:depth] + [match[3]]
            found.append((tuple(path), line, comments))
        comments = []
    return found


def _places(text: str, mark: str) -> list[tuple[tuple[str, ...], str]]:
    """The keys whose value begins with this mark and a name."""
    found = []
    for place, line, _ in _lines(text):
        match = re.search(rf":\s+{mark}(\w+)\s*$", line)
        if match:
            found.append((place, match[1]))
    return found


def _notes(text: str) -> list[tuple[tuple[str, ...], Note]]:
    out = []
    for place, _, comments in _lines(text):
        if not comments:
            continue
        said = " ".join(comments)
        match = re.search(r"\s(\{.*\})$", said)
        schema = yaml.safe_load(match[1]) if match else {}
        out.append((place, Note(said[: match.start()] if match else said, schema)))
    return out


def _type_of(value: Any) -> str:
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return kinds[type(value)]


def _schema_of(values: Values, value: Any, place: tuple[str, ...], definitions: Json) -> Json:
    """The schema of one value; `ref` and `def` in a note stand for a shared one. Helm itself takes away what is null, but
    not of a proxy that only the user has: there, null takes away what is inherited."""
    note = values.note(place) if place else Note("", {})
    given = dict(note.schema)
    own: Json = {"description": note.text} if note.text else {}
    if "crd" in given:
        return {**own, **published.settings_type(given.pop("crd")), **given}
    if "ref" in given:
        return {**own, "$ref": f"#/$defs/{given.pop('ref')}"}
    name = given.pop("def", None)
    kind = given.pop("type", None) or _type_of(value)
    kinds = kind if isinstance(kind, list) else [kind]
    if (value is None or place[:1] == ("gatewayProxies",)) and "null" not in kinds:
        kinds = [*kinds, "null"]
        if "enum" in given:
            given["enum"] = [*given["enum"], None]
    own["type"] = kinds if len(kinds) > 1 else kinds[0]
    if isinstance(value, dict) and value and not _is_open(place):
        own["properties"] = {
            key: _schema_of(values, item, (*place, key), definitions) for key, item in value.items()
        }
        own["additionalProperties"] = False
    if _is_resources(place):
        amounts = {"type": ["object", "null"], "additionalProperties": {"type": ["string", "number", "null"]}}
        claims = {"type": ["array", "null"], "items": {"type": "object"}}
        own["properties"] = {"requests": amounts, "limits": amounts, "claims": claims}
        own["additionalProperties"] = False
    schema = {**own, **given}
    if not name:
        return schema
    definitions[name] = schema
    return {"$ref": f"#/$defs/{name}"}


def _is_open(place: tuple[str, ...]) -> bool:
    """Values whose rows in the table stand for all that is below."""
    return _is_resources(place) or place[-1:] == ("stats",)


def _is_resources(place: tuple[str, ...]) -> bool:
    """Requests and limits of a container."""
    return bool(place) and (place[-1] == "resources" or place[-1].endswith("Resources"))


def schema() -> str:
    """values.schema.json."""
    values = Values()
    definitions: Json = {}
    stats = _schema_of(values, values.defaults["global"]["glooStats"], ("global", "glooStats"), definitions)
    definitions["stats"] = {**stats, "type": ["object", "null"], "description": "As global.glooStats."}
    # Labels and the like: templates make strings of them.
    definitions["texts"] = {"type": ["object", "null"], "additionalProperties": {"type": ["string", "boolean", "number", "null"]}}
    whole = _schema_of(values, values.defaults, (), definitions)
    published.add_to(whole, definitions, values.images())
    top = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart k8sgateway",
        "$defs": dict(sorted(definitions.items())),
        **whole,
    }
    return json.dumps(top, indent=1) + "\n"


def _empty(values: Values, value: Any, place: tuple[str, ...]) -> Any:
    if isinstance(value, list) or isinstance(value, dict) and (not value or _is_open(place)):
        return type(value)()
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if not _may_be_null(values, item, (*place, key))}
        return {key: _empty(values, item, (*place, key)) for key, item in kept.items()}
    return value


def _may_be_null(values: Values, value: Any, place: tuple[str, ...]) -> bool:
    return value is None or "null" in values.note(place).schema.get("type", "")


def empty() -> str:
    """What stands where a user has written null: a list or a free object is empty, all else is as in values.yaml."""
    values = Values()
    return json.dumps(_empty(values, values.defaults, ()), indent=1) + "\n"


def _rows(values: Values, value: Any, place: tuple[str, ...]) -> list[str]:
    if isinstance(value, dict) and value and not _is_open(place):
        return [row for key, item in value.items() for row in _rows(values, item, (*place, key))]
    note = values.note(place)
    default = json.dumps(value) if value not in (None, "", {}, []) else ""
    text = note.text.replace("|", "\\|")
    choices = note.schema.get("enum")
    if choices:
        text += f" ({', '.join(str(c) for c in choices if c != '')})"
    return [f"| `{'.'.join(place)}` | {text} | {f'`{default}`' if default else ''} |"]


def table() -> str:
    """The table of docs/helm.md: a section for each top value."""
    values = Values()
    lines = []
    for key, value in values.defaults.items():
        note = values.note((key,))
        if not isinstance(value, dict):
            continue
        lines += ["", f"### {key}", "", note.text, "", "| value | | default |", "|---|---|---|"]
        lines += _rows(values, value, (key,))
    lines += published.table()
    return "\n".join(lines[1:]) + "\n"


def page() -> str:
    """docs/helm.md with the table of today."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{table()}\n{END}{after}"


# Whose keys are handed on as they are.
_WHOLE = {"invalidConfigPolicy", "udsOptions"}
# What is so whatever it says.
_ALWAYS = {"podMonitorEnabled"}


def unread() -> list[str]:
    """Values whose name stands in no template: whoever sets them would be misled."""
    text = "".join(path.read_text() for path in (ROOT / "chart/templates").rglob("*.*"))
    return [
        ".".join(place)
        for place, _, _ in _lines(VALUES.read_text())
        if not re.search(rf"\b{re.escape(place[-1])}\b", text) and not (_WHOLE | _ALWAYS) & set(place) and len(place) > 1
    ]


if __name__ == "__main__":
    SCHEMA.write_text(schema())
    EMPTY.write_text(empty())
    PAGE.write_text(page())
