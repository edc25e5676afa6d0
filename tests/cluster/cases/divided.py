"""Divided route tables in the image that users get: Envoy loads our module there, and tells the control plane so."""

import json
import re
from typing import Any

from harness import client, sharding
from harness.scenario import Suite
from harness.waiting import wait_until
from support.cli import Cli
from support.load import under_load
from support.objects import says, virtual_service
from support.release import Release, values
from support.scenario import Scenario, await_answer

SUITE = Suite()
_SECONDS = 60
# Hosts in one table, too few to divide it without being told.
_HOSTS = 40
# Requests of the load after a change is complete.
_MORE = 200
_PORT = 80
# Of our module, and of what it is told: its version, the number of parts, ...
_VERSION = "3"
_TOLD = re.compile(rf'"{_VERSION} (\d+) expect ')


class _Divided:
    """A release with many hosts, in a namespace of its own."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario, self._cli = scenario, Cli(scenario)
        scenario.install_definitions()
        alone = {"singleNamespace": True, "ipV4Only": True}
        Release(scenario).install(values(settings=alone, discovery={"enabled": False}))
        self.answers = {f"h{number}.divided.test": f"site {number}" for number in range(_HOSTS)}
        hosts = enumerate(self.answers.items())
        scenario.apply(*(virtual_service(f"h{number}", host, says(body)) for number, (host, body) in hosts))
        self.address = scenario.balanced("gateway-proxy")
        for host, body in self.answers.items():
            await_answer(self.address, _PORT, body, host, _SECONDS)

    def dump(self, kind: str) -> Any:
        """A part of what Envoy says of itself, by the command of users."""
        configs = json.loads(self._cli("proxy", "dump", "-n", self.scenario.namespace))["configs"]
        return next((one for one in configs if one["@type"].endswith(f".{kind}")), {})

    def divide(self, word: str) -> None:
        """The Gateway of the chart asks for so many parts."""
        annotation = f"k8sgateway.io/route-shards={word}"
        self.scenario.kubectl("annotate", "gateway", "gateway-proxy", annotation, "--overwrite")

    def parts(self) -> int:
        """How many the table in force has, 0 when it is whole; -1 while Envoy changes to another, or drains the last one."""
        (listener,) = self.dump("ListenersConfigDump")["dynamic_listeners"]
        if "draining_state" in listener or "warming_state" in listener:
            return -1
        if "scoped_routes" not in json.dumps(listener["active_state"]):
            return 0
        # What our module is told in that listener.
        (parts,) = set(map(int, _TOLD.findall(json.dumps(listener["active_state"]))))
        names = sharding.scopes_in(self.dump("ScopedRoutesConfigDump"))
        return parts if sum(f"/{_VERSION}h.{parts}/" in name for name in names) == parts else -1

    def await_edit(self, word: str) -> None:
        """A host that the load does not ask has another answer."""
        self.scenario.apply(virtual_service("edited", "edited.divided.test", says(word)))
        await_answer(self.address, _PORT, word, "edited.divided.test", _SECONDS)


@SUITE.case("divided: a proxy of the chart has our module, and no request fails while its table is divided, anew, and whole again")
def under_change(scenario: Scenario) -> None:
    divided = _Divided(scenario)
    node = divided.dump("BootstrapConfigDump")["bootstrap"]["node"]
    assert node["metadata"]["k8sgateway_module"] == _VERSION, node
    assert divided.parts() == 0
    load = sharding.Load(_PORT, divided.answers, address=divided.address)
    target = client.Target(_PORT, address=divided.address)
    with under_load(target, next(iter(divided.answers))) as anew:
        for word, parts in (("16", 16), ("64", 64), ("off", 0)):
            asked, opened = load.requests, anew.total()
            divided.divide(word)
            wait_until(lambda parts=parts: divided.parts() == parts, f"{word} parts are in force", _SECONDS)
            divided.await_edit(f"with {word}")
            asked, opened = max(asked, load.requests) + _MORE, max(opened, anew.total()) + _MORE
            more = lambda asked=asked, opened=opened: load.requests >= asked and anew.total() >= opened
            wait_until(more, "requests go on", _SECONDS)
    load.stop()
    scenario.note(f"{load.requests} requests on connections that are kept; {anew.expect_no_failure(at_least=3 * _MORE)}")
