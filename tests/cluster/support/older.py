"""The chart as an older version of it would be, to upgrade from.

It has a lower version and other images, a definition without a field of today, and objects, labels and arguments that
have changed since.
"""

import pathlib
import re
import shutil

import yaml

from .release import CHART
from .scenario import Scenario

VERSION = "0.0.1"
TAG = "older"
# What the older definition of VirtualServices lacks, below `spec`.
FIELD = "displayName"
_OBJECT = """\
{{- define "k8sgateway.older" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: gone-since
  namespace: {{ .Release.Namespace }}
  labels: {{- include "k8sgateway.labels" (list . "older") | nindent 4 }}
data: {key: value}
{{- end -}}
{{- include "k8sgateway.object" (list . "k8sgateway.older" dict) }}
"""


def chart(folder: pathlib.Path) -> pathlib.Path:
    """Writes it, and returns where."""
    older = folder / "older-chart"
    shutil.copytree(CHART, older)
    _edit(older / "Chart.yaml", r"(?m)^(version|appVersion): .*", rf"\1: {VERSION}", 2)
    # An object that is there no longer; and one kind of them that was not there yet.
    (older / "templates/older.yaml").write_text(_OBJECT)
    (older / "templates/config-maps.yaml").unlink()
    # Pods had one label less, and gloo fewer arguments.
    label = r'(define "k8sgateway.podLabels"[^\x00]*?)app.kubernetes.io/part-of: k8sgateway\n'
    _edit(older / "templates/_helpers.tpl", label, r"\1", 1)
    _edit(older / "templates/gloo-deployment.yaml", r" *- --wasm-(recheck|max-module-mib)=.*\n", "", 2)
    definition = older / "crds/virtualservices.gateway.solo.io.yaml"
    definition.write_text(yaml.safe_dump(without_field(yaml.safe_load(definition.read_text()))))
    return older


def without_field(definition: dict) -> dict:
    for version in definition["spec"]["versions"]:
        del version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"][FIELD]
    return definition


def install_definitions(scenario: Scenario, older: pathlib.Path) -> None:
    """All cases share the definitions: those of today come back with the case, if not before."""
    scenario.install_definitions()
    scenario.cleanup.callback(upgrade_definitions, scenario)
    _apply(scenario, (older / "crds/virtualservices.gateway.solo.io.yaml").read_text())


def upgrade_definitions(scenario: Scenario) -> None:
    """As docs/helm.md says; Helm leaves them as they were."""
    _apply(scenario, scenario.gateway("crds"))


def _apply(scenario: Scenario, text: str) -> None:
    scenario.cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)


def _edit(path: pathlib.Path, pattern: str, text: str, count: int) -> None:
    edited, found = re.subn(pattern, text, path.read_text())
    assert found == count, f"{path.name}: {found} places for {pattern}"
    path.write_text(edited)
