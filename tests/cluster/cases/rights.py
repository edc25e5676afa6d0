"""The rights that the chart grants: with all of them nothing is refused, and each is missed when it is not there."""

import re
from typing import Callable

from harness.process import Process
from harness.scenario import Suite
from harness.waiting import wait_until
from support.granted import SECONDS, Granted, Right, is_told, make_proxy_pod
from support.objects import meta
from support.scenario import Scenario

SUITE = Suite()
_REFUSED = re.compile("forbidden|cannot be (written|followed)")
_LEASE = "the Lease .* cannot be written"
_REFUSALS: set[Right] = {("gloo", "configmaps", "patch")}
# What the Secret of the webhook and that of mTLS are called, as the chart has it.
_SECRETS = ("gateway-validation-certs", "gloo-mtls-certs")


class _Missing:
    """Takes rights away, step by step, and remembers which were missed."""

    def __init__(self, granted: Granted) -> None:
        self.granted = granted
        self.left = granted.rights()
        self.count = len(self.left)
        self.faults: list[str] = []

    def of(self, component: str, verb: str, *resources: str) -> set[Right]:
        """Those that are granted; all resources when none is named."""
        return {
            right
            for right in self.granted.rights()
            if right[0] == component and right[2] == verb and (not resources or right[1] in resources)
        }

    def step(self, gone: set[Right], is_missed: Callable[[], None]) -> None:
        with self.granted.without(gone):
            try:
                is_missed()
            except (AssertionError, TimeoutError) as error:
                self.faults.append(f"without {sorted(gone)}: {error}")
        self.left -= gone

    def told(self, gone: set[Right], **patterns: list[str]) -> None:
        """Components that run at the same time say what they cannot do."""

        def is_missed() -> None:
            processes = {name: getattr(self.granted, name)() for name in patterns}
            try:
                for name, process in processes.items():
                    is_told(process, *patterns[name])
            finally:
                for process in processes.values():
                    process.stop()

        self.step(gone, is_missed)


def _followed(missing: _Missing, verb: str) -> None:
    """Lists and watches, of all kinds at once: each is told by its name."""
    gone = {component: missing.of(component, verb) for component in ("gloo", "discovery")}
    patterns = {
        component: [rf"\b{resource}( in .*)? cannot be followed" for _, resource, _ in sorted(rights)]
        for component, rights in gone.items()
    }
    missing.told(gone["gloo"] | gone["discovery"], **patterns)


def _statuses(missing: _Missing) -> None:
    gone = missing.of("gloo", "patch") - _REFUSALS
    kinds = [resource.removesuffix("/status") for _, resource, _ in sorted(gone)]
    # A RateLimitConfig has one status for all control planes: that of the stage would write it before this one looks.
    stage = missing.granted.scenario.stage().control_plane
    stage.process.stop()
    try:
        missing.granted.renew()
        missing.told(gone, gloo=[rf"statuses of {kind} cannot be written" for kind in kinds])
    finally:
        stage.restart()
        stage.wait_ready()


def _leases(missing: _Missing) -> None:
    for verb in ("get", "update", "create"):
        if verb == "create":
            missing.granted.scenario.kubectl("delete", "lease", "gloo", "discovery", "--ignore-not-found")
        gone = missing.of("gloo", verb, "leases") | missing.of("discovery", verb, "leases")
        missing.told(gone, gloo=[_LEASE], discovery=[_LEASE])


def _refusals(missing: _Missing) -> None:
    """Without it, the leader does not hear what is refused by Envoys of a replica that does not lead, as this one."""
    granted, scenario = missing.granted, missing.granted.scenario
    held = {"holderIdentity": "another", "leaseDurationSeconds": 3600}
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta("gloo"), "spec": held}
    scenario.kubectl("delete", "lease", "gloo", "--ignore-not-found")
    scenario.apply(lease, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("gloo-refusals")})

    def is_missed() -> None:
        process = granted.gloo()
        try:
            process.wait_line(lambda line: line.startswith("ready"), "ready", seconds=SECONDS)
            envoy = granted.refuse()
            try:
                is_told(process, "what Envoys refuse.* cannot be written")
            finally:
                envoy.stop()
        finally:
            process.stop()

    missing.step(_REFUSALS, is_missed)
    scenario.kubectl("delete", "lease", "gloo")


def _proven(missing: _Missing, gone: set[Right]) -> None:
    """Without them nobody can prove that he is a proxy."""

    def is_missed() -> None:
        process = missing.granted.gloo()
        try:
            process.wait_line(lambda line: line.startswith("ready"), "ready", seconds=SECONDS)
            missing.granted.await_fetch("failed")
        finally:
            process.stop()

    missing.step(gone, is_missed)


def _asked(missing: _Missing) -> None:
    """Without the reviews nobody can tell who may read Proxies."""

    def is_missed() -> None:
        process = missing.granted.gloo()
        try:
            process.wait_line(lambda line: line.startswith("ready"), "ready", seconds=SECONDS)
            wait_until(lambda: missing.granted.proxies().startswith("failed: 14 "), "nobody can tell", SECONDS)
        finally:
            process.stop()

    missing.step(missing.of("gloo", "create", "subjectaccessreviews"), is_missed)


def _discovered(missing: _Missing) -> None:
    """Upstreams are made, follow their Service, and go with it."""
    granted, scenario = missing.granted, missing.granted.scenario
    granted.renew()
    refused = ["discovery: .*upstreams.*forbidden"]
    missing.told(missing.of("discovery", "create", "upstreams"), discovery=refused)
    name = f"{scenario.namespace}-found-80"
    process = granted.discovery()
    try:
        wait_until(lambda: name in scenario.kubectl("get", "upstreams", "-o", "name"), "an Upstream", SECONDS)
    finally:
        process.stop()
    scenario.kubectl("annotate", "service", "found", "gloo.solo.io/h2_service=true")
    missing.told(missing.of("discovery", "patch", "upstreams"), discovery=refused)
    scenario.kubectl("delete", "service", "found")
    missing.told(missing.of("discovery", "delete", "upstreams"), discovery=refused)


def _certificates(missing: _Missing) -> None:
    """certgen ends with an error; with all rights it does not."""
    namespace = missing.granted.namespace
    webhook = ("--validating-webhook-configuration-name", f"gloo-gateway-validation-webhook-{namespace}")
    runs = [("--secret-name", _SECRETS[0], *webhook), ("--secret-name", _SECRETS[1])]

    def ends(*words: str) -> int:
        _make_for_certgen(missing.granted.scenario)
        return missing.granted.certgen(*words).wait_exit(SECONDS)

    for words in runs:
        assert ends(*words) == 0, f"certgen fails with all rights: {words}"
    for verb in ("get", "patch"):
        for of, words in (("secrets", runs[0]), ("secrets", runs[1]), ("validatingwebhookconfigurations", runs[0])):
            missing.step(
                missing.of("gateway-certgen", verb, of),
                lambda words=words: wait_until(lambda: ends(*words) == 1, "certgen fails", SECONDS),
            )


def _make_for_certgen(scenario: Scenario) -> None:
    """What certgen fills, empty: the chart has it in other templates."""
    scenario.kubectl("delete", "secret", *_SECRETS, "--ignore-not-found")
    secrets = [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}} for name in _SECRETS]
    scenario.apply(*secrets)
    name = f"gloo-gateway-validation-webhook-{scenario.namespace}"
    service = {"namespace": scenario.namespace, "name": "gloo", "path": "/validation"}
    hook = {
        "name": f"gloo.{scenario.namespace}.svc",
        "clientConfig": {"service": service},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "failurePolicy": "Ignore",
    }
    configuration = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [hook],
    }
    scenario.cluster.kubectl("delete", "validatingwebhookconfiguration", name, "--ignore-not-found")
    scenario.cluster.apply(configuration)


@SUITE.case("rights: each verb that the chart grants is missed when it is not there, and more are not needed")
def each(scenario: Scenario) -> None:
    granted = Granted(scenario, "global.glooMtls.enabled=true", "gloo.deployment.replicas=2")
    make_proxy_pod(scenario)
    webhook = f"gloo-gateway-validation-webhook-{scenario.namespace}"
    scenario.cleanup.callback(scenario.cluster.attempt, "delete", "validatingwebhookconfiguration", webhook)
    granted.renew()
    missing = _Missing(granted)
    _certificates(missing)
    _followed(missing, "list")
    _followed(missing, "watch")
    _statuses(missing)
    _leases(missing)
    _refusals(missing)
    _proven(missing, missing.of("gloo", "create", "tokenreviews"))
    _proven(missing, missing.of("gloo", "get", "pods"))
    _asked(missing)
    _discovered(missing)
    assert not missing.faults, "\n".join(missing.faults)
    assert not missing.left, f"nobody has tried {sorted(missing.left)}"
    _is_enough(granted)
    scenario.note(f"{missing.count} rights")


def _is_enough(granted: Granted) -> None:
    granted.renew()
    processes: list[Process] = [granted.gloo(), granted.discovery()]
    scenario = granted.scenario
    status = lambda: scenario.get("virtualservice", "site").get("status")
    upstream = lambda: f"{scenario.namespace}-found-80" in scenario.kubectl("get", "upstreams", "-o", "name")
    wait_until(lambda: status() and upstream(), "a status and an Upstream", SECONDS)
    for process in processes:
        process.stop()
        refused = [line for line in process.lines() if _REFUSED.search(line)]
        assert not refused, refused


@SUITE.case("rights: in a namespaced installation, a proxy of another namespace is known by the right to read pods there")
def elsewhere(scenario: Scenario) -> None:
    other = Scenario(scenario.cluster, f"{scenario.namespace[:40]}-proxy", scenario.preset)
    with other.cleanup:
        other.begin()
        granted = Granted(
            scenario, "global.glooRbac.namespaced=true", f"gatewayProxies.partner.namespace={other.namespace}"
        )
        make_proxy_pod(other)
        granted.renew()
        names = {role["metadata"]["name"]: role for role in granted.roles}
        partner = [role for name, role in names.items() if name.startswith("gloo-proxies")]
        assert [role["metadata"]["namespace"] for role in partner] == [other.namespace], names.keys()
        granted.roles = partner
        allowed = f"{other.namespace}/gateway-proxy={scenario.namespace}~gateway-proxy"
        process = granted.gloo("--xds-auth-allow", allowed)
        scenario.cleanup.callback(process.stop)
        process.wait_line(lambda line: line.startswith("ready"), "ready", seconds=SECONDS)
        granted.await_fetch("got", other.namespace)
        process.stop()
        with granted.without({("gloo", "pods", "get")}):
            again = granted.gloo("--xds-auth-allow", allowed)
            scenario.cleanup.callback(again.stop)
            again.wait_line(lambda line: line.startswith("ready"), "ready", seconds=SECONDS)
            granted.await_fetch("failed", other.namespace)
            again.stop()
