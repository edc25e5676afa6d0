"""`k8sgateway check` on installations in which something is wrong, for real, one thing after the other."""

import base64
import contextlib
import json
import os
import pathlib
import signal
import tempfile
from typing import Any, Iterator

from harness.certificates import Authority
from harness.scenario import Suite
from harness.waiting import wait_until
from support.cli import Cli
from support.objects import gateway, says, virtual_service
from support.release import Release, values
from support.scenario import Scenario, await_answer

SUITE = Suite()
_SECONDS = 90
_ADMIN_PORT = 19000
_OF_NOBODY = {"apiGroups": ["nobody.test"], "resources": ["*"]}


class _Installed:
    """A release in the namespace of the case, which serves; and what `check` says of it."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.cli = Cli(scenario)
        scenario.install_definitions()
        Release(scenario).install(values(settings={"singleNamespace": True, "ipV4Only": True}))
        self.say("hello")
        await_answer(scenario.balanced("gateway-proxy"), 80, "hello", "site.test", _SECONDS)
        self.expect_nothing()

    def say(self, text: str) -> None:
        self.scenario.apply(virtual_service("site", "site.test", says(text)))

    def problems(self) -> list[dict[str, Any]]:
        return self.cli.problems("-n", self.scenario.namespace)

    def expect_nothing(self) -> None:
        wait_until(lambda: not self.problems(), "check finds nothing", _SECONDS)

    def expect(self, section: str, *texts: str) -> dict[str, Any]:
        """An error of a section with all of these texts, which names an object of the case and says what to do."""
        last: list[dict[str, Any]] = []

        def found() -> dict[str, Any]:
            last[:] = self.problems()
            of_it = (one for one in last if one["section"] == section and one["severity"] == "error")
            return next((one for one in of_it if all(text in one["message"] for text in texts)), {})

        try:
            told: dict[str, Any] = wait_until(found, f"{section} tells {texts}", _SECONDS)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; it tells {json.dumps(last, indent=1)}") from None
        assert told["mend"], told
        return told

    def proxy_pod(self) -> str:
        (pod,) = self.scenario.get("pods", "-l", "gateway-proxy-id=gateway-proxy")["items"]
        return str(pod["metadata"]["name"])

    @contextlib.contextmanager
    def frozen_envoy(self) -> Iterator[None]:
        """Envoy itself, not its parent, does nothing in this time; its connections stay open."""
        (pid,) = self.scenario.pids(lambda entry: (entry / "comm").read_text().strip() == "envoy")
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


@SUITE.case("check: what an Envoy refuses is told with its pod, until it is mended")
def refuses(scenario: Scenario) -> None:
    installed = _Installed(scenario)
    # Where Envoy's own admin port is, which nobody but Envoy can know.
    taken = gateway("taken", _ADMIN_PORT, scenario.namespace)
    scenario.apply(taken)
    told = installed.expect("xds-metrics", "Envoy refuses the newest version of listener", str(_ADMIN_PORT))
    assert told["object"] == f"Pod {scenario.namespace}/{installed.proxy_pod()}", told
    assert "k8sgateway get" in told["mend"], told
    # The control plane writes statuses a moment after it knows, and when it leads.
    status = lambda: installed.cli("get", "gateway", "taken", "-n", scenario.namespace)
    wait_until(lambda: "Rejected" in status(), "its status says so", _SECONDS)
    scenario.kubectl("delete", "gateway", "taken")
    installed.expect_nothing()


@SUITE.case("check: an Envoy that does not take the newest configuration is stale, and when it is not ready it is told")
def stale(scenario: Scenario) -> None:
    installed = _Installed(scenario)
    pod = f"Pod {scenario.namespace}/{installed.proxy_pod()}"
    with installed.frozen_envoy():
        installed.say("newer")
        told = installed.expect("xds-metrics", "it is stale", "routes")
        assert told["object"] == pod and "kubectl" in told["mend"], told
        told = installed.expect("xds-metrics", "it is not ready, and its Envoy cannot be asked")
        assert told["object"] == pod and "describe pod" in told["mend"], told
    await_answer(scenario.balanced("gateway-proxy"), 80, "newer", "site.test", _SECONDS)
    installed.expect_nothing()


@SUITE.case("check: Envoys that are not connected, and one that has never been")
def not_connected(scenario: Scenario) -> None:
    installed = _Installed(scenario)
    scenario.kubectl("scale", "deployment/gloo", "--replicas=0")
    told = installed.expect("xds-metrics", "not connected to the control plane")
    assert told["object"] == f"Pod {scenario.namespace}/{installed.proxy_pod()}", told
    assert "does a gloo pod run" in told["mend"], told
    scenario.kubectl("delete", "pod", "-l", "gateway-proxy-id=gateway-proxy")
    installed.expect("xds-metrics", "Envoy waits for its first configuration")
    scenario.kubectl("scale", "deployment/gloo", "--replicas=1")
    installed.expect_nothing()


def _secret(name: str, pair: pathlib.Path, kind: str = "kubernetes.io/tls") -> dict[str, Any]:
    files = {file: (pair / file).read_text() for file in ("tls.crt", "tls.key", "ca.crt")}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": kind, "stringData": files}


@SUITE.case("check: pods that do not run, and certificates that end: of virtual services, of mTLS, of the webhook")
def certificates(scenario: Scenario) -> None:
    cli, namespace = Cli(scenario), scenario.namespace
    scenario.install_definitions()
    none = cli("check", "-n", namespace, code=1)
    assert "no installation" in none and "k8sgateway install" in none, none
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        authority = Authority(folder)
        soon = authority.issue(folder / "soon", "site.test", days=5)
        ended = authority.issue(folder / "ended", "site.test", days=-1)
        scenario.apply(
            _secret("site", soon),
            _secret("gloo-mtls-certs", ended, "Opaque"),
            _secret("my-webhook", soon, "Opaque"),
        )
        bundle = (soon / "ca.crt").read_bytes()
    reference = {"secretRef": {"name": "site", "namespace": namespace}}
    scenario.apply(virtual_service("site", "site.test", says("hello"), sslConfig=reference))
    _register_webhook(scenario, bundle)
    labels = {"app": "gloo", "gloo": "gloo"}
    container = {"name": "gloo", "image": "k8sgateway.test/none:1", "imagePullPolicy": "Never"}
    volumes = [
        {"name": "validation-certs", "secret": {"secretName": "my-webhook", "optional": True}},
        {"name": "gloo-mtls-certs", "secret": {"secretName": "gloo-mtls-certs", "optional": True}},
    ]
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [container], "volumes": volumes}}
    scenario.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "gloo", "labels": labels},
            "spec": {"selector": {"matchLabels": labels}, "template": pod},
        }
    )
    problems = lambda: cli.problems("-n", namespace)
    wait_until(lambda: "ErrImageNeverPull" in json.dumps(problems()), "the image is told", 60)
    told = problems()
    text = json.dumps(told)
    assert "0 of 1 replicas" in text and "global.image" in text, text
    # The authority of both ends soon, too: it is told of who mounts it.
    for secret, section, severity, words in (
        ("site", "secrets", "warning", "ends in 4 days"),
        ("gloo-mtls-certs", "secrets", "error", "has ended"),
        ("my-webhook", "webhooks", "warning", "ends in 4 days"),
    ):
        about = [one for one in told if one["object"] == f"Secret {namespace}/{secret}" and words in one["message"]]
        assert about and (about[0]["section"], about[0]["severity"]) == (section, severity), text
        assert about[0]["mend"], text
    mtls = json.dumps([one for one in told if one["object"].endswith("/gloo-mtls-certs")])
    assert "Deployment" in mtls and "has it mounted" in mtls, mtls
    scenario.kubectl("delete", "secret", "gloo-mtls-certs")
    assert "needs it for mTLS" in json.dumps(problems())


def _register_webhook(scenario: Scenario, bundle: bytes) -> None:
    """As the chart does, but for objects of nobody: nothing may wait for this one."""
    name = f"check-{scenario.namespace}"
    service = {"namespace": scenario.namespace, "name": "gloo", "path": "/validation", "port": 443}
    scenario.cluster.apply(
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": name},
            "webhooks": [
                {
                    "name": "gloo.check.svc",
                    "clientConfig": {"service": service, "caBundle": base64.b64encode(bundle).decode()},
                    "rules": [{**_OF_NOBODY, "apiVersions": ["v1"], "operations": ["CREATE"]}],
                    "sideEffects": "None",
                    "admissionReviewVersions": ["v1"],
                    "failurePolicy": "Ignore",
                }
            ],
        }
    )
    scenario.cleanup.callback(scenario.cluster.attempt, "delete", "validatingwebhookconfiguration", name)
