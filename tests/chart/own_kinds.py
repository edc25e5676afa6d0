"""Objects of our own kinds have nothing that the control plane would complain of."""

import functools
import pathlib
import re
import subprocess
import tempfile
from typing import Any

import yaml

import published

Object = dict[str, Any]
_PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "build/release/k8sgateway"
_GROUPS = ("gateway.solo.io/", "gloo.solo.io/")
# Fields of Settings that are read in a cluster alone: with files, `validate` warns of each.
_OF_CLUSTERS = (
    "discovery.fdsMode",
    "discovery.udsOptions",
    "gateway.validation.allowWarnings",
    "gateway.validation.alwaysAccept",
    "gateway.validation.fullEnvoyValidation",
    "gateway.validation.serverEnabled",
    "kubernetes.rateLimits",
    "kubernetesArtifactSource",
    "kubernetesConfigSource",
    "kubernetesSecretSource",
    "secretOptions.sources.[].kubernetes",
    "watchNamespaceSelectors",
)
_SETTINGS = re.compile(r"^Settings [^:]*: ([^:]+): warning: ")
# Not served yet, as docs/helm.md says; and Services of users, which are not here.
_KNOWN = ("tcpGateway: warning: is not translated yet", "kube: there is no Service")


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
    return [f"validate: {line}" for line in lines if not _is_fine(line)]


def _is_fine(line: str) -> bool:
    settings = _SETTINGS.match(line)
    if not settings:
        return any(one in line for one in _KNOWN)
    place = re.sub(r"\[\d+\]", ".[]", settings[1])
    return place.startswith(_OF_CLUSTERS) or f"settings.{place}" in _idle()


@functools.cache
def _idle() -> set[str]:
    """Values without effect that come into Settings all the same, and of which the notes tell."""
    return {place for kind, place, _ in published.entries() if kind == "idle"}
