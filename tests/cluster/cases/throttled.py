"""An API server that has no time for us, as its priorities and fairness say: 429 for all that we ask."""

import base64
import contextlib
import http.client
import json
import re
import signal
import socket
import ssl
import threading
import time
from typing import Iterator

from harness import client
from harness.scenario import Suite
from support import objects
from support.cluster import Object
from support.control_plane import ACCOUNT, SYSTEM
from support.load import under_load
from support.objects import says, to_service, virtual_service
from support.scenario import Scenario

SUITE = Suite()
_HTTP = client.Target(objects.HTTP_PORT)
_RECOVERY_SECONDS = 45
_NAME = "k8sgateway-none"
# The server asks us to come back after a second; so many kinds are followed, each by itself.
_KINDS, _WATCHED_SECONDS = 25, 8


def _one_seat() -> list[Object]:
    """There is one seat for all requests of our account, and no queue: who finds it taken gets 429."""
    version = "flowcontrol.apiserver.k8s.io/v1"
    none = {"nominalConcurrencyShares": 0, "lendablePercent": 0, "borrowingLimitPercent": 0}
    resource = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": True, "namespaces": ["*"]}
    paths = {"verbs": ["*"], "nonResourceURLs": ["*"]}
    account = {"kind": "ServiceAccount", "serviceAccount": {"name": ACCOUNT, "namespace": SYSTEM}}
    rule = {"subjects": [account], "resourceRules": [resource], "nonResourceRules": [paths]}
    level = {"type": "Limited", "limited": {**none, "limitResponse": {"type": "Reject"}}}
    flow = {"priorityLevelConfiguration": {"name": _NAME}, "matchingPrecedence": 2, "rules": [rule]}
    meta = {"apiVersion": version, "metadata": {"name": _NAME}}
    return [
        {**meta, "kind": "PriorityLevelConfiguration", "spec": level},
        {**meta, "kind": "FlowSchema", "spec": flow},
    ]


def _never_answered(scenario: Scenario, port: int) -> Object:
    """A webhook of Upstreams of the case, which the API server waits for as long as it ever does."""
    authority = base64.b64encode((scenario.cluster.folder / "pki/ca.crt").read_bytes()).decode()
    rule = {"operations": ["CREATE"], "apiGroups": ["gloo.solo.io"], "apiVersions": ["v1"], "resources": ["upstreams"]}
    hook = {
        "name": "never.k8sgateway.test",
        "clientConfig": {"url": f"https://172.30.0.1:{port}/", "caBundle": authority},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": scenario.namespace}},
        "rules": [rule],
        "sideEffects": "None",
        "timeoutSeconds": 30,
        "admissionReviewVersions": ["v1"],
        "failurePolicy": "Ignore",
    }
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration"}
    return {**kind, "metadata": {"name": _NAME}, "webhooks": [hook]}


def _ask(scenario: Scenario, method: str, path: str, body: Object | None = None) -> int:
    """What our account gets for a request."""
    context = ssl.create_default_context(cafile=str(scenario.cluster.folder / "pki/ca.crt"))
    connection = http.client.HTTPSConnection("172.30.0.1", 6443, context=context, timeout=60)
    headers = {"authorization": f"Bearer {scenario.stage().account.token.read_text().strip()}"}
    with contextlib.closing(connection):
        sent = json.dumps(body).encode() if body else None
        connection.request(method, path, sent, {**headers, "content-type": "application/json"})
        return connection.getresponse().status


@contextlib.contextmanager
def _seat_taken(scenario: Scenario) -> Iterator[None]:
    """Somebody with our account has the seat."""
    path = f"/apis/gloo.solo.io/v1/namespaces/{scenario.namespace}/upstreams?dryRun=All"
    one = objects.static_upstream("never", "127.0.0.1")
    with socket.create_server(("172.30.0.1", 0)) as listener:
        scenario.cluster.apply(_never_answered(scenario, listener.getsockname()[1]))
        scenario.cleanup.callback(scenario.cluster.attempt, "delete", "validatingwebhookconfiguration", _NAME)
        end = threading.Event()

        def sit() -> None:
            while not end.is_set():
                if _ask(scenario, "POST", path, one) == 429:
                    time.sleep(0.01)

        sitting = threading.Thread(target=sit, daemon=True)
        sitting.start()
        try:
            taken = lambda: _ask(scenario, "GET", "/api/v1/pods?limit=1") == 429
            scenario.stage().wait(taken, "the seat is taken", 30)
            yield
        finally:
            end.set()
    sitting.join()


def _rejected(scenario: Scenario) -> float:
    """Requests that got 429 because of that, since the API server began."""
    text = scenario.cluster.kubectl("get", "--raw", "/metrics")
    lines = re.findall(rf'(?m)^apiserver_flowcontrol_rejected_requests_total{{.*"{_NAME}".*}} (\S+)$', text)
    return sum(map(float, lines))


def _says_why(line: str) -> bool:
    return "cannot be heard" in line and "too many requests" in line.lower()


@SUITE.case("429 for all that it asks: everything serves on, it asks seldom, and later edits come to life")
def too_many_requests(scenario: Scenario) -> None:
    stage, own, host, cluster = scenario.stage(), scenario.namespace, scenario.host, scenario.cluster
    scenario.deploy_echo()
    scenario.apply(virtual_service("all", host, to_service("echo", own)))
    stage.await_answer(host, body="echo-")
    before = stage.proxy.updates()
    process = stage.control_plane.process
    for kind in ("flowschema", "prioritylevelconfiguration"):
        scenario.cleanup.callback(cluster.attempt, "delete", kind, _NAME)
    with under_load(_HTTP, host) as load:
        mark = process.mark()
        cluster.apply(*_one_seat())
        process.signal(signal.SIGSTOP)  # so that it is not there before the seat is taken
        with contextlib.ExitStack() as sitting:
            try:
                cluster.restart_api_server()  # who watches must come again
                sitting.enter_context(_seat_taken(scenario))
            finally:
                process.signal(signal.SIGCONT)
            process.wait_line(_says_why, "it says why it hears nothing", mark, _RECOVERY_SECONDS)
            scenario.apply(virtual_service("next", f"next.{host}", says("two")))
            first = _rejected(scenario)
            time.sleep(_WATCHED_SECONDS)
            asked = _rejected(scenario) - first
            scenario.note(f"{asked / _WATCHED_SECONDS:.1f} requests a second get 429")
            assert 0 < asked <= _KINDS * _WATCHED_SECONDS, asked
            assert stage.ask(f"next.{host}").status == 404, "it heard something"
            assert stage.control_plane.metric("k8sgateway_world_age_seconds") >= _WATCHED_SECONDS
            assert process.running()
        for kind in ("flowschema", "prioritylevelconfiguration"):
            cluster.kubectl("delete", kind, _NAME)
        stage.await_answer(f"next.{host}", body="two", seconds=_RECOVERY_SECONDS)
        stage.await_state("virtualservice", "next", own, "Accepted", seconds=_RECOVERY_SECONDS)
    scenario.note(load.expect_no_failure())
    after = stage.proxy.updates()
    assert after == before, (before, after)
