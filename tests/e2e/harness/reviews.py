"""AdmissionReviews as an API server sends them, over HTTPS, and the answers."""

import dataclasses
import http.client
import json
import ssl
from typing import Any

Object = dict[str, Any]
# As the webhook: the rest is cut, and counted.
_LONGEST, _MOST_WARNINGS, _MOST_REASONS = 1000, 20, 50


def key_of(one: Object) -> str:
    """As problems name an object."""
    return f"{one['kind']} {one['metadata']['namespace']}/{one['metadata']['name']}"


def cut(text: str) -> str:
    """As long as a text in an answer may be."""
    data = text.encode()
    return text if len(data) <= _LONGEST else data[:_LONGEST].decode(errors="ignore") + "…"


def review(operation: str, one: Object, old: Object | None = None, dry: bool = True) -> bytes:
    """`one` is the object as it would be, or the one that goes."""
    group, _, version = one["apiVersion"].rpartition("/")
    meta = one.get("metadata") or {}
    is_namespace = one["kind"] == "Namespace"
    request = {
        "uid": "0123",
        "kind": {"group": group, "version": version, "kind": one["kind"]},
        "name": meta.get("name", ""),
        "namespace": meta.get("name", "") if is_namespace else meta.get("namespace", ""),
        "operation": operation,
        "dryRun": dry,
        "object": None if operation == "DELETE" else one,
        "oldObject": one if operation == "DELETE" else old,
    }
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()


@dataclasses.dataclass
class Answer:
    """A verdict, and its words: warnings when it allows, reasons when it denies."""

    allowed: bool
    words: set[str]

    def says(self, words: set[str]) -> bool:
        """Whether it says these and no others, as far as an answer has room."""
        most = _MOST_WARNINGS if self.allowed else _MOST_REASONS
        wanted = {cut(one) for one in words}
        return self.words == wanted if len(wanted) <= most else self.words <= wanted and len(self.words) == most


class Asker:
    """A connection to the webhook of a port that trusts one certificate."""

    def __init__(self, port: int, certificate: str) -> None:
        context = ssl.create_default_context(cafile=certificate)
        context.check_hostname = False
        self._connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=60)

    def __call__(self, body: bytes) -> Answer:
        self._connection.request("POST", "/validation?timeout=30s", body, {"content-type": "application/json"})
        answer = self._connection.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, f"{answer.status}: {text}"
        response = json.loads(text)["response"]
        assert response["uid"] == "0123", text
        if response["allowed"]:
            assert "status" not in response, text
            return Answer(True, set(response.get("warnings") or []))
        assert response["status"]["message"].startswith("resource incompatible with current snapshot: ["), text
        return Answer(False, {one["message"] for one in response["status"]["details"]["causes"]})

    def close(self) -> None:
        self._connection.close()


def list_of(items: list[Object]) -> Object:
    return {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items}
