#!/usr/bin/env python3
"""Checks that an Envoy can load the module: check_symbols.py MODULE ENVOY.

Every function of Envoy that the module calls is one that this Envoy exports; the module exports its
hooks and nothing else, needs the C library and nothing else, and has no symbol that would keep it
from being unloaded.
"""

import re
import subprocess
import sys

CALLED = "envoy_dynamic_module_callback_"
HOOK = "envoy_dynamic_module_on_"
HOOKS = {
    HOOK + name
    for name in (
        "program_init",
        "early_header_mutation_config_new",
        "early_header_mutation_config_destroy",
        "early_header_mutation_mutate",
    )
}
LIBRARIES = re.compile(r"lib(c|m)\.so|ld-linux")


def _readelf(option: str, path: str) -> list[str]:
    done = subprocess.run(
        ["readelf", option, "--wide", path], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def symbols(path: str) -> dict[str, list[str]]:
    """The dynamic symbols by their names: readelf's columns of each."""
    # A type that readelf has no name for is two words.
    lines = (line.replace("<OS specific>: ", "") for line in _readelf("--dyn-syms", path))
    rows = (line.split() for line in lines)
    return {row[7].split("@")[0]: row for row in rows if len(row) >= 8 and row[0][:-1].isdigit()}


def faults(module: str, envoy: str) -> list[str]:
    ours, theirs = symbols(module), symbols(envoy)
    exported = {name for name, row in theirs.items() if row[6] != "UND"}
    out = []
    for name, row in sorted(ours.items()):
        if row[6] == "UND":
            if name.startswith("envoy_") and name not in exported:
                out.append(f"calls {name}, which this Envoy does not have")
        # On some machines sections have symbols of their own, which nobody else sees.
        elif row[4] != "LOCAL" and name not in HOOKS:
            out.append(f"exports {name}, which is no hook")
        if row[4] == "UNIQUE":
            out.append(f"has {name} as a unique symbol, so it is never unloaded")
    out += [f"lacks the hook {name}" for name in sorted(HOOKS - set(ours))]
    if not any(name.startswith(CALLED) for name in ours):
        out.append("calls no function of Envoy: these are not the symbols of the module")
    for line in _readelf("--dynamic", module):
        needed = re.search(r"\(NEEDED\).*\[(.+)\]", line)
        if needed and not LIBRARIES.match(needed[1]):
            out.append(f"needs {needed[1]}, which Envoy's image need not have")
    return out


def main() -> int:
    found = faults(sys.argv[1], sys.argv[2])
    print("\n".join(found) or "the module fits this Envoy")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
