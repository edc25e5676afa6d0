"""Objects of our own kinds have nothing that the control plane would complain of."""

import pathlib
import subprocess
import tempfile
from typing import Any

import yaml

Object = dict[str, Any]
_PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "build/release/k8sgateway"
_GROUPS = ("gateway.solo.io/", "gloo.solo.io/")
# What somebody asked for, and what the translation says of it.
_MEANT = {
    "all_settings": ["enableRestEds", "linkerd"],
    "failover": ["failover-downstream"],
    "mtls": ["there is no Service"],
}


def faults_of(objects: list[Object], case: str) -> list[str]:
    """What `k8sgateway validate` says of them."""
    ours = [one for one in objects if one["apiVersion"].startswith(_GROUPS)]
    if not ours:
        return []
    if not _PROGRAM.exists():
        return [f"there is no {_PROGRAM}: make build"]
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "objects.yaml").write_text(yaml.safe_dump_all(ours))
        done = subprocess.run([_PROGRAM, "validate", folder], capture_output=True, text=True, check=False)
    lines = [line.partition(": ")[2] for line in done.stdout.splitlines() if ".yaml:" in line]
    return [f"validate: {line}" for line in lines if not any(word in line for word in _MEANT.get(case, []))]
