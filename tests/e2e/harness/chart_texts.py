"""Texts of the chart that hold only plain fields, filled in as Helm would: `{{ .name }}` by values.

So tests start Envoys with what the chart installs, without Helm; tests/chart holds Helm's own renderings.
"""

import re
from typing import Any

import yaml

from .process import ROOT

_FIELD = re.compile(r"\{\{ \.(\w+) \}\}")


def filled(file: str, name: str, values: dict[str, Any]) -> str:
    """The named template of a file in chart/templates, with these values; all of them must be asked for."""
    text = (ROOT / "chart/templates" / file).read_text()
    found = re.search(r'\{\{- define "%s" -\}\}\n(.*?)\n\{\{- end \}\}' % re.escape(name), text, re.DOTALL)
    if not found:
        raise ValueError(f"{file} has no template {name}")
    unused = set(values) - set(_FIELD.findall(found[1]))
    if unused:
        raise ValueError(f"{name} does not ask for {', '.join(sorted(unused))}")
    out = _FIELD.sub(lambda field: str(values[field[1]]), found[1])
    if "{{" in out:
        raise ValueError(f"{name} has more than plain fields")
    return out + "\n"


def parsed(file: str, name: str, values: dict[str, Any]) -> Any:
    """The same as a tree."""
    return yaml.safe_load(filled(file, name, values))
