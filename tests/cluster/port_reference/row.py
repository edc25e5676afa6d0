"""What a row of the reference is, and how it becomes a case and a line of docs/port-reference.md."""

import dataclasses
import os
from typing import Any, Callable

from harness.process import ROOT
from harness.scenario import Suite
from support.scenario import Scenario

from .installation import Installation, installation
from .installed import Installed
from .mtls_installation import MtlsInstallation, mtls_installation

PAGE = ROOT / "docs/port-reference.md"
_BEGIN, _END = "<!-- rows: made by the cases -->", "<!-- end of rows -->"


@dataclasses.dataclass(frozen=True)
class Pod:
    """A port of a pod; 0 for none at all."""

    name: str
    port: int

    def address(self, of: Installed) -> str:
        return of.address(self.name)

    def check(self, of: Installed) -> None:
        """What the cluster was told about it."""
        containers = of.pod(self.name)["spec"]["containers"]
        ports = [port["containerPort"] for one in containers for port in one.get("ports", [])]
        assert (self.port in ports) if self.port else not ports, ports


@dataclasses.dataclass(frozen=True)
class Service:
    """A port of a Service, and the port of the pods behind it."""

    name: str
    port: int
    target: str
    target_port: int

    def address(self, of: Installed) -> str:
        return str(of.service(self.name)["spec"]["clusterIP"])

    def check(self, of: Installed) -> None:
        service = of.service(self.name)
        targets = {port["port"]: port["targetPort"] for port in service["spec"]["ports"]}
        assert targets.get(self.port) == self.target_port, targets
        labels = of.pod(self.target)["metadata"]["labels"].items()
        assert service["spec"]["selector"].items() <= labels, "it leads to other pods"


Place = Pod | Service


@dataclasses.dataclass
class At:
    """Where a row speaks to."""

    installation: Installation
    place: Place

    @property
    def address(self) -> str:
        return self.place.address(self.installation)

    @property
    def port(self) -> int:
        return self.place.port

    @property
    def host_port(self) -> str:
        return f"{self.address}:{self.port}"


Speak = Callable[[At], None]
# Of mTLS: what is shown on an installation with it.
SpeakMtls = Callable[[MtlsInstallation], None]


def _shown(speak: Callable[..., None]) -> str:
    return " ".join((speak.__doc__ or "").split()).rstrip(".")


class Reference:
    """All rows, in the order of the page."""

    def __init__(self) -> None:
        self.suite = Suite()
        # Those that the cluster is told of.
        self.declared: list[Place] = []
        self._lines: dict[str, list[str]] = {"pod": [], "service": [], "flow": []}

    def row(self, usage: str, *places: Place, declared: bool = True) -> Callable[[Speak], Speak]:
        """A case for each place; the docstring of the function says what is shown there."""

        def take(speak: Speak) -> Speak:
            self.declared += places if declared else ()
            for place in places:
                self._add(usage, place, speak, declared)
            return speak

        return take

    def flow(self, source: str, target: str, port: str) -> Callable[[SpeakMtls], SpeakMtls]:
        """A case for traffic that mTLS protects."""

        def take(speak: SpeakMtls) -> SpeakMtls:
            self._lines["flow"].append(f"| {source} | {target} | {port} | {_shown(speak)} |")
            case = lambda scenario: speak(mtls_installation(scenario))
            self.suite.case(f"port reference: mTLS: {source} to {target}, {port}".replace("`", ""))(case)
            return speak

        return take

    def _add(self, usage: str, place: Place, speak: Speak, declared: bool) -> None:
        kind = type(place).__name__.lower()
        cells: list[Any] = [f"`{place.name}`", place.port or "none"]
        if isinstance(place, Service):
            cells += [f"`{place.target}`", place.target_port]
        self._lines[kind].append(f"| {' | '.join(map(str, [*cells, usage, _shown(speak)]))} |")

        def case(scenario: Scenario) -> None:
            at = At(installation(scenario), place)
            if declared:
                place.check(at.installation)
            speak(at)

        self.suite.case(f"port reference: {kind} {place.name} {place.port or 'without a port'}: {usage}")(case)

    def table(self) -> str:
        pods = ["| pod | port | usage | shown |", "|---|---|---|---|", *self._lines["pod"]]
        head = ["| service | port | target | target port | usage | shown |", "|---|---|---|---|---|---|"]
        title = ["With `global.glooMtls.enabled`:", "", "| from | to | port | shown |", "|---|---|---|---|"]
        flows = [*title, *self._lines["flow"]]
        return "\n".join([_BEGIN, "", *pods, "", *head, *self._lines["service"], "", *flows, "", _END])

    def check_page(self) -> None:
        """The page has these rows; UPDATE_GOLDEN=1 rewrites them."""
        text = PAGE.read_text()
        before, rest = text.split(_BEGIN)
        now = before + self.table() + rest.split(_END)[1]
        if os.environ.get("UPDATE_GOLDEN") == "1":
            PAGE.write_text(now)
        else:
            assert now == text, f"{PAGE.name} has other rows: rewrite it with UPDATE_GOLDEN=1 if that is meant"


REFERENCE = Reference()
