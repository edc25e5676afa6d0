"""Flows that mTLS protects, on an installation with it."""

import contextlib
import json
import re
import ssl

from harness import mtls
from harness.waiting import wait_until
from support.scenario import Scenario, is_open

from .mtls_installation import AUTH_PORT, LIMIT_PORT, SECONDS, SITE, MtlsInstallation, mtls_installation
from .row import REFERENCE

_PROXY_ADMIN = 19000


def _is_refused(of: MtlsInstallation, server: mtls.Server, context: ssl.SSLContext) -> None:
    """Not one byte of an answer comes, not even to who has a token."""
    with contextlib.suppress(OSError, EOFError):
        answer = mtls.fetch_listeners(server, context, of.role, of.token())
        raise AssertionError(f"an answer from {server.port}: {answer!r}")


def _refuses_old(server: mtls.Server, context: ssl.SSLContext) -> None:
    """The server itself says that TLS 1.1 is too old."""
    try:
        server.dial(context).close()
    except ssl.SSLError as error:
        assert error.reason == "TLSV1_ALERT_PROTOCOL_VERSION", error
    else:
        raise AssertionError(f"{server.port} speaks TLS 1.1")


def _takes_certificates_only(of: MtlsInstallation, name: str, port: int) -> None:
    """TLS 1.2 or later with HTTP/2, for who has a certificate of the authority; nothing else is answered."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = of.context()
        context.set_alpn_protocols(["h2"])
        context.minimum_version = context.maximum_version = version
        with of.server(port, name).dial(context) as connection:
            assert connection.selected_alpn_protocol() == "h2", connection.selected_alpn_protocol()
    _refuses_old(of.server(port, name), of.old_context())
    _is_refused(of, of.server(port, name), of.context(certificate=False))
    assert of.status_without_tls(name, port) == 0


@REFERENCE.flow("`gateway-proxy`", "`gloo`", "9977")
def _xds(of: MtlsInstallation) -> None:
    """The sidecar takes TLS 1.2 or later with HTTP/2 and a client certificate, and passes the stream to 127.0.0.1:9999
    of `gloo`: listeners come. Without a certificate, with TLS 1.1, or without TLS, nothing does; 9999 is closed to
    others"""
    assert of.containers("gloo") == ["gloo", "envoy-sidecar", "sds"], of.containers("gloo")
    _takes_certificates_only(of, "gloo", 9977)
    assert b"listener" in mtls.fetch_listeners(of.server(9977), of.context(), of.role, of.token())
    assert of.answers_within("gloo", "gloo", 9999) and not is_open(of.address("gloo"), 9999)


@REFERENCE.flow("`gateway-proxy`", "`gloo`", "9976")
def _rest(of: MtlsInstallation) -> None:
    """The same for REST xDS over HTTP/2 or HTTP/1.1, passed to 127.0.0.1:9998: with the certificate and the token of a
    proxy its listeners come, with the certificate alone 401; without it, with TLS 1.1, or without TLS, nothing"""
    for protocol in mtls.REST_PROTOCOLS:
        status, answer = of.post_discovery(of.context(), of.token(), protocol)
        assert status == 200 and json.loads(answer)["versionInfo"] and b"listener" in answer, (protocol, status, answer)
        with contextlib.suppress(OSError, EOFError):
            said = of.post_discovery(of.context(certificate=False), of.token(), protocol)
            raise AssertionError(f"an answer from 9976 over {protocol}: {said}")
    assert of.post_discovery(of.context(), "")[0] == 401
    _refuses_old(of.server(9976), of.old_context())
    assert of.status_without_tls("gloo", 9976) == 0
    assert of.answers_within("gloo", "gloo", 9998) and not is_open(of.address("gloo"), 9998)


@REFERENCE.flow("the pod of `gloo`", "the admin of its sidecar", "8081")
def _admin(of: MtlsInstallation) -> None:
    """`/server_info` says on loopback of the pod that Envoy 1.40 serves, and `/listeners` that it has 9977 and 9976;
    nobody answers from outside"""
    info = json.loads(of.page("gloo", 8081, "/server_info"))
    assert "/1.40." in info["version"] and info["state"] == "LIVE", info
    listeners = of.page("gloo", 8081, "/listeners")
    assert ":9977" in listeners and ":9976" in listeners, listeners
    assert not is_open(of.address("gloo"), 8081)


@REFERENCE.flow("`gateway-proxy`", "its SDS sidecar", "8234")
def _sds(of: MtlsInstallation) -> None:
    """Envoy asks it on loopback of the pod, and counts a pair that came by SDS; `/certs` shows the certificate of the
    Secret. It is closed to others"""
    assert of.containers("gateway-proxy") == ["gateway-proxy", "sds"], of.containers("gateway-proxy")
    bootstrap = of.scenario.get("configmap", "gateway-proxy-envoy-config")["data"]["envoy.yaml"]
    assert "gateway_proxy_sds" in bootstrap and "port_value: 8234" in bootstrap, bootstrap
    stats = of.page("gateway-proxy", _PROXY_ADMIN, "/stats")
    assert re.search(r"(?m)ssl_context_update_by_sds: [1-9]", stats), _about_sds(stats)
    assert re.search(r"(?m)^cluster\.gateway_proxy_sds\.upstream_cx_active: [1-9]", stats), _about_sds(stats)
    # By which the alert EnvoyCertificate goes.
    assert re.search(r"(?m)^cluster\.\S+\.ssl\.certificate\.server_cert\.expiration_unix_time_seconds: [1-9]", stats)
    certificates = json.loads(of.page("gateway-proxy", _PROXY_ADMIN, "/certs"))["certificates"]
    serials = {int(pair["serial_number"], 16) for one in certificates for pair in one["cert_chain"]}
    assert of.serial() in serials, (of.serial(), serials)
    assert not is_open(of.address("gateway-proxy"), 8234)


def _about_sds(stats: str) -> str:
    return "\n".join(line for line in stats.splitlines() if "sds" in line)


@REFERENCE.flow("`gateway-proxy`", "`access-log`", "8083")
def _access_log(of: MtlsInstallation) -> None:
    """The sidecar in front of the server of access logs does the same; a request becomes a line of its stdout"""
    _takes_certificates_only(of, "access-log", 8083)
    assert not is_open(of.address("access-log"), 8084), "the server itself is open to the cluster"
    of.send("logged", "404")
    logs = lambda: of.scenario.kubectl("logs", "deployment/access-log", "-c", "access-log")
    wait_until(lambda: SITE in logs(), "the proxy's entry is written", SECONDS)


@REFERENCE.flow("`gateway-proxy`", "external auth server", str(AUTH_PORT))
def _ext_auth(of: MtlsInstallation) -> None:
    """The chart's sidecar in the pod of a user's server takes the proxies' certificate and nothing else; one request is
    allowed, and another denied with the status that the server says"""
    _takes_certificates_only(of, "ext-auth", AUTH_PORT)
    assert not is_open(of.address("ext-auth"), AUTH_PORT + 1), "the server itself is open to the cluster"
    allowed = of.send("allowed")
    assert allowed.status == 200 and b"x-auth-path" in allowed.body, allowed
    assert of.send("denied", "403").status == 403


@REFERENCE.flow("`gateway-proxy`", "rate limit server", str(LIMIT_PORT))
def _rate_limit(of: MtlsInstallation) -> None:
    """The same for the rate-limit service of the Envoy project: the second request of a user is limited, that of another
    is not"""
    _takes_certificates_only(of, "rate-limit", LIMIT_PORT)
    assert not is_open(of.address("rate-limit"), LIMIT_PORT + 1), "the server itself is open to the cluster"
    wait_until(lambda: of.send("first").status == 429, "a user is limited", SECONDS)
    assert [of.send("second").status for _ in range(2)] == [200, 429]
    assert of.send("third").status == 200


@REFERENCE.suite.case("port reference: mTLS: pods and Services keep the ports that they have without")
def _keep_ports(scenario: Scenario) -> None:
    of = mtls_installation(scenario)
    for place in REFERENCE.declared:
        place.check(of)
