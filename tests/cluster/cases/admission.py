"""The validating webhook, asked by the real API server."""

import contextlib
import json
import pathlib
import tempfile
import time
from typing import Any, Iterator

import yaml

from harness.certificates import self_signed
from harness.scenario import Suite
from support import webhook
from support.cluster import Object
from support.objects import meta, says, static_upstream, tls_secret, to_upstream, virtual_service
from support.scenario import Scenario
from support.stage import settings

SUITE = Suite()
BAD_REGEX = {
    "matchers": [{"regex": "(unclosed"}],
    "directResponseAction": {"status": 200, "body": "never"},
}
_OTHER_STATUS = {"status": {"statuses": {"other-system": {"state": 1}}}}
_FINALIZERS = {"metadata": {"finalizers": ["example.com/kept"]}}
# Taken away, not just changed.
_CLEARED: Object = {"spec": None}


@contextlib.contextmanager
def validated(scenario: Scenario, seconds: int = 10, **validation: Any) -> Iterator[webhook.Certificate]:
    """Everything is asked for, with these settings of validation; afterwards nothing is.

    The API server waits for as many seconds for each verdict.
    """
    stage, cluster = scenario.stage(), scenario.cluster
    certificate = stage.certificate
    set_validation(scenario, alwaysAccept=False, **validation)
    cluster.apply(webhook.registration(certificate, seconds=seconds))
    try:
        # The API server learns of the registration, and we of the settings, a moment later.
        stage.wait(lambda: answers(scenario), "a bad object is refused, and a good one taken")
        yield certificate
    finally:
        cluster.kubectl("delete", "validatingwebhookconfiguration", webhook.NAME)
        set_validation(scenario)


def set_validation(scenario: Scenario, **validation: Any) -> None:
    """Other Settings of validation; without any, those that all cases share."""
    scenario.cluster.apply(settings(gateway={"validation": {**scenario.stage().validation, **validation}}))


def _good(scenario: Scenario) -> Object:
    return virtual_service("good", scenario.host, says("good"))


def _bad(scenario: Scenario) -> Object:
    return virtual_service("bad", f"bad.{scenario.host}", BAD_REGEX)


def attempt(scenario: Scenario, *objects: Object, dry: bool = False) -> tuple[bool, str]:
    """Whether these are taken, and all that kubectl said."""
    text = yaml.safe_dump_all(objects, sort_keys=False)
    more = ["--dry-run=server"] if dry else []
    return scenario.cluster.attempt("-n", scenario.namespace, "apply", *more, "-f", "-", stdin=text)


def answers(scenario: Scenario) -> bool:
    """Whether verdicts are right, on an object that is nowhere."""
    probe = lambda route: virtual_service("probe", f"probe.{scenario.host}", route)
    bad, good = (attempt(scenario, probe(route), dry=True)[0] for route in (BAD_REGEX, says("good")))
    return good and not bad


@SUITE.case("kubectl is told the field of a bad object; good ones, skipped ones and dry runs pass")
def verdicts(scenario: Scenario) -> None:
    stage, own = scenario.stage(), scenario.namespace
    with validated(scenario, allowWarnings=True):
        taken, said = attempt(scenario, _bad(scenario))
        assert not taken and "regex" in said and "routes[0]" in said, said
        taken, said = attempt(scenario, _good(scenario), dry=True)
        assert taken, said
        stage.stays(lambda: stage.ask(scenario.host).status != 200, "a dry run is not served", 0.5)
        taken, said = attempt(scenario, _good(scenario))
        assert taken, said
        stage.await_answer(scenario.host, body="good")
        # Two that are bad together only.
        taken, said = attempt(scenario, virtual_service("same", scenario.host, says("same")))
        assert not taken and scenario.host in said, said
        # A missing Upstream is no error; whoever applies it is told.
        late = virtual_service("late", f"late.{scenario.host}", to_upstream("nowhere", own))
        taken, said = attempt(scenario, late)
        assert taken and "Warning" in said and "nowhere" in said, said
        skipped = _bad(scenario)
        skipped["metadata"]["annotations"] = {"gateway.solo.io/skip_validation": "true"}
        taken, said = attempt(scenario, skipped)
        assert taken, said
        stage.await_state("virtualservice", "bad", own, "Rejected", "regex")


@SUITE.case("an Upstream in use stays, if warnings are refused; without its route it goes")
def upstream_in_use(scenario: Scenario) -> None:
    stage, own = scenario.stage(), scenario.namespace
    with validated(scenario, allowWarnings=False):
        attempt(scenario, static_upstream("used", "127.0.0.1"))
        stage.await_written("upstream", "used", own)
        taken, said = attempt(
            scenario, virtual_service("all", scenario.host, to_upstream("used", own))
        )
        assert taken, said
        stage.await_state("virtualservice", "all", own, "Accepted")
        deleted, said = scenario.cluster.attempt("-n", own, "delete", "upstream", "used")
        assert not deleted and "used" in said, said
        scenario.kubectl("delete", "virtualservice", "all")
        stage.await_answer(scenario.host, status=404)
        scenario.kubectl("delete", "upstream", "used")


@SUITE.case("a Secret that a host serves with stays; without the host it goes")
def secret_in_use(scenario: Scenario) -> None:
    own = scenario.namespace
    stage = scenario.stage()
    with tempfile.TemporaryDirectory() as folder:
        pair = self_signed(pathlib.Path(folder), scenario.host)
        key = tls_secret(
            "used", pair.with_suffix(".crt").read_text(), pair.with_suffix(".key").read_text()
        )
    with validated(scenario, allowWarnings=False):
        scenario.apply(key, {**key, "metadata": meta("free")})
        tls = {"secretRef": meta("used", own), "sniDomains": [scenario.host]}
        scenario.apply(virtual_service("all", scenario.host, says("hello"), sslConfig=tls))
        stage.await_state("virtualservice", "all", own, "Accepted")
        deleted, said = scenario.cluster.attempt("-n", own, "delete", "secret", "used")
        assert not deleted and "used" in said, said
        scenario.kubectl("delete", "secret", "free")
        scenario.kubectl("delete", "virtualservice", "all")
        gone = lambda: scenario.cluster.attempt("-n", own, "delete", "secret", "used")[0]
        stage.wait(gone, "the Secret goes when nobody needs it")


@SUITE.case("without a control plane our kinds wait for it; Secrets, Namespaces and pods do not")
def nobodyanswers(scenario: Scenario) -> None:
    stage, cluster = scenario.stage(), scenario.cluster
    with validated(scenario, allowWarnings=True):
        taken, said = attempt(scenario, virtual_service("before", f"before.{scenario.host}", says("hello")))
        assert taken, said
        stage.await_state("virtualservice", "before", scenario.namespace, "Accepted")
        stage.control_plane.kill()
        try:
            taken, said = attempt(scenario, virtual_service("all", scenario.host, says("hello")))
            assert not taken and "webhook" in said, said
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": meta("free")}
            taken, said = attempt(scenario, secret)
            assert taken, said
            scenario.kubectl("delete", "secret", "free")
            # Nor do other writers of statuses, and those whose finalizers hold an object.
            for changes in (_OTHER_STATUS, _FINALIZERS, {"metadata": {"finalizers": []}}):
                scenario.kubectl("patch", "virtualservice", "before", "--type=merge", "-p", json.dumps(changes))
            assert "other-system" in scenario.get("virtualservice", "before")["status"]["statuses"]
            for changes in ({"metadata": {"labels": {"a": "b"}}}, {"metadata": {"annotations": {"a": "b"}}}, _CLEARED):
                words = ["patch", "virtualservice", "before", "--type=merge", "-p", json.dumps(changes)]
                taken, said = cluster.attempt("-n", scenario.namespace, *words)
                assert not taken and "webhook" in said, (changes, said)
            cluster.kubectl("create", "namespace", f"{scenario.namespace}-free")
            cluster.kubectl("delete", "namespace", f"{scenario.namespace}-free", "--wait=false")
        finally:
            stage.control_plane.restart()
            stage.control_plane.wait_ready()
        take = lambda: attempt(scenario, virtual_service("all", scenario.host, says("hello")))[0]
        stage.wait(take, "it is taken again")
        stage.await_answer(scenario.host, body="hello")


@SUITE.case("the webhook's certificate is rotated; a broken one leaves the old one in use")
def certificate_rotated(scenario: Scenario) -> None:
    stage, cluster = scenario.stage(), scenario.cluster
    with validated(scenario, allowWarnings=True) as certificate:
        try:
            certificate.break_it()
            with tempfile.TemporaryDirectory() as folder:
                for number in range(3):
                    taken, said = attempt(scenario, virtual_service("good", scenario.host, says(str(number))))
                    assert taken, said
                certificate.replace(pathlib.Path(folder))
                cluster.apply(webhook.registration(certificate))
                stage.wait(lambda: answers(scenario), "verdicts with the new certificate", 30)
        finally:
            certificate.restore()
            cluster.apply(webhook.registration(certificate))
        stage.wait(lambda: answers(scenario), "verdicts with the old one", 30)


@SUITE.case("a change of status alone is never held up, also by a webhook that is asked about it")
def status_only(scenario: Scenario) -> None:
    stage, own = scenario.stage(), scenario.namespace
    scenario.apply(_bad(scenario))  # before anybody asks
    stage.await_state("virtualservice", "bad", own, "Rejected")
    with validated(scenario, allowWarnings=True):
        hooks = webhook.registration(stage.certificate)
        for hook in hooks["webhooks"]:
            del hook["matchConditions"]
        scenario.cluster.apply(hooks)
        scenario.kubectl("patch", "virtualservice", "bad", "--type=merge", "-p", json.dumps(_OTHER_STATUS))
        found = scenario.get("virtualservice", "bad")["status"]["statuses"]
        assert "other-system" in found and "gloo-system" in found, found


@SUITE.case("an API server that speaks v1beta1 with webhooks gets errors and warnings")
def older_reviews(scenario: Scenario) -> None:
    with validated(scenario, allowWarnings=True):
        scenario.cluster.apply(webhook.registration(scenario.stage().certificate, versions=["v1beta1"]))
        late = virtual_service("late", f"late.{scenario.host}", to_upstream("nowhere", scenario.namespace))
        warned = lambda: "nowhere" in attempt(scenario, late, dry=True)[1]
        scenario.stage().wait(warned, "a warning comes by v1beta1")
        taken, said = attempt(scenario, _bad(scenario), dry=True)
        assert not taken and "regex" in said, said


@SUITE.case("fullEnvoyValidation: what only Envoy refuses is denied in its words, on its object; good ones pass")
def asks_envoy(scenario: Scenario) -> None:
    stage, own = scenario.stage(), scenario.namespace
    # A file that the control plane never opens: Envoy does.
    secure = static_upstream("secure", "127.0.0.1", 443)
    secure["spec"]["sslConfig"] = {"sslFiles": {"rootCa": "/nowhere/authority.pem"}}
    with validated(scenario, allowWarnings=True):
        taken, said = attempt(scenario, secure, dry=True)
        assert taken, f"it is refused without Envoy: {said}"
    with validated(scenario, allowWarnings=True, fullEnvoyValidation=True):
        # A dry run leaves no trace in later verdicts.
        denied = lambda: not attempt(scenario, secure, dry=True)[0]
        stage.wait(denied, "Settings are in force")
        begin = time.monotonic()
        taken, said = attempt(scenario, _good(scenario))
        assert taken and "Envoy" not in said, said
        scenario.note(f"kubectl apply of a good object took {time.monotonic() - begin:.2f} s")
        stage.await_answer(scenario.host, body="good")
        for _ in range(2):
            taken, said = attempt(scenario, secure)
            assert not taken and "Envoy refuses it" in said and "/nowhere/authority.pem" in said, said
            assert f"Upstream {own}/secure" in said, said
        assert not scenario.kubectl("get", "upstreams", "-o", "name"), "it is stored"
