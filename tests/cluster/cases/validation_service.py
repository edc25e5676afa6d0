"""The validation service on port 9988: what a change would break, from a control plane that follows a cluster."""

import pathlib
import tempfile

from harness.certificates import self_signed
from harness.process import Process, binary
from harness.scenario import Suite, expect_exit
from support import objects
from support.control_plane import VALIDATION_PORT
from support.objects import says, tls_secret, to_upstream, virtual_service
from support.scenario import Scenario

SUITE = Suite()
_ADDRESS = f"127.0.0.1:{VALIDATION_PORT}"


def _client(scenario: Scenario, *words: str) -> Process:
    """The client of the end-to-end tests; it ends with the case."""
    program = binary(scenario.preset).parent / "tests/validation_client"
    client = Process([str(program), _ADDRESS, *words])
    scenario.cleanup.callback(client.stop)
    return client


def _ask(scenario: Scenario, request: str = "") -> str:
    """The reports on a request in protobuf's text format."""
    client = _client(scenario, "send", request)
    expect_exit(client, 0)
    return "\n".join(client.lines())


def _subsets(scenario: Scenario, key: str) -> str:
    """A request that has the Upstream in subsets by another label."""
    meta = f'metadata {{ name: "used" namespace: "{scenario.namespace}" }}'
    of = f'service_name: "echo" service_namespace: "{scenario.namespace}" service_port: 8080'
    kube = f'kube {{ {of} subset_spec {{ selectors {{ keys: "{key}" }} }} }}'
    return f"modified_resources {{ upstreams {{ {meta} {kube} }} }}"


def _apply_world(scenario: Scenario) -> None:
    """A route to a subset of an Upstream, and a host with a certificate; both serve."""
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    with tempfile.TemporaryDirectory() as folder:
        self_signed(pathlib.Path(folder), host)
        certificate, key = ((pathlib.Path(folder) / f"{host}.{end}").read_text() for end in ("crt", "key"))
    upstream = objects.kube_upstream("used", "echo", own)
    upstream["spec"]["kube"]["subsetSpec"] = {"selectors": [{"keys": ["app"]}]}
    route = to_upstream("used", own)
    route["routeAction"]["single"]["subset"] = {"values": {"app": "echo"}}
    names = {"secretRef": objects.meta("certificate", own), "sniDomains": [host]}
    scenario.deploy_echo()
    scenario.apply(
        upstream,
        tls_secret("certificate", certificate, key),
        virtual_service("all", host, route),
        virtual_service("secure", host, says("secure"), sslConfig=names),
    )
    stage.await_answer(host, body="echo-")
    for name in ("all", "secure"):
        stage.await_state("virtualservice", name, own, "Accepted")


@SUITE.case("the validation service says what a change of an Upstream or a Secret would break, and changes nothing")
def reports(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    _apply_world(scenario)
    before = stage.proxy.updates()
    said = _ask(scenario)
    assert "listener_reports" in said and f'"{own}"' in said, said
    about_us = f"{own}/"
    faults = lambda text: [part for part in text.split('reason: "')[1:] if about_us in part.split('"')[0]]
    assert not faults(said), faults(said)
    assert not faults(_ask(scenario, _subsets(scenario, "app"))), "a change that breaks nothing"
    broken = faults(_ask(scenario, _subsets(scenario, "color")))
    assert len(broken) == 1 and f"VirtualService {own}/all" in broken[0] and "subset" in broken[0], broken
    gone = f'deleted_resources {{ secret_refs {{ name: "certificate" namespace: "{own}" }} }}'
    missing = faults(_ask(scenario, gone))
    assert len(missing) == 1 and f"{own}/secure" in missing[0] and "certificate" in missing[0], missing
    assert not faults(_ask(scenario)), "what was asked has changed the world"
    stage.await_answer(host, body="echo-")
    assert stage.proxy.updates() == before


@SUITE.case("subscribers of the validation service hear of a change, and of nothing that only moves pods")
def notifies(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    _apply_world(scenario)
    stage.await_quiet()
    stage.await_exists("-n", "gloo-system", "upstream", f"{own}-echo-8080")
    # The control plane has heard what became of other Upstreams when it has heard of this.
    scenario.apply(objects.static_upstream("last", "127.0.0.1"))
    stage.await_state("upstream", "last", own, "Accepted")
    listener = _client(scenario, "listen")
    stage.wait(lambda: listener.lines() == ["resync"], "the first message")
    scenario.kubectl("scale", "deployment/echo", "--replicas=2")
    scenario.await_rollout("echo")
    pods = {one["metadata"]["name"] for one in scenario.get("pods")["items"]}
    seen: set[str | None] = set()
    stage.wait(lambda: seen.add(stage.ask(host).header("x-upstream")) or pods <= seen, "both pods answer")
    assert listener.lines() == ["resync"], f"pods that move are no news: {listener.lines()}"
    scenario.apply(objects.static_upstream("new", "127.0.0.1"))
    stage.wait(lambda: len(listener.lines()) > 1, "a message about the new Upstream")
    stage.await_state("upstream", "new", own, "Accepted")
    heard = len(listener.lines())
    scenario.kubectl("delete", "upstream", "new")
    stage.wait(lambda: len(listener.lines()) > heard, "a message about its end")
    stage.control_plane.restart()
    expect_exit(listener, 1)
    stage.control_plane.wait_ready()
    again = _client(scenario, "listen")
    stage.wait(lambda: again.lines()[:1] == ["resync"], "the new control plane tells, too")
