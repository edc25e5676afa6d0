"""WebAssembly modules that the chart's gloo pulls as a user of a registry."""

import hashlib
import json
import pathlib
import tempfile

from harness import wasm_module
from harness.registry import PASSWORD, docker_config
from harness.scenario import Suite
from harness.waiting import wait_until
from support.cluster import Object
from support.objects import gateway, meta, says, virtual_service
from support.registry import PodRegistry, name_of
from support.release import Release, values
from support.scenario import Scenario, ask, await_answer, is_open

SUITE = Suite()
_SECONDS = 90
_PORT = 8085
_HOST = "wasm.test"
_SECRET = "wasm-pull"
_ONE, _TWO = (wasm_module.adds_header("x-wasm", word) for word in ("one", "two"))
_WRONG = "not-the-password"
_STATES = ("Pending", "Accepted", "Rejected", "Warning")


class _Installed:
    """A release that pulls with a Secret, a registry with users, and a Gateway with a module beside the usual ones."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario, own = scenario, scenario.namespace
        folder = pathlib.Path(scenario.cleanup.enter_context(tempfile.TemporaryDirectory()))
        scenario.install_definitions()
        self.registry = PodRegistry(scenario, folder, users=True)
        self.registry.push("team/greeting", "v1", _ONE)
        self.log_in(_WRONG)
        # A tag is looked up again each second.
        wasm = {"plainHttp": [name_of(own)], "pullSecret": f"{own}/{_SECRET}", "recheckSeconds": 1}
        base = values(settings={"singleNamespace": True, "ipV4Only": True}, gloo={"wasm": wasm})
        Release(scenario).install(base)
        filters = [{"name": "greeting", "image": f"{name_of(own)}/team/greeting:v1"}]
        scenario.apply(
            virtual_service("site", _HOST, says("hello")),
            gateway("wasm", _PORT, own, httpGateway={"options": {"wasm": {"filters": filters}}}),
        )
        (pod,) = scenario.get("pods", "-l", "gateway-proxy-id=gateway-proxy")["items"]
        self.proxy = str(pod["status"]["podIP"])

    def log_in(self, password: str) -> None:
        """As a Secret says from now on."""
        self.scenario.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "type": "kubernetes.io/dockerconfigjson",
                "metadata": meta(_SECRET),
                "stringData": {".dockerconfigjson": docker_config(name_of(self.scenario.namespace), password)},
            }
        )

    def status(self) -> Object:
        """What stands in the Gateway with the module."""
        found = self.scenario.get("gateways.gateway.solo.io", "wasm").get("status") or {}
        status: Object = found.get("statuses", {}).get(self.scenario.namespace, {})
        return status

    def await_status(self, state: str, reason: str = "") -> None:
        def said() -> bool:
            status = self.status()
            return status.get("state") in (state, _STATES.index(state)) and reason in status.get("reason", "")

        try:
            wait_until(said, f"the Gateway is {state}: {reason}", _SECONDS)
        except TimeoutError as error:
            raise AssertionError(f"{error}; it has {self.status()}") from None

    def served(self, module: bytes) -> int:
        """What port 9979 says to the hash of a module: 200 with its bytes, or another code."""
        address = self.scenario.get("service", "gloo")["spec"]["clusterIP"]
        answer = ask(address, 9979, path=f"/images/{hashlib.sha256(module).hexdigest()}")
        assert answer.status != 200 or answer.body == module
        return answer.status

    def await_header(self, value: str) -> None:
        got = lambda: ask(self.proxy, _PORT, _HOST).header("x-wasm") == value
        wait_until(got, f"the module says {value}", _SECONDS)

    def edit(self, word: str) -> None:
        """Everything else serves, and follows its edits."""
        self.scenario.apply(virtual_service("site", _HOST, says(word)))
        await_answer(self.proxy, 8080, word, _HOST, _SECONDS)


@SUITE.case("wasm: pulled as the user of a Secret; a wrong one stands in the status of its Gateway, and hurts nothing else")
def authenticated(scenario: Scenario) -> None:
    installed = _Installed(scenario)
    installed.await_status("Rejected", "may not be read (401)")
    assert not is_open(installed.proxy, _PORT), "the listener is open without its module"
    assert installed.served(_ONE) == 404
    installed.edit("beside a wrong password")

    installed.log_in(PASSWORD)
    installed.await_header("one")
    installed.await_status("Accepted")
    assert installed.served(_ONE) == 200

    # What is there goes on; what is newer is not had.
    installed.log_in(_WRONG)
    installed.registry.push("team/greeting", "v1", _TWO)
    installed.await_status("Warning", "may not be read (401)")
    assert installed.served(_TWO) == 404 and installed.served(_ONE) == 200
    installed.edit("beside a wrong password again")
    assert ask(installed.proxy, _PORT, _HOST).header("x-wasm") == "one"

    installed.log_in(PASSWORD)
    installed.await_header("two")
    installed.await_status("Accepted")
    said = scenario.kubectl("logs", "deployment/gloo") + json.dumps(installed.scenario.get("gateways.gateway.solo.io"))
    assert PASSWORD not in said and _WRONG not in said
