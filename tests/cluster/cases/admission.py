"""The validating webhook, asked by the real API server."""

import contextlib
import json
import pathlib
import tempfile
from typing import Any, Iterator

import yaml

from harness.scenario import Suite
from support import webhook
from support.cluster import Object
from support.objects import meta, says, static_upstream, to_upstream, virtual_service
from support.scenario import Scenario
from support.stage import settings

SUITE = Suite()
_BAD_REGEX = {
    "matchers": [{"regex": "(unclosed"}],
    "directResponseAction": {"status": 200, "body": "never"},
}


@contextlib.contextmanager
def _validated(scenario: Scenario, **validation: Any) -> Iterator[webhook.Certificate]:
    """Everything is asked for, with these settings of validation; afterwards nothing is."""
    stage, cluster = scenario.stage(), scenario.cluster
    certificate = stage.certificate
    _set(scenario, alwaysAccept=False, **validation)
    cluster.apply(webhook.registration(certificate))
    try:
        # The API server learns of the registration, and we of the settings, a moment later.
        stage.wait(lambda: _answers(scenario), "a bad object is refused, and a good one taken")
        yield certificate
    finally:
        cluster.kubectl("delete", "validatingwebhookconfiguration", webhook.NAME)
        _set(scenario)


def _set(scenario: Scenario, **validation: Any) -> None:
    scenario.cluster.apply(settings(gateway={"validation": {**scenario.stage().validation, **validation}}))


def _good(scenario: Scenario) -> Object:
    return virtual_service("good", scenario.host, says("good"))


def _bad(scenario: Scenario) -> Object:
    return virtual_service("bad", f"bad.{scenario.host}", _BAD_REGEX)


def _try(scenario: Scenario, *objects: Object, dry: bool = False) -> tuple[bool, str]:
    """Whether these are taken, and all that kubectl said."""
    text = yaml.safe_dump_all(objects, sort_keys=False)
    more = ["--dry-run=server"] if dry else []
    return scenario.cluster.attempt("-n", scenario.namespace, "apply", *more, "-f", "-", stdin=text)


def _answers(scenario: Scenario) -> bool:
    """Whether verdicts are right, on an object that is nowhere."""
    probe = lambda route: virtual_service("probe", f"probe.{scenario.host}", route)
    bad, good = (_try(scenario, probe(route), dry=True)[0] for route in (_BAD_REGEX, says("good")))
    return good and not bad


@SUITE.case("kubectl is told the field of a bad object; good ones, skipped ones and dry runs pass")
def verdicts(scenario: Scenario) -> None:
    stage, own = scenario.stage(), scenario.namespace
    with _validated(scenario, allowWarnings=True):
        taken, said = _try(scenario, _bad(scenario))
        assert not taken and "regex" in said and "routes[0]" in said, said
        taken, said = _try(scenario, _good(scenario), dry=True)
        assert taken, said
        stage.stays(lambda: stage.ask(scenario.host).status != 200, "a dry run is not served", 0.5)
        taken, said = _try(scenario, _good(scenario))
        assert taken, said
        stage.await_answer(scenario.host, body="good")
        # Two that are bad together only.
        taken, said = _try(scenario, virtual_service("same", scenario.host, says("same")))
        assert not taken and scenario.host in said, said
        # A missing Upstream is no error; whoever applies it is told.
        late = virtual_service("late", f"late.{scenario.host}", to_upstream("nowhere", own))
        taken, said = _try(scenario, late)
        assert taken and "Warning" in said and "nowhere" in said, said
        skipped = _bad(scenario)
        skipped["metadata"]["annotations"] = {"gateway.solo.io/skip_validation": "true"}
        taken, said = _try(scenario, skipped)
        assert taken, said
        stage.await_state("virtualservice", "bad", own, "Rejected", "regex")


@SUITE.case("an Upstream in use stays, if warnings are refused; without its route it goes")
def upstream_in_use(scenario: Scenario) -> None:
    stage, own = scenario.stage(), scenario.namespace
    with _validated(scenario, allowWarnings=False):
        _try(scenario, static_upstream("used", "127.0.0.1"))
        stage.await_written("upstream", "used", own)
        taken, said = _try(
            scenario, virtual_service("all", scenario.host, to_upstream("used", own))
        )
        assert taken, said
        stage.await_state("virtualservice", "all", own, "Accepted")
        deleted, said = scenario.cluster.attempt("-n", own, "delete", "upstream", "used")
        assert not deleted and "used" in said, said
        scenario.kubectl("delete", "virtualservice", "all")
        stage.await_answer(scenario.host, status=404)
        scenario.kubectl("delete", "upstream", "used")


@SUITE.case("without a control plane our kinds wait for it; Secrets, Namespaces and pods do not")
def nobody_answers(scenario: Scenario) -> None:
    stage, cluster = scenario.stage(), scenario.cluster
    with _validated(scenario, allowWarnings=True):
        stage.control_plane.kill()
        try:
            taken, said = _try(scenario, virtual_service("all", scenario.host, says("hello")))
            assert not taken and "webhook" in said, said
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": meta("free")}
            taken, said = _try(scenario, secret)
            assert taken, said
            scenario.kubectl("delete", "secret", "free")
            cluster.kubectl("create", "namespace", f"{scenario.namespace}-free")
            cluster.kubectl("delete", "namespace", f"{scenario.namespace}-free", "--wait=false")
        finally:
            stage.control_plane.restart()
            stage.control_plane.wait_ready()
        take = lambda: _try(scenario, virtual_service("all", scenario.host, says("hello")))[0]
        stage.wait(take, "it is taken again")
        stage.await_answer(scenario.host, body="hello")


@SUITE.case("the webhook's certificate is rotated; a broken one leaves the old one in use")
def certificate_rotated(scenario: Scenario) -> None:
    stage, cluster = scenario.stage(), scenario.cluster
    with _validated(scenario, allowWarnings=True) as certificate:
        try:
            certificate.break_it()
            with tempfile.TemporaryDirectory() as folder:
                for number in range(3):
                    taken, said = _try(scenario, virtual_service("good", scenario.host, says(str(number))))
                    assert taken, said
                certificate.replace(pathlib.Path(folder))
                cluster.apply(webhook.registration(certificate))
                stage.wait(lambda: _answers(scenario), "verdicts with the new certificate", 30)
        finally:
            certificate.restore()
            cluster.apply(webhook.registration(certificate))
        stage.wait(lambda: _answers(scenario), "verdicts with the old one", 30)


@SUITE.case("a change of status alone is never held up")
def status_only(scenario: Scenario) -> None:
    stage, own = scenario.stage(), scenario.namespace
    scenario.apply(_bad(scenario))  # before anybody asks
    stage.await_state("virtualservice", "bad", own, "Rejected")
    with _validated(scenario, allowWarnings=True):
        status = {"status": {"statuses": {"other-system": {"state": 1}}}}
        scenario.kubectl("patch", "virtualservice", "bad", "--type=merge", "-p", json.dumps(status))
        found = scenario.get("virtualservice", "bad")["status"]["statuses"]
        assert "other-system" in found and "gloo-system" in found, found
