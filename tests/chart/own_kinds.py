"""Objects of our own kinds have nothing that the control plane would complain of."""

import pathlib
import re
import subprocess
import tempfile
from typing import Any

import yaml

Object = dict[str, Any]
_PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "build/release/k8sgateway"
_GROUPS = ("gateway.solo.io/", "gloo.solo.io/")
# Of Settings, `validate` warns of what has no effect with files.
_OF_FILES = re.compile(r"^Settings [^:]*: .*: warning: ")
# Not served yet, as docs/helm.md says.
_KNOWN = "tcpGateway: warning: is not translated yet"


def faults_of(objects: list[Object]) -> list[str]:
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
    return [f"validate: {line}" for line in lines if not _OF_FILES.match(line) and _KNOWN not in line]
