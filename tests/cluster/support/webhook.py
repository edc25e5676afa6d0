"""The validating webhook, as the chart registers it, but by an address: the control plane is a process, no pod."""

import base64
import http.client
import json
import os
import pathlib
import shutil
import ssl
import subprocess
from typing import Sequence

import yaml

from .cluster import Cluster, Object

PORT = 8443
NAME = "gloo-gateway-validation-webhook-gloo-system"


class Certificate:
    """The files that Settings name, first with what the cluster's authority signed; they may be replaced."""

    def __init__(self, cluster: Cluster, folder: pathlib.Path) -> None:
        self.certificate, self.key = folder / "webhook.crt", folder / "webhook.key"
        self._pki = cluster.folder / "pki"
        self.authority = self._pki / "ca.crt"
        self.restore()

    def restore(self) -> None:
        self._put((self._pki / "apiserver.crt").read_text(), (self._pki / "apiserver.key").read_text())
        self.authority = self._pki / "ca.crt"

    def replace(self, folder: pathlib.Path) -> None:
        """One that signs itself, so the registration must name it."""
        certificate, key = folder / "new.crt", folder / "new.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
            + ["-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=webhook"]
            + ["-addext", "subjectAltName=IP:172.30.0.1"],
            check=True,
            capture_output=True,
        )
        self._put(certificate.read_text(), key.read_text())
        self.authority = folder / "authority.crt"
        shutil.copy(certificate, self.authority)

    def break_it(self) -> None:
        """As when somebody is in the middle of writing."""
        self._put(self.certificate.read_text()[:200], self.key.read_text())

    def mismatch(self, folder: pathlib.Path) -> None:
        """A key that belongs to no certificate of ours."""
        key = folder / "other.key"
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key],
                       check=True, capture_output=True)
        self._put(self.certificate.read_text(), key.read_text())

    def expire(self, folder: pathlib.Path) -> None:
        """One of the cluster's authority, for this address, that ended a day ago."""
        names, request, certificate = folder / "names", folder / "request", folder / "expired.crt"
        names.write_text("subjectAltName=IP:172.30.0.1")
        key = self._pki / "apiserver.key"
        ca = ["-CA", self._pki / "ca.crt", "-CAkey", self._pki / "ca.key", "-CAcreateserial", "-days", "-1"]
        for words in (
            ["req", "-new", "-key", key, "-subj", "/CN=webhook", "-out", request],
            ["x509", "-req", "-in", request, *ca, "-extfile", names, "-out", certificate],
        ):
            subprocess.run(["openssl", *words], check=True, capture_output=True)
        self._put(certificate.read_text(), key.read_text())

    def _put(self, certificate: str, key: str) -> None:
        for path, text in ((self.key, key), (self.certificate, certificate)):
            part = path.with_suffix(".part")
            part.write_text(text)
            os.replace(part, path)


def _conditions() -> list[Object]:
    """Those of the chart."""
    golden = pathlib.Path(__file__).parents[2] / "chart" / "golden" / "default.yaml"
    for rendered in yaml.safe_load_all(golden.read_text()):
        if rendered and rendered["kind"] == "ValidatingWebhookConfiguration":
            return rendered["webhooks"][0]["matchConditions"]
    raise LookupError(f"{golden} has no webhook")


_CONDITIONS = _conditions()


def registration(
    certificate: Certificate, policy: str = "Fail", seconds: int = 10, versions: Sequence[str] = ("v1", "v1beta1")
) -> Object:
    """Our kinds, as `policy` says when nobody answers; Secrets and Namespaces are never held up."""
    bundle = base64.b64encode(certificate.authority.read_bytes()).decode()

    def hook(name: str, failure: str, rules: list[Object]) -> Object:
        return {
            "name": f"{name}.gloo-system.svc",
            "clientConfig": {"url": f"https://172.30.0.1:{PORT}/validation", "caBundle": bundle},
            "rules": rules,
            "sideEffects": "None",
            "matchPolicy": "Exact",
            "timeoutSeconds": seconds,
            "admissionReviewVersions": list(versions),
            "failurePolicy": failure,
            "matchConditions": list(_CONDITIONS),
        }

    every = ["CREATE", "UPDATE", "DELETE"]
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": NAME},
        "webhooks": [
            hook(
                "gloo",
                policy,
                [
                    _rule(every, "gateway.solo.io", "virtualservices", "routetables"),
                    _rule(every[:2], "gateway.solo.io", "gateways"),
                    _rule(every, "gloo.solo.io", "upstreams"),
                ],
            ),
            hook(
                "kube",
                "Ignore",
                [
                    _rule(["DELETE"], "", "secrets"),
                    _rule(["UPDATE", "DELETE"], "", "namespaces"),
                ],
            ),
        ],
    }


def _rule(operations: list[str], group: str, *resources: str) -> Object:
    return {
        "operations": operations,
        "apiGroups": [group],
        "apiVersions": ["v1"],
        "resources": list(resources),
    }


def review(one: Object, operation: str = "CREATE") -> bytes:
    """An AdmissionReview as the API server writes it, but of any object: no API server has looked at this one."""
    group, _, version = one["apiVersion"].rpartition("/")
    kind, meta = {"group": group, "version": version, "kind": one["kind"]}, {"namespace": "default", **one["metadata"]}
    names = {key: meta[key] for key in ("name", "namespace")}
    request = {"uid": "u", "kind": kind, "operation": operation, "dryRun": True, **names}
    request["oldObject" if operation == "DELETE" else "object"] = {**one, "metadata": meta}
    return json.dumps(
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    ).encode()


def connect(seconds: float = 15, address: str = "172.30.0.1", port: int = PORT) -> http.client.HTTPSConnection:
    """To the webhook, without the API server."""
    context = ssl._create_unverified_context()  # pylint: disable=protected-access
    return http.client.HTTPSConnection(address, port, context=context, timeout=seconds)


def ask(body: bytes, address: str = "172.30.0.1", port: int = PORT) -> tuple[int, str]:
    """The status and the body of the answer."""
    connection = connect(address=address, port=port)
    try:
        connection.request("POST", "/validation", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
