#!/usr/bin/env python3
"""Checks what a reader should not have to: folders use those above them, names are of one type, and the format."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE = ("src", "plugins", "module", "tests", "benchmarks")
# A plugin uses what it is handed, and no other plugin but its messages.
PLUGIN_MAY_USE = {"envoy", "base", "model"}


def links() -> dict[str, set[str]]:
    """The folders below src/ that each may use, itself included: what CMakeLists.txt links, and what these link."""
    direct: dict[str, set[str]] = {}
    text = (ROOT / "CMakeLists.txt").read_text()
    for folder, names in re.findall(r"k8sgw_library\((\S+) LINKS ([^)]*)\)", text):
        used = set(names.split())
        direct[folder] = {folder} | {f for f in direct if "k8sgw_" + f.replace("/", "_") in used}
        for name in list(direct[folder]):
            direct[folder] |= direct[name]
    return direct


def folder_of(path: str, known: dict[str, set[str]]) -> str | None:
    """The library that a file below src/ belongs to."""
    return max((f for f in known if path.startswith(f"src/{f}/")), key=len, default=None)


def layers() -> list[str]:
    known = links()
    faults = []
    for path in sorted(p for top in ("src", "plugins") for p in (ROOT / top).rglob("*.[ch]*")):
        name = str(path.relative_to(ROOT))
        own = folder_of(name, known)
        plugin = re.match(r"plugins/\w+/", name)
        for number, line in enumerate(path.read_text().splitlines(), 1):
            included = re.match(r'#include "((?:src|plugins|tests)/[^"]+)"', line)
            if not included:
                continue
            used = included[1]
            if used.endswith(".proto.h"):
                # The messages of plugins are part of the API.
                continue
            if plugin:
                fine = used.startswith(plugin[0]) or folder_of(used, known) in PLUGIN_MAY_USE
            else:
                fine = own is not None and folder_of(used, known) in known[own]
            if not fine:
                faults.append(f"{name}:{number}: uses {used}: CMakeLists.txt does not link that folder")
    return faults


def generated() -> list[str]:
    """X.pb.h of our own and Envoy's messages brings all that X.proto imports: most of the time of a compilation."""
    faults = []
    for path in sorted(p for top in CODE for p in (ROOT / top).rglob("*.[ch]*")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if re.match(r'#include "[^"]+(?<!\.grpc)\.pb\.h"', line):
                faults.append(f"{path.relative_to(ROOT)}:{number}: include .proto.h instead, of each file that you use")
    return faults


def types(path: pathlib.Path) -> list[str]:
    """The full names of the types that a file defines, but for those of an unnamed namespace."""
    names, spaces = [], []
    for line in path.read_text().splitlines():
        begins = re.match(r"namespace ?([\w:]*) ?\{$", line)
        if begins:
            spaces.append(begins[1])
        elif line.startswith("}  // namespace"):
            spaces.pop()
        defined = re.match(r"(?:class|struct|union|enum class) (\w+)(?!\w*::)[^;]*\{", line)
        if defined and "" not in spaces:
            names.append("::".join([*spaces, defined[1]]))
    return names


def twins() -> list[str]:
    """Two types of one name are one to the linker, which takes the functions of either."""
    places: dict[str, set[str]] = {}
    for top in ("src", "plugins", "module"):
        for path in sorted((ROOT / top).rglob("*.[ch]*")):
            for name in types(path):
                places.setdefault(name, set()).add(str(path.relative_to(ROOT)))
    return [f"{' and '.join(sorted(of))}: both define {name}" for name, of in places.items() if len(of) > 1]


def format_of(program: str, mend: bool) -> list[str]:
    files = [str(p) for top in CODE for p in sorted((ROOT / top).rglob("*")) if p.suffix in (".cc", ".h")]
    if mend:
        subprocess.run([program, "-i", *files], check=True)
        return []
    result = subprocess.run(
        [program, "--dry-run", "--Werror", "--ferror-limit=1", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    places = re.findall(r"(?m)^(\S+?:\d+):\d+: error", result.stderr)
    return [f"{pathlib.Path(p).relative_to(ROOT)}: is not formatted: run make format" for p in places]


def main() -> int:
    program, mend = sys.argv[1], sys.argv[2:] == ["--mend"]
    faults = layers() + generated() + twins() + format_of(program, mend)
    print("\n".join(faults), end="\n" if faults else "")
    print(f"style: {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
