"""Proxies of the chart that ask for endpoints over REST (`settings.enableRestEds`), by the cluster of their bootstrap."""

import json
import os
import re
import signal

from harness.scenario import Suite
from harness.waiting import wait_until
from support.objects import kube_upstream, says, to_service, to_upstream, virtual_service
from support.release import Release, merge, values
from support.scenario import Scenario, ask, await_answer

from .kept import is_entry_point

SUITE = Suite()
_SECONDS = 90
_ADMIN_PORT = 19000
_HOSTS = ("route.test", "upstream.test")


class _Installed:
    """A release in the namespace of the case, which serves the echo Service as a destination and as an Upstream."""

    def __init__(self, scenario: Scenario, **more: object) -> None:
        self.scenario, own = scenario, scenario.namespace
        base = values(settings={"singleNamespace": True, "ipV4Only": True, "enableRestEds": True})
        scenario.install_definitions()
        scenario.deploy_echo()
        Release(scenario).install(merge(base, dict(more)))
        scenario.apply(
            kube_upstream("echo", "echo", own),
            virtual_service("route", _HOSTS[0], to_service("echo", own)),
            virtual_service("upstream", _HOSTS[1], to_upstream("echo", own)),
        )
        self._address = scenario.balanced("gateway-proxy")
        self.await_backends()

    def await_backends(self) -> None:
        for host in _HOSTS:
            self.await_body("echo-", host)

    def await_body(self, body: str, host: str) -> None:
        await_answer(self._address, 80, body, host, _SECONDS)

    def statuses(self) -> set[int]:
        """Of what has endpoints."""
        return {ask(self._address, 80, host).status for host in _HOSTS}

    def proxy_is_ready(self, restarts: int) -> bool:
        (pod,) = self.scenario.get("pods", "-l", "gateway-proxy-id=gateway-proxy")["items"]
        return all((one["restartCount"], one["ready"]) == (restarts, True) for one in pod["status"]["containerStatuses"])

    def answering(self, host: str) -> set[str]:
        """The pods that answer, of some requests."""
        answers = [ask(self._address, 80, host) for _ in range(20)]
        assert all(one.status == 200 for one in answers), answers
        return {json.loads(one.body)["upstream"] for one in answers}

    def backends(self) -> set[str]:
        return {one["metadata"]["name"] for one in self.scenario.get("pods", "-l", "app=echo")["items"]}

    def counted(self) -> dict[str, int]:
        """What the proxy's Envoy counts of the cluster that leads to port 9976."""
        (pod,) = self.scenario.get("pods", "-l", "gateway-proxy-id=gateway-proxy")["items"]
        name = "cluster.rest_xds_cluster"
        stats = self.scenario.page(pod["metadata"]["name"], _ADMIN_PORT, f"/stats?filter=^{name}")
        return {stat: int(value) for stat, value in re.findall(rf"(?m)^{re.escape(name)}\.(\S+): (\d+)$", stats)}


def _follows(scenario: Scenario, **more: object) -> dict[str, int]:
    """A new pod gets requests, because the proxy has heard of it over REST."""
    installed = _Installed(scenario, **more)
    before = installed.counted()
    # An answer with something new in it: whoever has everything gets 304.
    assert before.get("upstream_rq_200", 0) > 0, before
    scenario.kubectl("scale", "deployment/echo", "--replicas=2")
    scenario.await_rollout("echo")
    pods = installed.backends()
    assert len(pods) == 2, pods
    for host in _HOSTS:
        wait_until(lambda h=host: installed.answering(h) == pods, f"both pods answer: {host}", _SECONDS)
    after = installed.counted()
    assert after["upstream_rq_200"] > before["upstream_rq_200"], (before, after)
    # None was sent without the token.
    assert "upstream_rq_401" not in after, after
    return after


@SUITE.case("endpoints over REST: a proxy of the chart shows its token to port 9976, and follows a Service")
def plain(scenario: Scenario) -> None:
    counted = _follows(scenario)
    assert not counted.get("ssl.handshake"), counted


@SUITE.case("endpoints over REST: the same with mTLS to the control plane")
def with_mtls(scenario: Scenario) -> None:
    counted = _follows(scenario, **{"global": {"glooMtls": {"enabled": True}}})
    assert counted["ssl.handshake"] > 0 and not counted.get("ssl.fail_verify_san"), counted


@SUITE.case("endpoints over REST: they are not kept: a container that begins again without gloo has all else, then them, too")
def not_kept(scenario: Scenario) -> None:
    installed = _Installed(scenario)
    scenario.apply(virtual_service("direct", "direct.test", says("kept")))
    installed.await_body("kept", "direct.test")
    scenario.kubectl("scale", "deployment", "gloo", "--replicas=0")
    gone = lambda: not scenario.get("pods", "-l", "gloo=gloo")["items"]
    wait_until(gone, "no control plane is left", _SECONDS)
    assert installed.statuses() == {200}, "without a control plane, a proxy goes on"
    (pid,) = scenario.pids(is_entry_point)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: installed.proxy_is_ready(restarts=1), "the proxy is ready again", _SECONDS)
    installed.await_body("kept", "direct.test")
    assert installed.statuses() == {503}, installed.statuses()
    scenario.kubectl("scale", "deployment", "gloo", "--replicas=1")
    installed.await_backends()
