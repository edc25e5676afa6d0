"""Who gets configuration when the control plane asks: proxies by the tokens of their ServiceAccounts."""

import json

from harness import client
from harness.scenario import Suite
from harness.waiting import wait_until
from support import images
from support.guarded import (
    ADMIN_PORT,
    DEBUG_PORT,
    HTTP_PORT,
    NODE,
    RECHECK_SECONDS,
    VALIDATION_PORT,
    Guarded,
    Mount,
    call,
    start_call,
    token_secret,
)
from support.load import under_load
from support.objects import meta
from support.scenario import OWN_USER, RESTRICTED, Scenario

SUITE = Suite()
_ADS = "/envoy.service.discovery.v3.AggregatedDiscoveryService"
_LDS = "/envoy.service.listener.v3.ListenerDiscoveryService"
_DELTA = f"{_ADS}/DeltaAggregatedResources"
_METHODS = (
    _DELTA,
    f"{_ADS}/StreamAggregatedResources",
    f"{_LDS}/DeltaListeners",
    f"{_LDS}/StreamListeners",
    f"{_LDS}/FetchListeners",
)
_FETCH = _METHODS[-1]
# Tokens that the API server found good, it finds good for 10 s more.
_REVOKED_SECONDS = 30
_RECOVERY_SECONDS = 45
_SECONDS = 20


@SUITE.case("identity: who has no good token gets nothing, over streams and by Fetch")
def no_good_token(scenario: Scenario) -> None:
    guarded = Guarded(scenario)
    guarded.make_account("deleted")
    deleted = guarded.token("deleted")
    scenario.kubectl("delete", "serviceaccount", "deleted")
    good = guarded.token()
    bad = {
        "no token": (),
        "garbage": ("Bearer garbage",),
        "forged": (f"Bearer {good[:-8]}AAAAAAAA",),
        "for another audience": (f"Bearer {guarded.token(audience='')}",),
        "expired": (f"Bearer {guarded.expired(seconds=60)}",),
        "of an account that was deleted": (f"Bearer {deleted}",),
        "two": (f"Bearer {good}", f"Bearer {good}"),
    }
    for method in _METHODS:
        said = guarded.answer(method, f"Bearer {good}")
        assert "with a private key" in said, f"{method}: {said}"
        for what, authorization in bad.items():
            said = guarded.answer(method, *authorization)
            assert said.startswith("failed: 16: "), f"{method}, {what}: {said}"
            assert "for the audience k8sgateway-xds" in said, f"{method}, {what}: {said}"
    # The clock decides, not the signature.
    assert "got" in guarded.answer(_FETCH, f"Bearer {guarded.expired(seconds=-600)}")
    guarded.await_line(lambda line: "127.0.0.1" in line and "got nothing" in line, "it is logged")
    wait_until(lambda: guarded.control_plane.status()["refused"] >= 35, "it is counted", _SECONDS)


@SUITE.case("identity: one proxy does not get the role of another, nor of another namespace")
def other_role(scenario: Scenario) -> None:
    guarded = Guarded(scenario, "--xds-auth-allow", f"{scenario.namespace}/friend={scenario.namespace}~internal")
    for account in ("internal", "friend"):
        guarded.make_account(account)
    namespace, role = guarded.namespace, guarded.role
    own, other = f"Bearer {guarded.token()}", f"Bearer {guarded.token('internal')}"
    for method in _METHODS:
        assert "with a private key" in guarded.answer(method, own)
        said = guarded.answer(method, other)
        assert said.startswith("failed: 7: "), said
        assert f"{namespace}/internal may not have the role {role}" in said, said
    for wrong in ("gloo-system~gateway-proxy", f"{namespace}~internal", "fallback", "a~b~c"):
        assert guarded.answer(_FETCH, own, role=wrong).startswith("failed: 7: "), wrong
    friend = f"Bearer {guarded.token('friend')}"
    assert "failed" not in guarded.answer(_FETCH, friend, role=f"{namespace}~internal")
    # Pods of several proxies share an account: what is written on the pod counts.
    of_pod = _bearer_of_pod(scenario, "internal")
    said = guarded.answer(_FETCH, of_pod)
    assert "failed: 7: " in said and "of the proxy internal" in said, said
    assert "failed" not in guarded.answer(_FETCH, of_pod, role=f"{namespace}~internal")
    guarded.await_line(lambda line: f"asks for the role {role}" in line, "it is logged")


@SUITE.case("identity: of two proxies in one foreign namespace, with one account, each gets its own role")
def foreign_roles(scenario: Scenario) -> None:
    elsewhere = Scenario(scenario.cluster, f"{scenario.namespace[:40]}-edge", scenario.preset)
    with elsewhere.cleanup:
        elsewhere.begin()
        roles = {name: f"{scenario.namespace}~{name}" for name in ("public-edge", "internal-edge")}
        account = f"{elsewhere.namespace}/gateway-proxy"
        guarded = Guarded(scenario, *(f"--xds-auth-allow={account}={role}" for role in roles.values()))
        elsewhere.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "gateway-proxy"}}
        )
        bearers = {name: _bearer_of_pod(elsewhere, name) for name in roles}
        for name, other in (("public-edge", "internal-edge"), ("internal-edge", "public-edge")):
            said = guarded.answer(_FETCH, bearers[name], role=roles[name])
            assert "failed: 7" not in said and "failed: 16" not in said, said
            for method in _METHODS:
                said = guarded.answer(method, bearers[name], role=roles[other])
                assert said.startswith("failed: 7: ") and f"of the proxy {name}" in said, f"{method}: {said}"
                assert f"label the pod gateway-proxy-id={other}" in said, said
            own = guarded.answer(_FETCH, bearers[name], role=f"{elsewhere.namespace}~gateway-proxy")
            assert own.startswith("failed: 7: "), own


def _bearer_of_pod(scenario: Scenario, proxy: str) -> str:
    """A token of the account gateway-proxy, as kubelet mounts it into a pod of this proxy."""
    name = f"of-{proxy}"
    scenario.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": meta(name, labels={"gateway-proxy-id": proxy}),
            "spec": {
                "serviceAccountName": "gateway-proxy",
                "securityContext": RESTRICTED,
                "containers": [{"name": "echo", "image": images.ECHO}],
            },
        }
    )
    bound = ("--bound-object-kind=Pod", f"--bound-object-name={name}", "--audience=k8sgateway-xds")
    return f"Bearer {scenario.kubectl('create', 'token', 'gateway-proxy', *bound).strip()}"


@SUITE.case("identity: services about Proxies answer callers of the pod, and accounts that may read Proxies")
def readers(scenario: Scenario) -> None:
    guarded = Guarded(scenario)
    for account in ("reader", "elsewhere", "deleted"):
        guarded.make_account(account)
    scenario.kubectl("create", "role", "reader", "--verb=get", "--resource=proxies.gloo.solo.io")
    bind = lambda account: scenario.kubectl(
        "create", "rolebinding", account, "--role=reader", f"--serviceaccount={guarded.namespace}:{account}"
    )
    for account in ("reader", "deleted"):
        bind(account)
    deleted = guarded.token("deleted")
    scenario.kubectl("delete", "serviceaccount", "deleted")
    good = guarded.token("reader")
    unknown = {
        "no token": "",
        "garbage": "garbage",
        "forged": f"{good[:-8]}AAAAAAAA",
        "for another audience": guarded.token("reader", audience=""),
        "of an account that was deleted": deleted,
    }
    without = {"a proxy": guarded.token(), "an account without the right": guarded.token("elsewhere")}
    asks = {
        "GetProxies": ("proxies_client", f"{NODE}:{DEBUG_PORT}", guarded.namespace),
        "Validate": ("validation_client", f"{NODE}:{VALIDATION_PORT}", "validate"),
        "NotifyOnResync": ("validation_client", f"{NODE}:{VALIDATION_PORT}", "listen"),
    }
    for method, (program, *words) in asks.items():
        for what, token in unknown.items():
            said = call(program, scenario, token, *words)
            assert said.startswith("failed: 16"), f"{method}, {what}: {said}"
        for what, token in without.items():
            said = call(program, scenario, token, *words)
            assert said.startswith("failed: 7"), f"{method}, {what}: {said}"
            assert "may not get proxies.gloo.solo.io" in said, said
        answer = start_call(program, scenario, good, *words)
        answer.wait_line(lambda line: not line.startswith("failed"), f"{method} answers")
        local = [word.replace(NODE, "127.0.0.1") for word in words]
        inside = start_call(program, scenario, "", *local)
        inside.wait_line(lambda line: not line.startswith("failed"), f"{method} answers in the pod")
    for service in ("proxy debug", "validation"):
        guarded.await_line(lambda line: f"{service}: " in line and "got nothing" in line, f"{service} says so")
    # What was refused is asked again soon.
    bind("elsewhere")
    program, *words = asks["GetProxies"]
    answered = lambda: "failed" not in call(program, scenario, without["an account without the right"], *words)
    wait_until(answered, "the right counts", _SECONDS)


@SUITE.case("identity: an open stream ends when its account is deleted; nobody else's does")
def revoked(scenario: Scenario) -> None:
    guarded = Guarded(scenario)
    guarded.make_account("goes")
    streams = {
        name: guarded.ask(
            _DELTA, f"Bearer {guarded.token(name)}", role=f"{guarded.namespace}~{name}", hold=True
        )
        for name in ("goes", "gateway-proxy")
    }
    streams["gateway-proxy"].wait_line(lambda line: line.startswith("got"), "it is served")
    wait_until(lambda: guarded.control_plane.status()["streams"] == 2, "both are open", _SECONDS)
    scenario.kubectl("delete", "serviceaccount", "goes")
    assert streams["goes"].wait_exit(RECHECK_SECONDS + _REVOKED_SECONDS) == 1
    assert "failed: 16: " in streams["goes"].lines()[-1], streams["goes"].lines()
    assert streams["gateway-proxy"].running()


@SUITE.case("identity: Envoy follows a token that rotates, and a control plane that starts again")
def rotation(scenario: Scenario) -> None:
    guarded = Guarded(scenario)
    scenario.kubectl("create", "secret", "generic", "first")
    bound = ("--bound-object-kind=Secret", "--bound-object-name=first")
    mount = Mount(guarded.folder / "mount", guarded.token("gateway-proxy", *bound))
    proxy = guarded.proxy(mount)
    guarded.await_body("hello")
    attempts = lambda: proxy.stat("cluster.xds.upstream_rq_total")
    with under_load(client.Target(HTTP_PORT), scenario.host) as load:
        # The first token dies, as one does that has been replaced: the stream ends, and the next shows the second.
        before = attempts()
        mount.replace(guarded.token())
        scenario.kubectl("delete", "secret", "first")
        wait_until(lambda: attempts() > before, "the stream began anew", RECHECK_SECONDS + _REVOKED_SECONDS)
        guarded.say("second token")
        guarded.await_body("second token", seconds=_RECOVERY_SECONDS)
        guarded.control_plane.restart()
        guarded.control_plane.wait_ready()
        guarded.say("second life")
        guarded.await_body("second life", seconds=_RECOVERY_SECONDS)
    scenario.note(load.expect_no_failure())
    assert proxy.process.running()


@SUITE.case("identity: a pod with a token that kubelet mounts is served")
def mounted(scenario: Scenario) -> None:
    guarded = Guarded(scenario)
    mount = "/var/run/secrets/k8sgateway"
    config = guarded.bootstrap(guarded.folder, NODE)
    config["static_resources"]["clusters"][0]["typed_extension_protocol_options"] = json.loads(
        json.dumps(config["static_resources"]["clusters"][0]["typed_extension_protocol_options"])
        .replace(str(guarded.folder / "xds-token.json"), "/etc/envoy/xds-token.json")
        .replace(str(guarded.folder), mount)
    )
    files = {
        "envoy.json": json.dumps(config),
        "xds-token.json": token_secret(mount),
    }
    token = {"audience": "k8sgateway-xds", "expirationSeconds": 600, "path": "token"}
    scenario.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("envoy"), "data": files},
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": meta("proxy", labels={"gateway-proxy-id": "gateway-proxy"}),
            "spec": {
                "serviceAccountName": "gateway-proxy",
                "automountServiceAccountToken": False,
                "securityContext": OWN_USER,
                "containers": [
                    {
                        "name": "envoy",
                        "image": images.PROXY,
                        "command": ["/usr/local/bin/envoy"],
                        "args": ["-c", "/etc/envoy/envoy.json", "--disable-hot-restart", "--concurrency", "1"],
                        "volumeMounts": [
                            {"name": "config", "mountPath": "/etc/envoy"},
                            {"name": "token", "mountPath": mount},
                        ],
                    }
                ],
                "volumes": [
                    {"name": "config", "configMap": {"name": "envoy"}},
                    {"name": "token", "projected": {"sources": [{"serviceAccountToken": token}]}},
                ],
            },
        },
    )
    address = lambda: scenario.get("pod", "proxy")["status"].get("podIP", "")
    guarded.await_body("hello", wait_until(address, "the pod has an address", 30), _RECOVERY_SECONDS)


@SUITE.case("identity: while the API server is away who is known stays, and others get nothing")
def api_server_away(scenario: Scenario) -> None:
    guarded, cluster = Guarded(scenario), scenario.cluster
    known, unknown = guarded.token(), guarded.token()
    mount = Mount(guarded.folder / "mount", known)
    first = guarded.proxy(mount)
    guarded.await_body("hello")
    mark = guarded.control_plane.process.mark()
    cluster.stop_servers()
    try:
        guarded.await_line(lambda line: "proxies that are known stay" in line, "it says so", mark)
        first.stop()  # another Envoy with the same token knows nothing but what it is given now
        guarded.proxy(mount)
        guarded.await_body("hello")
        said = guarded.answer(_FETCH, f"Bearer {unknown}")
        assert said.startswith("failed: 14: "), said
        said = guarded.answer(_FETCH, "Bearer garbage")
        assert said.startswith("failed: 16: "), said
    finally:
        cluster.start_servers()
    wait_until(
        lambda: "got" in guarded.answer(_FETCH, f"Bearer {unknown}"), "it is known now", _RECOVERY_SECONDS
    )
    guarded.await_line(lambda line: "can be reviewed again" in line, "it says so", mark)
    guarded.say("after")
    guarded.await_body("after", seconds=_RECOVERY_SECONDS)
