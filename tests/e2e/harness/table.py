"""Reads end-to-end tables and the golden cases that they name, and makes them runnable here."""

import base64
import copy
import dataclasses
import pathlib
import re
from typing import Any, Callable

import yaml

HTTP_PORT, HTTPS_PORT = 8080, 8443
_CASE_KEYS = {
    "name",
    "config",
    "requests",
    "listener",
    "backend",
    "backend_secret",
    "closed",
    "fresh",
    "undivided",
}
_DEFAULT_GATEWAYS = f"""
- apiVersion: gateway.solo.io/v1
  kind: Gateway
  metadata: {{name: gateway-proxy, namespace: gloo-system}}
  spec: {{bindAddress: '::', bindPort: {HTTP_PORT}, httpGateway: {{}}}}
- apiVersion: gateway.solo.io/v1
  kind: Gateway
  metadata: {{name: gateway-proxy-ssl, namespace: gloo-system}}
  spec: {{bindAddress: '::', bindPort: {HTTPS_PORT}, ssl: true, httpGateway: {{}}}}
"""

Object = dict[str, Any]


@dataclasses.dataclass
class Case:
    """One case of a table: its settings, and the objects of its golden case."""

    table: pathlib.Path
    settings: dict[str, Any]
    objects: list[Object]
    env: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def group(self) -> str:
        """The option, or the name of a table in tests/e2e."""
        return self.table.parent.name if self.table.name == "e2e.yaml" else self.table.stem

    @property
    def name(self) -> str:
        return f"{self.group}: {self.settings['name']}"

    def secret(self, name: str) -> Object:
        """A Secret of the case by name."""
        for one in self.of_kind("Secret"):
            if one["metadata"]["name"] == name:
                return one
        raise ValueError(f"the case has no Secret {name}")

    def of_kind(self, kind: str) -> list[Object]:
        return [one for one in self.objects if one.get("kind") == kind]


def find_tables(root: pathlib.Path) -> list[pathlib.Path]:
    """All tables of the source tree, in the order of their names."""
    return sorted(root.glob("plugins/*/e2e.yaml")) + sorted(root.glob("tests/e2e/*.yaml"))


def load_cases(table: pathlib.Path) -> list[Case]:
    """Reads a table; unknown keys are refused, as they would do nothing."""
    content = yaml.safe_load(table.read_text()) or {}
    cases = []
    for settings in content.get("cases") or []:
        unknown = set(settings) - _CASE_KEYS
        if unknown or "name" not in settings or "config" not in settings:
            raise ValueError(
                f"{table}: {settings.get('name')}: unknown {sorted(unknown)}, or no name or config"
            )
        path = table.parent / settings["config"]
        cases.append(Case(table, settings, read_input(path), read_env(path)))
    return cases


def read_input(path: pathlib.Path) -> list[Object]:
    """The objects of a golden case: everything before the first expected section."""
    text = re.split(r"^--- # expect\b", path.read_text(), maxsplit=1, flags=re.MULTILINE)[0]
    return [one for one in yaml.safe_load_all(text) if one]


def read_env(path: pathlib.Path) -> dict[str, str]:
    """What a golden case says of the environment, in lines such as `# env NAME=value`."""
    return dict(re.findall(r"^# env (\w+)=(\S*)$", path.read_text(), re.MULTILINE))


def add_default_gateways(objects: list[Object]) -> None:
    """Gives a case without Gateways the two that an installation has."""
    if not any(one.get("kind") == "Gateway" for one in objects):
        objects += yaml.safe_load(_DEFAULT_GATEWAYS)


def move_gateways(objects: list[Object], new_port: Callable[[], int]) -> dict[int, int]:
    """Moves Gateways to loopback and to new ports; returns them by the ports in the file."""
    moved: dict[int, int] = {}
    for one in objects:
        if one.get("kind") != "Gateway":
            continue
        spec = one.setdefault("spec", {})
        port = int(spec.get("bindPort", 0))
        # Two Gateways with the same port stay in conflict, if that is what the case is about.
        moved.setdefault(port, new_port())
        spec["bindAddress"], spec["bindPort"] = "127.0.0.1", moved[port]
    return moved


def move_hosts(case: Case, listen: Callable[[str, int], int]) -> None:
    """Points the static hosts of Upstreams at ports that `listen` opens for (name, index).

    A host called `localhost` keeps its name, so that names are looked up.
    """
    wanted = case.settings.get("backend")
    wanted = [wanted] if isinstance(wanted, str) else wanted
    for upstream in case.of_kind("Upstream"):
        static = (upstream.get("spec") or {}).get("static") or {}
        hosts = static.get("hosts") or []
        if any(host.get("port") == 443 for host in hosts):
            static.setdefault("useTls", True)  # what port 443 means
        for index, host in enumerate(hosts):
            if wanted is None or host.get("addr") in wanted:
                host["port"] = listen(upstream["metadata"]["name"], index)
                if host.get("addr") != "localhost":
                    host["addr"] = "127.0.0.1"


def move_slices(case: Case, listen: Callable[[str, int], int]) -> None:
    """Points the endpoints of EndpointSlices at ports that `listen` opens for (name of the Service, index).

    All endpoints of a slice have the same ports, so each endpoint gets a slice of its own. Unless a case says which
    hosts are the backend's, as for static hosts.
    """
    wanted = case.settings.get("backend")
    wanted = [wanted] if isinstance(wanted, str) else wanted
    counts: dict[str, int] = {}
    for one in case.of_kind("EndpointSlice"):
        case.objects.remove(one)
        service = one["metadata"]["labels"]["kubernetes.io/service-name"]
        for endpoint in one.get("endpoints") or []:
            index = counts[service] = counts.get(service, -1) + 1
            moved = copy.deepcopy(one)
            moved["metadata"]["name"] += f"-{index}"
            moved["endpoints"] = [copy.deepcopy(endpoint)]
            if wanted is None or endpoint["addresses"][0] in wanted:
                moved["addressType"] = "IPv4"
                moved["endpoints"][0]["addresses"] = ["127.0.0.1"]
                for port in moved["ports"]:
                    port["port"] = listen(service, index)
            case.objects.append(moved)


def move_pipes(case: Case, listen: Callable[[str, bool], str]) -> None:
    """Points Upstreams at sockets that `listen` opens for (name, whether it is an abstract one)."""
    for upstream in case.of_kind("Upstream"):
        pipe = (upstream.get("spec") or {}).get("pipe")
        if pipe:
            abstract = pipe["path"].startswith("@")
            pipe["path"] = listen(upstream["metadata"]["name"], abstract)


def move_logs(node: Any, new_path: Callable[[str], str]) -> None:
    """Gives the access logs below a part of an object the paths that `new_path` finds for theirs."""
    if isinstance(node, list):
        for one in node:
            move_logs(one, new_path)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "fileSink" and "path" in value:
                value["path"] = new_path(value["path"])
            else:
                move_logs(value, new_path)


def secret_value(secret: Object, key: str) -> str:
    """A value of a Secret, from `stringData` or `data`."""
    plain = (secret.get("stringData") or {}).get(key)
    return (
        plain
        if plain is not None
        else base64.b64decode((secret.get("data") or {}).get(key, "")).decode()
    )


def pem_of(secret: Object) -> str:
    """The key and the certificate of a TLS Secret, in one text."""
    return secret_value(secret, "tls.key") + "\n" + secret_value(secret, "tls.crt")


def trusted_certificates(case: Case) -> str:
    """All certificates of the case: a backend takes any of them from its clients."""
    keys = ("tls.crt", "ca.crt")
    return "\n".join(
        filter(None, (secret_value(s, key) for s in case.of_kind("Secret") for key in keys))
    )
