"""Golden cases, as objects that a webhook may be asked about, and the `k8sgateway gloo` with folders that is asked."""

import collections
import copy
import functools
import json
import pathlib
import random
import re
import subprocess
from typing import Any

import yaml

from .certificates import self_signed
from .ports import free_port, is_open
from .process import ROOT, Process, binary, default_envoy, replace_file
from .reviews import Answer, Asker, Object, key_of
from .scenario import Scenario
from .table import add_default_gateways, read_input
from .waiting import wait_until

_SECONDS = 30
_GLOO = "gloo.solo.io/v1"
# Of a kind that fewer cases have, each case asks about one.
_RARE = 10
# file:line: Kind namespace/name: field: warning: …
_LINE = re.compile(r"(?:\S+\.yaml:\d+: )?(.*)")
_VALUES: list[Any] = ["(", "", -1, 0, 70000, "nowhere", True, {"nobody": "knows"}]


@functools.cache
def definitions() -> dict[str, tuple[str, str]]:
    """The kinds that have a definition: the version of their API, and their plural."""
    found = {}
    for path in sorted((ROOT / "chart/crds").glob("*.yaml")):
        spec = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)["spec"]
        version = f"{spec['group']}/{spec['versions'][0]['name']}"
        found[spec["names"]["kind"]] = (version, spec["names"]["plural"])
    return found


def judged_kinds() -> set[str]:
    """Those whose objects the webhook looks at when they are made and changed: but for Settings, which say how."""
    return set(definitions()) - {"Settings"}


def judged(one: Object) -> bool:
    kind = one["kind"]
    return kind in judged_kinds() and definitions()[kind][0] == one["apiVersion"]


def rare_kinds(cases: "list[Golden]") -> set[str]:
    count = collections.Counter(kind for case in cases for kind in {one["kind"] for one in case.judged})
    return {kind for kind in count if count[kind] < _RARE}


class Golden:
    """The objects of a golden case, each with its namespace, and its Settings apart."""

    def __init__(self, path: pathlib.Path) -> None:
        self.name = str(path.relative_to(ROOT))
        objects = read_input(path)
        add_default_gateways(objects)
        self.settings: Object = {}
        self.objects: list[Object] = []
        for one in objects:
            one["metadata"].setdefault("namespace", "default")
            if one["kind"] == "Settings":
                self.settings = one.get("spec") or {}
            else:
                self.objects.append(one)
        self.random = random.Random(self.name)

    @property
    def judged(self) -> list[Object]:
        """Those that may be asked about one by one."""
        keys = [key_of(one) for one in self.objects]
        return [one for one in self.objects if judged(one) and keys.count(key_of(one)) == 1]

    def counts(self, one: Object) -> bool:
        """Whether Settings let its namespace count."""
        watched = self.settings.get("watchNamespaces") or []
        return not watched or one["metadata"]["namespace"] in [*watched, "gloo-system"]

    def changed(self, one: Object) -> Object:
        """The same object with another value somewhere, or without one."""
        other = copy.deepcopy(one)
        places: list[tuple[Any, Any]] = []

        def walk(node: Any) -> None:
            keys = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
            for key in keys:
                places.append((node, key))
                walk(node[key])

        walk(other.get("spec") or {})
        while places and other == one:
            node, key = self.random.choice(places)
            if self.random.random() < 0.3:
                del node[key]
            else:
                node[key] = self.random.choice(_VALUES)
        return other


def find_all() -> list[pathlib.Path]:
    """All golden cases that mean the same to a control plane and to `validate`, without a network and variables."""
    paths = sorted(ROOT.glob("plugins/*/testdata/*.yaml")) + sorted(ROOT.glob("tests/cases/*.yaml"))
    return [p for p in paths if p.parts[-3] != "wasm" and not re.search(r"(?m)^# env", p.read_text())]


def validate(preset: str, folder: pathlib.Path, objects: list[Object], settings: Object, *more: str) -> set[str]:
    """What `validate` says of these objects, in the words of the webhook."""
    folder.mkdir()
    whole = {"apiVersion": _GLOO, "kind": "Settings", "spec": settings}
    whole["metadata"] = {"name": "default", "namespace": "gloo-system"}
    (folder / "settings.yaml").write_text(json.dumps(whole))
    (folder / "case.yaml").write_text(dump(objects))
    command = [str(binary(preset)), "validate", str(folder), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=120)
    assert done.returncode in (0, 1), done.stderr
    words = set()
    for line in done.stdout.splitlines():
        match = _LINE.fullmatch(line)
        assert match, line
        text = match[1]
        warns = ": warning: " in f": {text}"
        text = f": {text}".replace(": warning: ", ": ", 1)[2:]
        words.add(f"{'warning' if warns else 'error'}: {text}")
    return words


def dump(objects: list[Object]) -> str:
    return "---\n".join(json.dumps(one) + "\n" for one in objects)


class Judge:
    """A `k8sgateway gloo` with a webhook, whose objects are those of a folder; several may look at the same."""

    def __init__(self, scenario: Scenario, name: str, objects: pathlib.Path, **validation: Any) -> None:
        folder = scenario.folder / name
        self._settings_path = folder / "data/gloo-system/default.yaml"
        self._settings_path.parent.mkdir(parents=True)
        self._objects = objects
        self._status_path = folder / "status.json"
        pair = self_signed(folder, "webhook")
        self._validation = {
            **validation,
            "validationWebhookTlsCert": str(pair.with_suffix(".crt")),
            "validationWebhookTlsKey": str(pair.with_suffix(".key")),
        }
        self._written: Object = {}
        self.settle({})
        port = free_port()
        arguments = ["gloo", "--dir", str(folder / "data"), "--status-file", str(self._status_path)]
        arguments += ["--webhook-bind", f"127.0.0.1:{port}", "--log-level", "error", "--envoy", default_envoy()]
        free = {f"K8SGATEWAY_{name}_BIND": "127.0.0.1:0" for name in ("HEALTH", "ADMIN")}
        self.process = Process(
            [str(binary(scenario.preset)), *arguments], {"POD_NAMESPACE": "gloo-system", **free}
        )
        scenario.own(self.process)
        wait_until(lambda: is_open(port), "the webhook listens", _SECONDS)
        self._asker = Asker(port, str(pair.with_suffix(".crt")))
        scenario.cleanup.callback(self._asker.close)

    def settings(self, given: Object) -> Object:
        """These Settings with what a test needs; `validate` is to have the same."""
        whole = copy.deepcopy(given)
        gloo, gateway = whole.setdefault("gloo", {}), whole.setdefault("gateway", {})
        for name in ("xdsBindAddr", "validationBindAddr", "restXdsBindAddr", "proxyDebugBindAddr"):
            gloo[name] = "127.0.0.1:0"
        gateway.setdefault("readGatewaysFromAllNamespaces", True)
        gateway["validation"] = {**(gateway.get("validation") or {}), **self._validation, "serverEnabled": True}
        whole["directoryConfigSource"] = {"directory": str(self._objects)}
        return whole

    def settle(self, given: Object) -> None:
        """Writes Settings, if they are others."""
        whole = self.settings(given)
        if whole == self._written:
            return
        before = self.revision() if self._written else 0
        meta = {"metadata": {"name": "default", "namespace": "gloo-system"}}
        replace_file(self._settings_path, yaml.safe_dump({**meta, **whole}))
        if self._written:
            self.await_revision_after(before)
        self._written = whole

    def revision(self) -> int:
        return json.loads(self._status_path.read_text())["revision"]

    def await_revision_after(self, before: int) -> None:
        wait_until(lambda: self.revision() > before, "a new revision", _SECONDS)

    def ask(self, body: bytes) -> Answer:
        return self._asker(body)


class Bench:
    """Judges that look at one folder of objects."""

    def __init__(self, scenario: Scenario, *validations: Object) -> None:
        self.folder = scenario.folder / "judged"
        self.folder.mkdir()
        self._serial = 0
        self.judges = [
            Judge(scenario, f"judge-{number}", self.folder, **validation)
            for number, validation in enumerate(validations)
        ]

    def serve(self, objects: list[Object], settings: Object) -> None:
        """Makes these all objects that there are."""
        for judge in self.judges:
            judge.settle(settings)
        before = [judge.revision() for judge in self.judges]
        # Something that differs each time, so that there is a revision to wait for.
        self._serial += 1
        serial = {
            "apiVersion": _GLOO,
            "kind": "Upstream",
            "metadata": {"name": "serial", "namespace": "serial"},
            "spec": {"static": {"hosts": [{"addr": "127.0.0.1", "port": 1 + self._serial % 60000}]}},
        }
        replace_file(self.folder / "case.yaml", dump([*objects, serial]))
        for judge, revision in zip(self.judges, before):
            judge.await_revision_after(revision)
