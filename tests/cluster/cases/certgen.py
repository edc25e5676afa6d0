"""`k8sgateway certgen` with the real API server."""

import base64
import contextlib
import http.server
import json
import pathlib
import ssl
import subprocess
import tempfile
import threading
import time
from typing import Any, Iterator

import yaml

from harness.process import Process, binary
from harness.scenario import Suite
from harness.waiting import wait_until
from support.cluster import Object
from support.scenario import Scenario

SUITE = Suite()
_NODE = "172.30.0.1"
_SECRET = "gateway-validation-certs"
_RIGHTS = [
    {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "create", "patch"]},
    {
        "apiGroups": ["admissionregistration.k8s.io"],
        "resources": ["validatingwebhookconfigurations"],
        "verbs": ["get", "patch"],
    },
]


class _Certgen:
    """What certgen is run with in a case: an account that may do what its help names, and a webhook of its own."""

    def __init__(self, scenario: Scenario, folder: pathlib.Path) -> None:
        self.scenario = scenario
        self.name = f"certgen-{scenario.namespace}"
        self._kubeconfig = folder / "certgen.conf"
        self._folder = folder
        self._grant()

    def _grant(self) -> None:
        namespace = self.scenario.namespace
        api = "rbac.authorization.k8s.io"
        self.scenario.cluster.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "certgen", "namespace": namespace}},
            {"apiVersion": f"{api}/v1", "kind": "ClusterRole", "metadata": {"name": self.name}, "rules": _RIGHTS},
            {
                "apiVersion": f"{api}/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": self.name},
                "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": self.name},
                "subjects": [{"kind": "ServiceAccount", "name": "certgen", "namespace": namespace}],
            },
        )
        for kind in ("clusterrole", "clusterrolebinding", "validatingwebhookconfiguration"):
            self.scenario.cleanup.callback(
                self.scenario.cluster.kubectl, "delete", kind, self.name, "--ignore-not-found"
            )
        token = self.scenario.kubectl("create", "token", "certgen").strip()
        admin = yaml.safe_load((self.scenario.cluster.folder / "admin.conf").read_text())
        account = {**admin, "users": [{"name": "admin", "user": {"token": token}}]}
        self._kubeconfig.write_text(yaml.safe_dump(account))

    def register(self, policy: str = "Ignore") -> None:
        """Two webhooks, of which one calls the Service; it is asked about the ConfigMaps of the case."""

        def hook(name: str, service: str) -> Object:
            where = {"name": service, "namespace": self.scenario.namespace, "path": "/"}
            return {
                "name": name,
                "clientConfig": {"service": where},
                "rules": [
                    {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
                ],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.scenario.namespace}},
                "objectSelector": {"matchLabels": {"asks": service}},
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "failurePolicy": policy,
                "timeoutSeconds": 5,
            }

        self.scenario.cluster.apply(
            {
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "ValidatingWebhookConfiguration",
                "metadata": {"name": self.name},
                "webhooks": [hook("ours.example.com", "gloo"), hook("theirs.example.com", "other")],
            }
        )

    def arguments(self, *more: str) -> list[str]:
        flags = {
            "--kubeconfig": str(self._kubeconfig),
            "--svc-name": "gloo",
            "--svc-namespace": self.scenario.namespace,
            "--secret-name": _SECRET,
            "--validating-webhook-configuration-name": self.name,
        }
        words = [word for pair in flags.items() for word in pair]
        return [str(binary(self.scenario.preset)), "certgen", *words, *more]

    def run(self, *more: str) -> str:
        """Runs it to its good end; returns its log."""
        done = subprocess.run(self.arguments(*more), capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr}"
        return done.stderr

    def start(self, *more: str) -> Process:
        process = Process(self.arguments(*more))
        self.scenario.cleanup.callback(process.stop)
        return process

    def secret(self) -> Any:
        return self.scenario.get("secret", _SECRET)

    def part(self, key: str) -> bytes:
        return base64.b64decode(self.secret()["data"][key])

    def webhooks(self) -> Any:
        return self.scenario.cluster.get("validatingwebhookconfiguration", self.name)

    def bundles(self) -> dict[str, bytes]:
        found = self.webhooks()["webhooks"]
        return {one["name"]: base64.b64decode(one["clientConfig"].get("caBundle", "")) for one in found}

    def verify(self) -> None:
        """As OpenSSL's own program sees it."""
        for key in ("tls.crt", "ca.crt"):
            (self._folder / key).write_bytes(self.part(key))
        command = ["openssl", "verify", "-purpose", "sslserver", "-verify_hostname"]
        command += [f"gloo.{self.scenario.namespace}.svc", "-CAfile", "ca.crt", "tls.crt"]
        subprocess.run(command, cwd=self._folder, check=True, capture_output=True)


@contextlib.contextmanager
def _certgen(scenario: Scenario) -> Iterator[_Certgen]:
    with tempfile.TemporaryDirectory() as folder:
        yield _Certgen(scenario, pathlib.Path(folder))


@SUITE.case("certgen: makes the Secret, and the webhook trusts it; a second run writes nothing")
def makes(scenario: Scenario) -> None:
    with _certgen(scenario) as certgen:
        certgen.register()
        assert "certificate made" in certgen.run()
        secret = certgen.secret()
        assert secret["type"] == "kubernetes.io/tls"
        assert set(secret["data"]) == {"tls.crt", "tls.key", "ca.crt"}, set(secret["data"])
        certgen.verify()
        bundles = certgen.bundles()
        assert bundles["ours.example.com"] == certgen.part("ca.crt")
        assert bundles["theirs.example.com"] == b""
        versions = [one["metadata"]["resourceVersion"] for one in (secret, certgen.webhooks())]
        assert "nothing to do" in certgen.run()
        again = [one["metadata"]["resourceVersion"] for one in (certgen.secret(), certgen.webhooks())]
        assert again == versions
        # Registered anew, without a bundle: set again, though the certificate is as it was.
        scenario.cluster.kubectl("delete", "validatingwebhookconfiguration", certgen.name)
        certgen.register()
        assert "caBundle is set" in certgen.run()
        assert certgen.bundles()["ours.example.com"] == certgen.part("ca.crt")


@SUITE.case("certgen: what is broken is replaced, what is foreign in the Secret is left")
def replaces(scenario: Scenario) -> None:
    with _certgen(scenario) as certgen:
        certgen.register()
        certgen.run()
        before = certgen.part("tls.crt")
        patch = {"metadata": {"labels": {"kept": "yes"}}, "data": {"tls.key": "eA==", "more": "eA=="}}
        scenario.kubectl("patch", "secret", _SECRET, "-p", json.dumps(patch))
        said = certgen.run()
        assert "certificate replaced" in said and "private key" in said, said
        secret = certgen.secret()
        assert secret["metadata"]["labels"] == {"kept": "yes"} and secret["data"]["more"] == "eA=="
        assert certgen.part("tls.crt") != before
        certgen.verify()


@SUITE.case("certgen: many at once end with one certificate that the webhook trusts")
def many(scenario: Scenario) -> None:
    with _certgen(scenario) as certgen:
        certgen.register()
        for flags in ([], ["--force-rotation", "--rotation-duration", "1s"]):
            for process in [certgen.start(*flags) for _ in range(5)]:
                assert process.wait_exit(60) == 0, process.log()
            certgen.verify()
            assert certgen.bundles()["ours.example.com"] == certgen.part("ca.crt")
            assert certgen.part("ca.crt").count(b"BEGIN") == 1
            assert set(certgen.secret()["data"]) == {"tls.crt", "tls.key", "ca.crt"}


@SUITE.case("certgen: no such webhook, and none that calls the Service, are errors that say so")
def no_webhook(scenario: Scenario) -> None:
    with _certgen(scenario) as certgen:
        missing = certgen.start()
        assert missing.wait_exit() == 1
        assert "there is no ValidatingWebhookConfiguration" in missing.log(), missing.log()
        certgen.register()
        other = certgen.start("--svc-name", "nobody")
        assert other.wait_exit() != 0
        certgen.run()


@SUITE.case("certgen: a webhook that comes later is waited for; one that does not come, done without")
def waits_for_webhook(scenario: Scenario) -> None:
    with _certgen(scenario) as certgen:
        scenario.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": _SECRET}, "type": "Opaque"})
        assert "there is no ValidatingWebhookConfiguration" in certgen.run("--wait-for-webhook", "1s")
        certgen.verify()
        waiting = certgen.start("--wait-for-webhook", "60s")
        time.sleep(1)
        assert waiting.running(), waiting.log()
        certgen.register()
        assert waiting.wait_exit() == 0, waiting.log()
        assert certgen.bundles()["ours.example.com"] == certgen.part("ca.crt")


class _Reviewer:
    """A webhook that allows everything, and serves what the Secret had a moment ago, as one that is mounted does."""

    def __init__(self, certgen: _Certgen, folder: pathlib.Path) -> None:
        self._certgen = certgen
        self._folder = folder
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.reload()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # pylint: disable=invalid-name
                review = json.loads(self.rfile.read(int(self.headers["content-length"])))
                response = {"uid": review["request"]["uid"], "allowed": True}
                body = json.dumps({**review, "request": None, "response": response}).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer((_NODE, 0), Handler)
        self._server.socket = self._context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def reload(self) -> bytes:
        """Serves what the Secret has now, from the next connection on: both of one moment, as what is mounted is."""
        data = self._certgen.secret()["data"]
        for key in ("tls.crt", "tls.key"):
            (self._folder / key).write_bytes(base64.b64decode(data[key]))
        self._context.load_cert_chain(self._folder / "tls.crt", self._folder / "tls.key")
        return (self._folder / "tls.crt").read_bytes()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _serve_at(scenario: Scenario, port: int) -> None:
    """Service gloo leads to this process."""
    scenario.apply(
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "gloo"}, "spec": {"ports": [{"port": 443}]}},
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "gloo", "labels": {"kubernetes.io/service-name": "gloo"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [_NODE]}],
            "ports": [{"port": port}],
        },
    )


@SUITE.case("certgen: a rotation breaks no call of the API server to a webhook whose files lag behind")
def rotates(scenario: Scenario) -> None:
    with _certgen(scenario) as certgen, tempfile.TemporaryDirectory() as folder:
        certgen.register("Fail")
        certgen.run()
        reviewer = _Reviewer(certgen, pathlib.Path(folder))
        scenario.cleanup.callback(reviewer.close)
        _serve_at(scenario, reviewer.port)
        asked = 0

        def ask() -> tuple[bool, str]:
            nonlocal asked
            asked += 1
            config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c{asked}", "labels": {"asks": "gloo"}}}
            text = json.dumps(config)
            return scenario.cluster.attempt("-n", scenario.namespace, "create", "-f", "-", stdin=text)

        wait_until(lambda: ask()[0], "the webhook is reached", 30)
        first = certgen.part("tls.crt")
        asked_before = asked
        rotation = certgen.start("--force-rotation", "--rotation-duration", "4s")
        served: set[bytes] = set()
        while rotation.running():
            # The mount lags behind the Secret by some reviews: it is read after them.
            for _ in range(3):
                good, said = ask()
                assert good, said
            served.add(reviewer.reload())
        assert rotation.wait_exit() == 0, rotation.log()
        assert ask()[0]
        assert len(served) == 2 and first in served, f"{len(served)} certificates were served"
        assert certgen.part("tls.crt") != first
        assert certgen.bundles()["ours.example.com"].count(b"BEGIN") == 1
        scenario.note(f"{asked - asked_before} reviews during the rotation, none refused")
