#!/usr/bin/env python3
"""Gives the definitions and all good objects of this repository to a real API server: what KUBECONFIG names.

  KUBECONFIG=… python3 tests/crds/on_server.py build/release/k8sgateway [KUBECTL]

Installs the definitions (and leaves them), then creates each object as a dry run with strict validation. Fails when one
is refused, or comes back changed; says what `kubectl explain` has no words for.
"""

import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
Object = dict[str, Any]


class Cluster:
    def __init__(self, kubectl: str) -> None:
        self.kubectl = kubectl

    def __call__(self, *arguments: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.kubectl, *arguments], input=stdin, capture_output=True, text=True, timeout=300, check=check
        )


def examples(kinds: set[str]) -> list[tuple[str, Object]]:
    """Every object of the kinds in the good golden cases and in the examples, with the file that it is from."""
    files = [p for top in ("tests/cases", "examples") for p in (ROOT / top).rglob("*.yaml")]
    files += (ROOT / "plugins").glob("*/testdata/**/*.yaml")
    found = []
    for path in sorted(p for p in files if not p.name.startswith("fail_")):
        text = path.read_text().partition("\n--- # expect")[0]
        for document in yaml.load_all(text, Loader=yaml.CSafeLoader):
            if isinstance(document, dict) and document.get("kind") in kinds:
                found.append((os.fspath(path.relative_to(ROOT)), document))
    return found


def install(cluster: Cluster, gateway: str) -> dict[str, str]:
    """The names of the definitions, by kind."""
    definitions = subprocess.run([gateway, "crds"], capture_output=True, text=True, check=True).stdout
    cluster("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=definitions)
    loaded = yaml.load_all(definitions, Loader=yaml.CSafeLoader)
    names = {d["spec"]["names"]["kind"]: d["metadata"]["name"] for d in loaded}
    cluster("wait", "--for=condition=Established", "--timeout=60s", *[f"crd/{name}" for name in names.values()])
    return names


def decode_all(text: str) -> Iterator[Object]:
    """JSON values that stand one after the other."""
    decoder, position, text = json.JSONDecoder(), 0, text.strip()
    while position < len(text):
        value, position = decoder.raw_decode(text, position)
        position += len(text[position : position + 1])
        yield value


def create(cluster: Cluster, objects: list[tuple[str, Object]]) -> list[str]:
    """What the server refuses or changes."""
    items = [
        {**sent, "metadata": {"name": f"crds-check-{i}", "namespace": "default"}} for i, (_, sent) in enumerate(objects)
    ]
    stdin = json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, default=str)
    options = ("--dry-run=server", "--validate=strict", "-o", "json", "-f", "-")
    result = cluster("create", *options, stdin=stdin, check=False)
    faults = result.stderr.splitlines()
    stored = list(decode_all(result.stdout))
    for item in stored:
        index = int(item["metadata"]["name"].rpartition("-")[2])
        path, sent = objects[index]
        if item.get("spec") != items[index].get("spec"):
            faults.append(f"{path}: {sent['kind']} {sent['metadata']['name']} comes back changed")
    if len(stored) != len(objects):
        faults.append(f"{len(objects)} objects were sent, {len(stored)} would be stored")
    return faults


def explain(cluster: Cluster, names: Iterable[str]) -> list[str]:
    return [f"{n}: nothing is explained" for n in names if "DESCRIPTION:\n    <empty>" in cluster("explain", n).stdout]


def main() -> int:
    cluster = Cluster(sys.argv[2] if len(sys.argv) > 2 else "kubectl")
    names = install(cluster, sys.argv[1])
    objects = examples(set(names))
    faults = create(cluster, objects) + explain(cluster, names.values())
    print("\n".join(faults), end="\n" if faults else "")
    print(f"{len(names)} definitions, {len(objects)} objects, {len(faults)} faults")
    return 1 if faults or not objects else 0


if __name__ == "__main__":
    sys.exit(main())
