"""`run`: a real authorization server is asked by gRPC."""

from harness import asked
from harness.certificates import Authority
from harness.ports import free_port
from harness.process import APPLY_SECONDS, Gateway, Process, RunFlags
from harness.scenario import Scenario, Suite, expect_line
from harness.sharding import HEADER, OWN_HEADER
from harness.waiting import wait_until

SUITE = Suite()
_REF = "extauthzServerRef: {name: auth, namespace: default}"
_ON = "extauth: {customAuth: {contextExtensions: {team: shop, tier: vh}}}"
_ROUTES = [
    asked.route("/public", "extauth: {disable: true}"),
    asked.route("/narrow", "extauth: {customAuth: {contextExtensions: {tier: route}}}"),
    asked.route("/"),
]


class _World:
    """A gateway with two virtual hosts: of `shop.test` the server is asked, of all others it is not."""

    def __init__(self, scenario: Scenario, extauth: str = "", server: bool = True) -> None:
        self.scenario = scenario
        self.port = free_port()
        self.server: Process | None = asked.ext_auth_server(scenario, self.port) if server else None
        _, backend = scenario.backend()
        self.flags: RunFlags = scenario.flags()
        self.write_settings(extauth)
        scenario.write("gateway.yaml", asked.gateway(self.flags.http_port))
        self.write_server()
        scenario.write("backend.yaml", asked.upstream("backend", backend))
        self.write_shop(_ON)
        scenario.write("open.yaml", asked.service("open", [asked.route("/")]))

    def write_settings(self, extauth: str = "") -> None:
        # The usual 0.2 s are too little for a first connection on a busy machine.
        more = extauth if "requestTimeout" in extauth else f"requestTimeout: 5s, {extauth}"
        self.scenario.write("settings.yaml", asked.settings(f"{{extauth: {{{_REF}, {more}}}}}"))

    def write_server(self, more: str = "") -> None:
        self.scenario.write("auth.yaml", asked.grpc_upstream("auth", self.port, more))

    def write_shop(self, options: str) -> None:
        self.scenario.write("shop.yaml", asked.service("shop", _ROUTES, options, "shop.test"))

    def run(self) -> Gateway:
        return self.scenario.run(self.flags)

    def send(self, path: str = "/", headers: dict[str, str] | None = None, body: str = "", host: str = "shop.test"):  # type: ignore[no-untyped-def]
        return asked.send(self.flags.http_port, path, headers, body, host)

    def await_status(self, status: int, path: str = "/", host: str = "shop.test") -> None:
        wait_until(lambda: self.send(path, host=host).status == status, f"{status} of {host}{path}", APPLY_SECONDS)


@SUITE.case_in_both_forms("ext auth: the server allows and denies, and headers go both ways")
def both_ways(scenario: Scenario) -> None:
    world = _World(scenario, "userIdHeader: x-user-id, grpcService: {authority: auth.internal}")
    world.run()
    response = world.send("/a?b=c", {"x-secret": "s", "x-user-id": "mallory"})
    headers = asked.seen(response)["headers"]
    assert headers["x-user-id"] == "alice" and "x-secret" not in headers, headers
    assert headers["x-auth-context"] == "team=shop,tier=vh", headers
    assert headers["x-auth-path"] == "GET /a?b=c" and headers["x-auth-authority"] == "auth.internal", headers
    assert response.header("x-checked") == "yes", response.headers
    # The key of the part of a divided table is nobody's business.
    told = headers["x-auth-headers"].split(",")
    assert "x-secret" in told and HEADER not in told and OWN_HEADER not in told, told
    denied = world.send("/", {"x-deny": "401"})
    assert (denied.status, denied.body) == (401, b"denied by the server"), denied
    assert denied.header("x-auth-path") == "GET /" and denied.header("x-served-by") is None, denied.headers
    # Nobody but the server says who the user is, asked or not.
    for host, path in (("shop.test", "/public"), ("other.test", "/")):
        headers = asked.seen(world.send(path, {"x-deny": "401", "x-user-id": "mallory"}, host=host))["headers"]
        assert "x-auth-path" not in headers and "x-user-id" not in headers, headers


@SUITE.case_in_both_forms("ext auth: routes add to the context of their virtual host, and switch the server off")
def inherited(scenario: Scenario) -> None:
    world = _World(scenario)
    world.run()
    headers = asked.seen(world.send("/narrow"))["headers"]
    assert headers["x-auth-context"] == "team=shop,tier=route", headers
    assert world.send("/narrow", {"x-deny": "403"}).status == 403
    assert world.send("/public", {"x-deny": "403"}).status == 200
    world.write_shop("")  # opting out: only the route still wants it
    world.await_status(200)
    wait_until(lambda: world.send("/", {"x-deny": "403"}).status == 200, "nobody is asked", APPLY_SECONDS)
    headers = asked.seen(world.send("/narrow"))["headers"]
    assert headers["x-auth-context"] == "tier=route", headers


@SUITE.case_in_both_forms("ext auth: the server gets the body, as text, as bytes, and the beginning of a long one")
def bodies(scenario: Scenario) -> None:
    world = _World(scenario, "requestBody: {maxRequestBytes: 8}")
    gateway = world.run()
    assert asked.seen(world.send("/", body="12345678"))["headers"]["x-auth-body"] == "12345678"
    assert world.send("/", body="123456789").status == 413
    revision = gateway.revision()
    world.write_settings("requestBody: {maxRequestBytes: 8, allowPartialMessage: true, packAsBytes: true}")
    gateway.wait_applied(revision)
    # Connections that began before go on with the old listener; each request here has its own.
    wait_until(lambda: world.send("/", body="123456789").status == 200, "a part is enough", APPLY_SECONDS)
    seen = asked.seen(world.send("/", body="123456789"))
    assert seen["headers"]["x-auth-body"] == "raw:12345678" and seen["body"] == "123456789", seen


@SUITE.case_in_both_forms("ext auth: while the server is away, or slow, requests are denied with statusOnError, or pass")
def away(scenario: Scenario) -> None:
    world = _World(scenario, "statusOnError: 503, requestTimeout: 1s")
    gateway = world.run()
    assert world.send().status == 200
    slow = world.send("/", {"x-delay": "9000"})
    assert slow.status == 503 and slow.seconds < 8, slow
    assert world.server
    world.server.stop()
    assert world.send().status == 503
    assert world.send("/public").status == 200 and world.send(host="other.test").status == 200
    revision = gateway.revision()
    world.write_settings("failureModeAllow: true")
    gateway.wait_applied(revision)
    world.await_status(200)
    asked.ext_auth_server(scenario, world.port)
    wait_until(lambda: world.send("/", {"x-deny": "401"}).status == 401, "the server is asked again", APPLY_SECONDS)


@SUITE.case_in_both_forms("ext auth: a server that goes from the configuration leaves nothing unguarded")
def server_gone(scenario: Scenario) -> None:
    world = _World(scenario)
    gateway = world.run()
    assert world.send().status == 200
    mark = gateway.process.mark()
    scenario.write("settings.yaml", asked.settings("{}"))
    expect_line(gateway.process, "error", r"shop\.yaml", "there is no server to ask", after=mark)
    world.await_status(403)
    assert world.send("/public").status == 200 and world.send(host="other.test").status == 200
    world.write_settings()
    world.await_status(200)
    assert gateway.status()["nacks"] == 0, gateway.status()


@SUITE.case_in_both_forms("ext auth: settings that are wrong change nothing, and are named where they stand")
def bad_settings(scenario: Scenario) -> None:
    world = _World(scenario)
    gateway = world.run()
    mark = gateway.process.mark()
    scenario.write("settings.yaml", asked.settings("{extauth: {extauthzServerRef: {name: missing, namespace: default}}}"))
    expect_line(gateway.process, "error", r"settings\.yaml:4", "there is no Upstream default/missing", after=mark)
    assert world.send("/", {"x-deny": "401"}).status == 401 and world.send().status == 200
    world.write_settings()
    expect_line(gateway.process, "mended|fixed|gone|no longer|resolved", after=mark)
    scenario.write("auth.yaml", asked.upstream("auth", world.port))
    expect_line(gateway.process, "error", r"settings\.yaml:4", "needs HTTP/2", after=mark)
    world.await_status(403)
    world.write_server()
    world.await_status(200)
    mark = gateway.process.mark()
    (scenario.objects / "auth.yaml").unlink()
    expect_line(gateway.process, "error", r"settings\.yaml:4", "there is no Upstream default/auth", after=mark)
    world.await_status(403)
    world.write_server()
    world.await_status(200)
    assert gateway.status()["nacks"] == 0, gateway.status()


@SUITE.case_in_both_forms("ext auth: mTLS to the server, with a certificate of the gateway's own")
def mutual_tls(scenario: Scenario) -> None:
    authority = Authority(scenario.folder)
    server, client = (authority.issue(scenario.folder / name, name) for name in ("auth.internal", "gateway"))
    world = _World(scenario, server=False)
    asked.ext_auth_server(scenario, world.port, "--tls", *(str(server / f) for f in ("tls.crt", "tls.key", "ca.crt")))
    scenario.write("secret.yaml", asked.tls_secret("auth-tls", client))
    verify = "sni: auth.internal, verifySubjectAltName: [auth.internal]"
    world.write_server(f"sslConfig: {{secretRef: {{name: auth-tls, namespace: default}}, {verify}}}, ")
    world.run()
    assert asked.seen(world.send())["headers"]["x-auth-peer"] == "gateway"
    assert world.send("/", {"x-deny": "401"}).status == 401
    world.write_server()  # without TLS, nobody answers
    world.await_status(403)
