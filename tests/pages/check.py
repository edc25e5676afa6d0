#!/usr/bin/env python3
"""Checks that every option is complete, and that the example of its page is one of its cases."""

import pathlib
import re
import sys

import yaml

PLUGINS = pathlib.Path(__file__).resolve().parents[2] / "plugins"
# Options in which nothing can be refused, and why.
NOTHING_TO_REFUSE = {
    "attempt_count": "two switches",
    "circuit_breakers": "whole numbers, checked by the decoder",
    "grpc_web": "one switch",
    "router": "one switch",
}


class _Loader(yaml.SafeLoader):
    """Reads plain scalars as text, so that both sides are compared as they are written."""


_Loader.yaml_implicit_resolvers = {}


def documents(text: str) -> list:
    return [d for d in yaml.load_all(text, Loader=_Loader) if d is not None]


def objects_of(case: pathlib.Path) -> list:
    """The objects of a golden case: what stands before its expectations."""
    return documents(re.split(r"^--- # expect", case.read_text(), maxsplit=1, flags=re.M)[0])


def faults_of(folder: pathlib.Path) -> list[str]:
    faults = []
    for name, mend in (("README.md", "write the user page"), ("e2e.yaml", "send requests through the real Envoy")):
        if not (folder / name).exists():
            faults.append(f"{folder.name}/{name}: is missing: {mend}")
    cases = sorted((folder / "testdata").glob("*.yaml"))
    if not cases:
        faults.append(f"{folder.name}/testdata: has no case: write basic.yaml")
    refusals = any(case.name.startswith("fail_") for case in cases)
    if not refusals and folder.name not in NOTHING_TO_REFUSE:
        faults.append(f"{folder.name}/testdata: has no fail_ case: show what is refused")
    page = folder / "README.md"
    if not page.exists():
        return faults
    examples = re.findall(r"^```yaml\n(.*?)^```", page.read_text(), flags=re.M | re.S)
    if not examples:
        faults.append(f"{folder.name}/README.md: has no example: show one of the cases")
    for number, example in enumerate(examples, 1):
        wanted = documents(example)
        if not wanted or not any(all(d in objects_of(case) for d in wanted) for case in cases):
            faults.append(
                f"{folder.name}/README.md: example {number} is none of the cases: copy objects of one file in testdata"
            )
    return faults


def missing_tests(page: pathlib.Path) -> list[str]:
    """The tests that a page names and that do not exist."""
    named = re.findall(r"`((?:tests|src|plugins)/[\w/.]+)`", page.read_text())
    return [
        f"{page.name}: there is no {name}: name the test that holds it"
        for name in named
        if not (PLUGINS.parent / name).exists()
    ]


def main() -> int:
    folders = [f for f in sorted(PLUGINS.iterdir()) if (f / f"{f.name}.cc").exists()]
    faults = [fault for folder in folders for fault in faults_of(folder)]
    faults = [f"plugins/{fault}" for fault in faults]
    faults += missing_tests(PLUGINS.parent / "docs/field-cases.md")
    for fault in faults:
        print(fault)
    print(f"{len(folders)} pages, {len(faults)} faults")
    return 1 if faults or not folders else 0


if __name__ == "__main__":
    sys.exit(main())
