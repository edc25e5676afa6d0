"""mTLS as the chart installs it: what is served, what strangers get, and rotations by the CronJob."""

import base64
import json
import pathlib
import socket
import ssl
from typing import Any

from harness import client, mtls
from harness.certificate_folder import CertificateFolder
from harness.certificates import Authority
from harness.process import Process
from harness.scenario import Suite
from harness.waiting import wait_until
from support.cli import Cli
from support.cluster import Object
from support.control_plane import Proxy
from support.guarded import ADMIN_PORT, XDS_PORT, Guarded, Mount
from support.load import under_load
from support.objects import says, virtual_service
from support.release import Release, merge, values
from support.scenario import Scenario, await_answer

SUITE = Suite()
_SECONDS = 60
_AUDIENCE = "k8sgateway-xds"
SECRET = "gloo-mtls-certs"
_SMALL = {"requests": {"cpu": "20m", "memory": "32Mi"}}
FILES = ("tls.crt", "tls.key", "ca.crt")


class Installed:
    """A release with mTLS in the namespace of the case."""

    def __init__(self, scenario: Scenario, **more: object) -> None:
        self.scenario = scenario
        base = values(settings={"singleNamespace": True, "ipV4Only": True})
        tls = {
            "enabled": True,
            # So many connections begin while certificates rotate.
            "maxConnectionDuration": "2s",
            "envoySidecarResources": _SMALL,
            "sdsResources": _SMALL,
        }
        self.values = merge(merge(base, {"global": {"glooMtls": tls}}), dict(more))
        scenario.install_definitions()
        self.release = Release(scenario)
        self.release.install(self.values)
        self.folder: pathlib.Path = scenario.cluster.folder / f"mtls-{scenario.namespace}"
        self.folder.mkdir()

    def context(self) -> ssl.SSLContext:
        """A client with the pair of the Secret."""
        data = self.scenario.get("secret", SECRET)["data"]
        for name in FILES:
            (self.folder / name).write_bytes(base64.b64decode(data[name]))
        return client_with(self.folder / "ca.crt", self.folder)

    def server(self, port: int = 9977) -> mtls.Server:
        address = self.scenario.get("service", "gloo")["spec"]["clusterIP"]
        return mtls.Server(port, address, f"gloo.{self.scenario.namespace}.svc")

    def token(self) -> str:
        return self.scenario.kubectl("create", "token", "gateway-proxy", f"--audience={_AUDIENCE}").strip()

    def role(self, proxy: str = "gateway-proxy") -> str:
        return f"{self.scenario.namespace}~{proxy}"

    def say(self, text: str) -> None:
        self.scenario.apply(virtual_service("site", "site.test", says(text)))

    def await_said(self, text: str) -> None:
        await_answer(self.scenario.balanced("gateway-proxy"), 80, text, "site.test", _SECONDS)

    def pod(self, name: str) -> Any:
        """The pod of a component."""
        (pod,) = self.scenario.get("pods", "-l", f"gloo={name}")["items"]
        return pod


def client_with(authority: pathlib.Path, pair: pathlib.Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority)
    if pair:
        context.load_cert_chain(pair / "tls.crt", pair / "tls.key")
    return context


def is_refused(installed: Installed, port: int, context: ssl.SSLContext, token: str) -> bool:
    """Not even a server that would take the token answers, whatever it would say."""
    try:
        if port == 9977:
            return not mtls.fetch_listeners(installed.server(), context, installed.role(), token)
        return not mtls.post_discovery(installed.server(port), context, installed.role(), token)
    except (OSError, EOFError):
        return True


def is_served(installed: Installed, port: int, context: ssl.SSLContext, token: str) -> bool:
    """The answer has what was asked for."""
    if port == 9977:
        return bool(mtls.fetch_listeners(installed.server(), context, installed.role(), token))
    return mtls.post_discovery(installed.server(port), context, installed.role(), token)[0] == 200


def _is_open(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 2).close()
        return True
    except OSError:
        return False


@SUITE.case("mtls: the certificate lets in, and the token inside says for whom")
def identity(scenario: Scenario) -> None:
    guarded = Guarded(scenario)
    files = CertificateFolder(guarded.folder / "certificates", scenario.preset)

    def own(process: Process) -> Process:
        scenario.cleanup.callback(process.stop)
        return process

    sds = mtls.Sds(own, scenario.preset, files.folder)
    sidecar = mtls.Sidecar(own, guarded.folder, sds, XDS_PORT, XDS_PORT)
    sidecar.await_open()
    # A real Envoy with both.
    config = guarded.bootstrap(Mount(guarded.folder / "mount", guarded.token()).folder)
    mtls.through_sidecar(config, sds, sidecar.port)
    proxy = Proxy(guarded.folder, ADMIN_PORT, config=config)
    scenario.cleanup.callback(proxy.process.stop)
    guarded.await_body("hello")
    assert proxy.stat("cluster.xds.ssl.handshake") == 1
    good, other = guarded.token(), f"{guarded.namespace}~other"
    ask = lambda role, token, certificate=True: mtls.fetch_listeners(
        sidecar.xds, files.client(certificate), role, token
    )
    assert b"PRIVATE KEY" in ask(guarded.role, good)
    for role, token in ((guarded.role, ""), (guarded.role, "garbage"), (other, good)):
        assert not ask(role, token), f"{role} for {token[:8]!r}"
    try:
        raise AssertionError(f"an answer without a certificate: {ask(guarded.role, good, certificate=False)!r}")
    except OSError:
        pass


@SUITE.case("mtls: the installed chart serves; strangers get nothing, and a certificate alone gets no role")
def strangers(scenario: Scenario) -> None:
    installed = Installed(scenario)
    installed.say("over mTLS")
    installed.await_said("over mTLS")
    token, good = installed.token(), installed.context()
    answer = mtls.fetch_listeners(installed.server(), good, installed.role(), token)
    assert b"listener" in answer, answer
    foreign = Authority(installed.folder).issue(installed.folder / "foreign", installed.server().name)
    authority = installed.folder / "ca.crt"
    for pair in (None, foreign):
        for port in (9977, 9976):
            assert is_refused(installed, port, client_with(authority, pair), token), (port, pair)
    # The certificate says "one of us"; whose configuration somebody may have, the token says.
    for role, shown in ((installed.role(), ""), (installed.role("other"), token), (installed.role(), token[:-8])):
        assert not mtls.fetch_listeners(installed.server(), good, role, shown), (role, shown[:8])
    address = installed.pod("gloo")["status"]["podIP"]
    assert _is_open(address, 9977) and _is_open(address, 9976)
    for port in (9999, 9998, 8234, 8081, 9095):
        assert not _is_open(address, port), f"{port} is open to the cluster"
    address = installed.pod("gateway-proxy")["status"]["podIP"]
    for port in (8234, 19000):
        assert not _is_open(address, port), f"{port} is open to the cluster"
    log = scenario.kubectl("logs", "deployment/gloo", "-c", "envoy-sidecar")
    assert "deprecat" not in log, log
    cli = Cli(scenario)
    wait_until(lambda: not cli.problems("-n", scenario.namespace), "check finds nothing in a good installation", _SECONDS)


@SUITE.case("mtls: of an authority of your own, only a certificate in time and with the name of proxies gets anything")
def own_authority(scenario: Scenario) -> None:
    folder: pathlib.Path = scenario.cluster.folder / f"authority-{scenario.namespace}"
    folder.mkdir()
    authority, name = Authority(folder), f"gloo.{scenario.namespace}.svc"
    issue = lambda what, name=name, days=2: authority.issue(folder / what, name, days)
    pair = issue("good")
    data = {file: base64.b64encode((pair / file).read_bytes()).decode() for file in FILES}
    scenario.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET}, "data": data})
    installed = Installed(scenario, **{"global": {"glooMtls": {"certGen": False}}})
    installed.say("with a pair of one's own")
    installed.await_said("with a pair of one's own")
    token, trusted = installed.token(), authority.certificate
    # Each of them has the token of a proxy, so that it is the certificate that is refused.
    bad = {
        "certificate_has_expired": issue("expired", days=-1),
        "certificate_SANs_are_[petstore.default.svc]": issue("petstore", "petstore.default.svc"),
        "unable_to_get_local_issuer_certificate": Authority(folder, "other").issue(folder / "foreign", name),
        "peer_did_not_provide_required_client_certificate": None,
    }
    for shown in bad.values():
        for port in (9977, 9976):
            assert is_refused(installed, port, client_with(trusted, shown), token), (port, shown)
    refusals = lambda: scenario.kubectl("logs", "deployment/gloo", "-c", "envoy-sidecar").splitlines()
    for reason in bad:
        for port in ("xds", "rest_xds"):
            told = lambda words=(f'"port":"{port}"', reason): any(all(w in line for w in words) for line in refusals())
            wait_until(told, f"{reason} is told of {port}", _SECONDS)
    for port in (9977, 9976):
        assert is_served(installed, port, client_with(trusted, pair), token), port


@SUITE.case("mtls: the CronJob rotates under load: no request fails, and changes arrive all the time")
def rotation(scenario: Scenario) -> None:
    rotating = {"certGenJob": {"forceRotation": True, "rotationDuration": "10s"}}
    installed = Installed(scenario, gateway=rotating)
    installed.say("before")
    installed.await_said("before")
    first = scenario.get("secret", SECRET)["data"]["tls.crt"]
    job = ("create", "job", "rotate", "--from=cronjob/gloo-mtls-certgen-cronjob")
    target = client.Target(80, address=scenario.balanced("gateway-proxy"))
    with under_load(target, "site.test") as load:
        scenario.kubectl(*job)
        turn = 0
        while not is_done(scenario.get("job", "rotate")):
            turn += 1
            installed.say(f"turn {turn}")
            installed.await_said(f"turn {turn}")
        installed.say("after")
        installed.await_said("after")
    scenario.note(f"{turn} changes; {load.expect_no_failure(at_least=100)}")
    assert turn >= 5, turn
    assert scenario.get("secret", SECRET)["data"]["tls.crt"] != first, "nothing was rotated"
    log = scenario.kubectl("logs", "deployment/gloo", "-c", "envoy-sidecar")
    assert "refused" not in log, log
    expect_no_restart(scenario)


def expect_no_restart(scenario: Scenario) -> None:
    for pod in scenario.get("pods", "-l", "gloo in (gloo, gateway-proxy)")["items"]:
        restarts = [one["restartCount"] for one in pod["status"]["containerStatuses"]]
        assert not any(restarts), f"{pod['metadata']['name']}: {restarts}"


def is_done(job: Object) -> bool:
    status = job.get("status", {})
    assert not status.get("failed"), json.dumps(status)
    return bool(status.get("succeeded"))


@SUITE.case("mtls: switched on and off, an installation goes on to serve")
def switched(scenario: Scenario) -> None:
    installed = Installed(scenario, **{"global": {"glooMtls": {"enabled": False}}})
    installed.say("plain")
    installed.await_said("plain")
    target = client.Target(80, address=scenario.balanced("gateway-proxy"))
    with under_load(target, "site.test") as load:
        for enabled in (True, False):
            change = {"global": {"glooMtls": {"enabled": enabled}}}
            installed.release.upgrade(merge(installed.values, change))
            installed.say(f"mTLS: {enabled}")
            installed.await_said(f"mTLS: {enabled}")
    scenario.note(load.expect_no_failure(at_least=100))
    wait_until(lambda: SECRET not in scenario.kubectl("get", "secrets", "-o", "name"), "the Secret is gone", _SECONDS)
