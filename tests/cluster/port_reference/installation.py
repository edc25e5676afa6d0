"""The installation that all rows share: the chart as it comes, with access-log and a registry, in its own namespace."""

from typing import Any

from harness import wasm_module
from harness.certificates import self_signed
from harness.process import Process, binary
from support.cluster import Cluster
from support.guarded import AUDIENCE, call, start_call
from support.objects import (
    gateway,
    kube_upstream,
    says,
    tls_secret,
    to_service,
    to_upstream,
    virtual_service,
)
from support.registry import PodRegistry, name_of
from support.release import values
from support.scenario import Scenario

from .installed import WITH_ACCESS_LOG, Installed

NAMESPACE = "port-reference"
# Hosts that no other case has: all namespaces are watched.
SITE, SECURE = "site.port-reference.test", "secure.port-reference.test"
# The Upstream that a route leads to.
USED = "used"
WASM_PORT = 8085
MODULE = wasm_module.adds_header("x-wasm", "from a registry")
_SECONDS = 30
_READER = "reader"


class Installation(Installed):
    def __init__(self, cluster: Cluster, preset: str) -> None:
        # Registries have TLS, unless somebody says otherwise.
        plain = {"wasm": {"plainHttp": [name_of(NAMESPACE)]}}
        super().__init__(cluster, preset, NAMESPACE, values(**WITH_ACCESS_LOG, gloo=plain))
        self.registry = PodRegistry(self.scenario, self.folder)
        self.registry.push("team/greeting", "v1", MODULE)
        self._serve()
        self.scenario.kubectl("create", "serviceaccount", _READER)
        self.scenario.kubectl("create", "role", _READER, "--verb=get", "--resource=proxies.gloo.solo.io")
        account = f"--serviceaccount={NAMESPACE}:{_READER}"
        self.scenario.kubectl("create", "rolebinding", _READER, f"--role={_READER}", account)

    def _serve(self) -> None:
        pair = self_signed(self.folder, SECURE)
        certificate, key = (pair.with_suffix(end).read_text() for end in (".crt", ".key"))
        names = {"secretRef": {"name": "pair", "namespace": NAMESPACE}, "sniDomains": [SECURE]}
        self.scenario.apply(
            tls_secret("pair", certificate, key),
            virtual_service("site", SITE, to_service("echo", NAMESPACE)),
            kube_upstream(USED, "echo", NAMESPACE),
            virtual_service("by-upstream", "used.port-reference.test", to_upstream(USED, NAMESPACE)),
            virtual_service("secure", SECURE, says("over TLS"), sslConfig=names),
            # Another port, as a listener does not open before it has its modules.
            gateway("wasm", WASM_PORT, NAMESPACE, httpGateway={"options": {"wasm": {"filters": [self._filter()]}}}),
        )

    def _filter(self) -> dict[str, str]:
        return {"name": "greeting", "image": f"{self.registry.name}/team/greeting:v1"}

    def pod(self, name: str) -> Any:
        label = f"gateway-proxy-id={name}" if name == "gateway-proxy" else f"gloo={name}"
        (pod,) = self.scenario.get("pods", "-l", label)["items"]
        return pod

    def get(self, *words: str) -> Any:
        return self.scenario.get(*words)

    def logs(self, name: str) -> str:
        return self.scenario.kubectl("logs", f"deployment/{name}", "-c", name)

    def client(self, program: str, *words: str) -> str:
        """All that one of the clients of gRPC prints."""
        process = Process([str(binary(self.scenario.preset).parent / "tests" / program), *words])
        process.wait_exit(_SECONDS)
        return "\n".join(process.lines())

    def read(self, program: str, *words: str) -> str:
        """The same, as an account that may read Proxies."""
        return call(program, self.scenario, self._reader(), *words)

    def await_line(self, line: str, program: str, *words: str) -> None:
        """Such a client, which goes on until it is ended, prints this line."""
        process = start_call(program, self.scenario, self._reader(), *words)
        process.wait_line(lambda one: one == line, f"{program} says {line}", seconds=_SECONDS)
        process.stop()

    def _reader(self) -> str:
        return self.scenario.kubectl("create", "token", _READER, f"--audience={AUDIENCE}").strip()


def installation(scenario: Scenario) -> Installation:
    """Made by the first row, and gone with the cluster."""
    cluster = scenario.cluster
    if not cluster.installation:
        cluster.installation = Installation(cluster, scenario.preset)
    return cluster.installation
