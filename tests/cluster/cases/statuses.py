"""What the control plane says about objects, in them; and that a bad one hurts no other."""

import json
import socket
from typing import Any

from harness.ports import free_port
from harness.scenario import Suite
from support import webhook
from support.cluster import Object
from support.control_plane import SYSTEM
from support.objects import (
    gateway,
    kube_upstream,
    meta,
    says,
    static_upstream,
    to_service,
    to_upstream,
    upstream,
    virtual_service,
)
from support.scenario import Scenario

SUITE = Suite()
_PROXY = "*v1.Proxy.gateway-proxy_gloo-system"
_REJECTED = (2, "Rejected")
_BAD_REGEX = {
    "matchers": [{"regex": "(unclosed"}],
    "directResponseAction": {"status": 200, "body": "never"},
}


@SUITE.case("a bad VirtualService is rejected with the field; others serve, and change")
def bad_virtual_service(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    scenario.apply(virtual_service("good", host, says("good")))
    stage.await_answer(host, body="good")
    scenario.apply(virtual_service("bad", f"bad.{host}", _BAD_REGEX))
    stage.await_state("virtualservice", "bad", own, "Rejected", "regex")
    scenario.apply(virtual_service("good", host, says("still good")))
    stage.await_answer(host, body="still good")
    stage.await_state("virtualservice", "good", own, "Accepted")
    scenario.apply(virtual_service("bad", f"bad.{host}", says("mended")))
    stage.await_answer(f"bad.{host}", body="mended")
    stage.await_state("virtualservice", "bad", own, "Accepted")


@SUITE.case("an edit that is bad serves the last good version, also after a restart")
def last_good(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    scenario.apply(virtual_service("edited", host, says("last good")))
    stage.await_answer(host, body="last good")
    scenario.apply(virtual_service("edited", host, _BAD_REGEX))
    stage.await_state("virtualservice", "edited", own, "Rejected", "regex")
    stage.await_answer(host, body="last good")
    stage.await_kept("last good")
    stage.control_plane.restart()
    stage.control_plane.wait_ready()
    fresh = stage.other_proxy()
    try:
        fresh.wait_ready()
        stage.wait(lambda: "last good" in fresh.routes(), "a new Envoy has the last good version")
    finally:
        fresh.stop()
    stage.await_answer(host, body="last good")


@SUITE.case("a missing Upstream is a warning until it comes")
def missing_upstream(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    scenario.deploy_echo()
    scenario.apply(
        virtual_service("all", host, to_upstream("late", own, "/late"), says("others"))
    )
    stage.await_answer(host, body="others")
    stage.await_state("virtualservice", "all", own, "Warning", "late")
    answer = stage.ask(host, "/late")
    assert answer.status in (500, 503), answer
    scenario.apply(kube_upstream("late", "echo", own))
    stage.await_answer(host, body='"path": "/late"', path="/late")
    stage.await_state("virtualservice", "all", own, "Accepted")


@SUITE.case("an Upstream without its Service says so; its route answers 503, and nothing else is hurt")
def missing_service(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    scenario.apply(
        kube_upstream("alone", "nowhere", own),
        virtual_service("all", host, to_upstream("alone", own, "/alone"), says("others")),
    )
    stage.await_answer(host, body="others")
    assert stage.ask(host, "/alone").status == 503
    state = stage.await_written("upstream", "alone", own)
    assert state["state"] in ("Warning", "Rejected") and "nowhere" in json.dumps(state), state


@SUITE.case("entries of other writers stay, and the same content is written once")
def other_writers(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    scenario.apply(virtual_service("all", host, says("hello")))
    stage.await_state("virtualservice", "all", own, "Accepted")
    other = {"status": {"statuses": {"other-system": {"state": 1, "reportedBy": "gateway"}}}}
    scenario.kubectl("patch", "virtualservice", "all", "--type=merge", "-p", json.dumps(other))
    bad = {"spec": {"virtualHost": {"routes": [_BAD_REGEX]}}}
    scenario.kubectl("patch", "virtualservice", "all", "--type=merge", "-p", json.dumps(bad))
    stage.await_state("virtualservice", "all", own, "Rejected")
    found = scenario.get("virtualservice", "all")
    assert found["status"]["statuses"]["other-system"] == other["status"]["statuses"]["other-system"]
    # What is new in another object has been seen after this one, so this one was looked at again.
    scenario.apply(virtual_service("next", f"next.{host}", says("next")))
    stage.await_state("virtualservice", "next", own, "Accepted")
    version = scenario.get("virtualservice", "all")["metadata"]["resourceVersion"]
    assert version == found["metadata"]["resourceVersion"], "it was written again"


@SUITE.case("an edit of labels and annotations changes nothing at the proxies")
def same_content(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    scenario.deploy_echo()
    scenario.apply(virtual_service("all", host, to_service("echo", own)))
    stage.await_answer(host, body="echo-")
    stage.await_state("virtualservice", "all", own, "Accepted")
    stage.await_quiet()
    before = stage.proxy.updates(tables=True)
    for number in range(5):
        scenario.kubectl("annotate", "virtualservice", "all", f"note={number}", "--overwrite")
    scenario.kubectl("annotate", "service", "echo", "note=1")
    scenario.apply(upstream("marker", static={"hosts": [{"addr": "127.0.0.1", "port": 1}]}))
    stage.await_state("upstream", "marker", own, "Accepted")
    after = stage.proxy.updates(tables=True)
    assert after == before, (before, after)


@SUITE.case("what an Envoy refuses of a route table stands on the VirtualService, also for its proxy, until it is mended")
def table_refused(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    scenario.apply(virtual_service("all", host, says("first")))
    stage.await_answer(host, body="first")
    # This Envoy takes short regexes only, which nobody else can know.
    strict = stage.other_proxy(runtime={"re2.max_program_size.error_level": 20})
    try:
        strict.wait_ready()
        stage.wait(lambda: host in strict.routes(), "it has the table")
        before = stage.control_plane.metric("k8sgateway_xds_nacks_total")
        long_regex = {**says("never"), "matchers": [{"regex": "/[a-z]{1,15}"}]}
        scenario.apply(virtual_service("all", host, long_regex))
        status = stage.await_state("virtualservice", "all", own, "Rejected", "Envoy refused", "program size")
        of_proxy = status["subresourceStatuses"][_PROXY]
        assert of_proxy["state"] in _REJECTED and "program size" in of_proxy["reason"], status
        assert of_proxy["reportedBy"] == "gloo" and status["reportedBy"] == "gateway", status
        assert stage.control_plane.metric("k8sgateway_xds_nacks_total") == before + 1
        # It keeps the table that it had, takes what is of other types, and is not told the same again and again.
        assert "first" in strict.routes() and "{1,15}" not in strict.routes()
        clusters = strict.stat("cluster_manager.cluster_added")
        scenario.apply(
            static_upstream("later", "127.0.0.1", 1),
            virtual_service("later", f"later.{host}", to_upstream("later", own)),
        )
        stage.wait(lambda: strict.stat("cluster_manager.cluster_added") > clusters, "it takes a new cluster")
        stage.await_state("virtualservice", "later", own, "Accepted")
        scenario.apply(virtual_service("all", host, says("mended")))
        stage.wait(lambda: "mended" in strict.routes(), "it takes tables again")
        status = stage.await_state("virtualservice", "all", own, "Accepted")
        assert not status.get("reason") and not status["subresourceStatuses"][_PROXY].get("reason"), status
    finally:
        strict.stop()


@SUITE.case("what an Envoy refuses of a listener stands on the Gateway, also for its proxy, until it is mended")
def listener_refused(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    kind = "gateways.gateway.solo.io"
    scenario.apply(virtual_service("all", host, says("first")))
    stage.await_answer(host, body="first")
    scenario.cleanup.callback(scenario.cluster.kubectl, "-n", SYSTEM, "delete", kind, own)
    # Somebody else listens there, which no control plane can see.
    with socket.create_server(("0.0.0.0", free_port()), reuse_port=False) as taken:
        scenario.apply(gateway(own, taken.getsockname()[1]))
        status = stage.await_state(kind, own, SYSTEM, "Rejected", "Envoy refused", "Address already in use")
        of_proxy = status["subresourceStatuses"][_PROXY]
        assert of_proxy["state"] in _REJECTED and "Address already in use" in of_proxy["reason"], status
        scenario.apply(virtual_service("all", host, says("second")))
        stage.await_answer(host, body="second")
        stage.await_state("virtualservice", "all", own, "Accepted")
    scenario.apply(gateway(own, free_port()))
    status = stage.await_state(kind, own, SYSTEM, "Accepted")
    assert not status.get("reason") and not status["subresourceStatuses"][_PROXY].get("reason"), status


@SUITE.case("what an Envoy refuses of a cluster stands on the Upstream until it is mended; it is told once, and the rest goes on")
def cluster_refused(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    before = stage.control_plane.metric("k8sgateway_xds_nacks_total")
    # A file that the control plane never opens: Envoy does.
    secure = static_upstream("secure", "127.0.0.1", 1)
    secure["spec"]["sslConfig"] = {"sslFiles": {"rootCa": "/nowhere/authority.pem"}}
    service = lambda word: virtual_service("all", host, to_upstream("secure", own, "/secure"), says(word))
    scenario.apply(secure, service("first"))
    stage.await_state("upstream", "secure", own, "Rejected", "Envoy refused", "/nowhere/authority.pem")
    stage.await_answer(host, body="first")
    assert stage.ask(host, "/secure").status in (500, 503)
    scenario.apply(service("second"))
    stage.await_answer(host, body="second")
    assert stage.control_plane.metric("k8sgateway_xds_nacks_total") == before + 1
    scenario.apply(static_upstream("secure", "127.0.0.1", 1))
    stage.await_state("upstream", "secure", own, "Accepted")


def _unread(api: str, kind: str, name: str, **spec: Any) -> Object:
    return {"apiVersion": api, "kind": kind, "metadata": meta(name), "spec": spec}


def _limits(name: str, **descriptor: Any) -> Object:
    return _unread("ratelimit.solo.io/v1alpha1", "RateLimitConfig", name, raw={"descriptors": [descriptor]})


def _users(**server: str) -> Object:
    check = {"passThroughAuth": {"grpc": {"address": "a:1", **server}}}
    return _unread("enterprise.gloo.solo.io/v1", "AuthConfig", "users", configs=[check])


@SUITE.case("AuthConfigs and RateLimitConfigs are Accepted when they can be read, else the field is told")
def unread_kinds(scenario: Scenario) -> None:
    stage, own = scenario.stage(), scenario.namespace

    def await_limits(state: str, words: str) -> Object:
        def there() -> Object:
            found: Object = scenario.get("ratelimitconfig", "limits")
            status = found.get("status") or {}
            now = status.get("observedGeneration") == found["metadata"]["generation"]
            return found if now and status["state"] == state and words in status.get("message", "") else {}

        found: Object = stage.wait(there, f"the RateLimitConfig is {state} with {words!r}")
        return found

    scenario.apply(
        _limits("limits", key="generic_key", value="login"),
        _users(),
        _unread("gateway.gloo.solo.io/v1alpha1", "GatewayParameters", "small", kube={"deployment": {"replicas": 1}}),
        _unread("gateway.gloo.solo.io/v1alpha1", "DirectResponse", "gone", status=410),
    )
    await_limits("ACCEPTED", "Enterprise edition")
    stage.await_state("authconfig", "users", own, "Accepted", "Enterprise edition")
    # The API server keeps what the schema of this kind does not know.
    scenario.apply(_limits("limits", ky="generic_key"))
    await_limits("REJECTED", "raw.descriptors[0].ky")
    scenario.apply(_users(connectionTimeout="soon"))
    stage.await_state("authconfig", "users", own, "Rejected", "configs[0].passThroughAuth.grpc.connectionTimeout")
    scenario.apply(_limits("limits", key="mended"), _users(connectionTimeout="3s"))
    found = await_limits("ACCEPTED", "Enterprise edition")
    stage.await_state("authconfig", "users", own, "Accepted", "Enterprise edition")
    for kind, name in (("gatewayparameters", "small"), ("directresponse", "gone")):
        assert not scenario.get(kind, name).get("status"), f"{kind} has a status"
    # What comes after it has been seen, so this was looked at again, and is not written twice.
    scenario.apply(virtual_service("next", f"next.{scenario.host}", says("next")))
    stage.await_state("virtualservice", "next", own, "Accepted")
    version = scenario.get("ratelimitconfig", "limits")["metadata"]["resourceVersion"]
    assert version == found["metadata"]["resourceVersion"], "it was written again"
    verdict = lambda one: json.loads(webhook.ask(webhook.review(one))[1])["response"]
    denied = verdict(_limits("other", ky="generic_key"))
    assert not denied["allowed"] and "raw.descriptors[0].ky" in denied["status"]["message"], denied
    allowed = verdict(_limits("other", key="generic_key"))
    assert allowed["allowed"] and "Enterprise edition" in allowed["warnings"][0], allowed
