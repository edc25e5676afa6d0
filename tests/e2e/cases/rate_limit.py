"""`run`: the real rate-limit service of Envoy, with a real Redis, is asked."""

from typing import Any

from harness import asked, client
from harness.ports import free_port
from harness.process import APPLY_SECONDS
from harness.rate_limit_service import RateLimitService
from harness.scenario import Scenario, Suite
from harness.waiting import wait_until

SUITE = Suite()
_SERVER = "ratelimitServerRef: {name: limits, namespace: default}"
_HOURS = "rate_limit: {unit: hour, requests_per_unit: %d}"
_RULES = f"""\
domain: custom
descriptors:
- {{key: generic_key, value: all, {_HOURS % 3}}}
- {{key: generic_key, value: vh, {_HOURS % 5}}}
- {{key: remote_address, {_HOURS % 2}}}
- {{key: user, {_HOURS % 1}}}
- {{key: header_match, value: expensive, {_HOURS % 1}}}
- key: source_cluster
  descriptors:
  - {{key: destination_cluster, value: backend_default, {_HOURS % 1}}}
- {{key: tier, value: gold, {_HOURS % 1}}}
"""


def _limits(*actions: str) -> str:
    return "rateLimits: [" + ", ".join(f"{{actions: [{one}]}}" for one in actions) + "]"


def _routes() -> list[str]:
    header = "headerValueMatch: {descriptorValue: expensive, headers: [{name: x-cost, rangeMatch: {start: 100, end: 1000}}]}"
    metadata = "metadata: {descriptorKey: tier, metadataKey: {key: app, path: [{key: tier}]}, source: ROUTE_ENTRY}"
    limits = {
        "/all": _limits("{genericKey: {descriptorValue: all}}"),
        "/address": _limits("{remoteAddress: {}}"),
        "/user": _limits("{requestHeaders: {headerName: x-user, descriptorKey: user}}"),
        "/cost": _limits(f"{{{header}}}"),
        "/clusters": _limits("{sourceCluster: {}}, {destinationCluster: {}}"),
        "/both": "includeVhRateLimits: true, " + _limits("{genericKey: {descriptorValue: all}}"),
        "/metadata": _limits(f"{{{metadata}}}"),
    }
    more = {"/metadata": ", envoyMetadata: {app: {tier: gold}}"}
    routes = [asked.route(path, f"ratelimit: {{{text}}}{more.get(path, '')}") for path, text in limits.items()]
    return [*routes, asked.route("/")]


class _World:
    """A gateway in front of a backend, with a route for each action."""

    def __init__(self, scenario: Scenario, limits_port: int, server: str = "", options: str = "") -> None:
        _, backend = scenario.backend()
        flags = scenario.flags()
        self.port = flags.http_port
        vh = f"ratelimit: {{{_limits('{genericKey: {descriptorValue: vh}}')}}}"
        scenario.write("settings.yaml", asked.settings(f"{{ratelimitServer: {{{_SERVER}, {server}}}}}"))
        scenario.write("gateway.yaml", asked.gateway(self.port, options))
        scenario.write("limits.yaml", asked.grpc_upstream("limits", limits_port))
        scenario.write("backend.yaml", asked.upstream("backend", backend))
        scenario.write("free.yaml", asked.service("free", [asked.route("/")], domain="free.test"))
        scenario.write("limited.yaml", asked.service("limited", _routes(), vh))
        self.more(scenario)
        self.gateway = scenario.run(flags)
        # The service is not connected to before the first request.
        wait_until(lambda: self.send("/", host="free.test").status == 200, "the gateway serves", APPLY_SECONDS)

    def more(self, scenario: Scenario) -> None:
        """For further objects."""

    def send(self, path: str, headers: dict[str, str] | None = None, host: str = "localhost") -> client.Response:
        return asked.send(self.port, path, headers, host=host)

    def statuses(self, count: int, path: str, headers: dict[str, str] | None = None) -> list[int]:
        return [self.send(path, headers).status for _ in range(count)]


@SUITE.case_in_both_forms("rate limit: the real service counts by each kind of action")
def actions(scenario: Scenario) -> None:
    world = _World(scenario, RateLimitService(scenario, _RULES).port, "requestTimeout: 2s")
    assert world.statuses(4, "/all") == [200, 200, 200, 429]
    assert world.statuses(3, "/address") == [200, 200, 429]
    assert world.statuses(2, "/user", {"x-user": "alice"}) == [200, 429]
    assert world.statuses(1, "/user", {"x-user": "bob"}) == [200]
    assert world.statuses(3, "/user") == [200] * 3  # without the header there is nothing to count
    assert world.statuses(2, "/cost", {"x-cost": "100"}) == [200, 429]
    assert world.statuses(2, "/cost", {"x-cost": "99"}) == [200, 200]
    assert world.statuses(2, "/metadata") == [200, 429]
    assert world.statuses(2, "/clusters") == [200, 429]
    assert world.send("/", host="free.test").status == 200
    assert world.gateway.status()["nacks"] == 0, world.gateway.status()


@SUITE.case_in_both_forms("rate limit: routes have the limits of their virtual host, their own, or both")
def of_virtual_hosts(scenario: Scenario) -> None:
    world = _World(scenario, RateLimitService(scenario, _RULES).port, "requestTimeout: 2s")
    assert world.statuses(3, "/both") == [200] * 3  # three of each
    assert world.statuses(1, "/both") == [429]  # by its own; this counts for the virtual host, too
    assert world.statuses(2, "/") == [200, 429]  # by that of the virtual host alone


@SUITE.case_in_both_forms("rate limit: refused requests say so in headers, and do not reach the backend")
def headers(scenario: Scenario) -> None:
    service = RateLimitService(scenario, _RULES)
    world = _World(scenario, service.port, "requestTimeout: 2s, enableXRatelimitHeaders: true")
    first = world.send("/user", {"x-user": "alice"})
    assert (first.status, first.header("x-ratelimit-remaining")) == (200, "0"), first.headers
    assert (first.header("x-ratelimit-limit") or "").startswith("1, 1;w=3600"), first.headers
    refused = world.send("/user", {"x-user": "alice"})
    assert refused.status == 429 and refused.header("x-envoy-ratelimited") == "true", refused.headers
    assert refused.header("x-served-by") is None and refused.header("x-ratelimit-reset"), refused.headers


@SUITE.case_in_both_forms("rate limit: while the service is away, requests pass, or are refused with denyOnFail")
def away(scenario: Scenario) -> None:
    service = RateLimitService(scenario, _RULES)
    world = _World(scenario, service.port, "requestTimeout: 2s")
    assert world.statuses(3, "/address") == [200, 200, 429]
    service.process.stop()
    assert world.statuses(3, "/address") == [200] * 3
    revision = world.gateway.revision()
    scenario.write("settings.yaml", asked.settings(f"{{ratelimitServer: {{{_SERVER}, denyOnFail: true}}}}"))
    world.gateway.wait_applied(revision)
    wait_until(lambda: world.send("/address").status == 500, "requests are refused", APPLY_SECONDS)
    assert world.send("/", host="free.test").status == 200


class _WithAuth(_World):
    """A virtual host with limits and an authorization server."""

    def more(self, scenario: Scenario) -> None:
        port = free_port()
        asked.ext_auth_server(scenario, port)
        scenario.write("auth.yaml", asked.grpc_upstream("auth", port))
        options = f"extauth: {{customAuth: {{}}}}, ratelimit: {{{_limits('{genericKey: {descriptorValue: all}}')}}}"
        scenario.write("both.yaml", asked.service("both", [asked.route("/")], options, "both.test"))

    def ask(self, count: int, **headers: Any) -> list[int]:
        return [self.send("/", headers, "both.test").status for _ in range(count)]


_AUTH = "extauth: {extauthzServerRef: {name: auth, namespace: default}, requestTimeout: 2s}"


@SUITE.case_in_both_forms("rate limit: after authorization, denied requests are not counted")
def after_authorization(scenario: Scenario) -> None:
    world = _WithAuth(scenario, RateLimitService(scenario, _RULES).port, "requestTimeout: 2s", _AUTH)
    assert world.ask(5, **{"x-deny": "401"}) == [401] * 5
    assert world.ask(4) == [200, 200, 200, 429]


@SUITE.case_in_both_forms("rate limit: before authorization, denied requests are counted")
def before_authorization(scenario: Scenario) -> None:
    server = "requestTimeout: 2s, rateLimitBeforeAuth: true"
    world = _WithAuth(scenario, RateLimitService(scenario, _RULES).port, server, _AUTH)
    assert world.ask(5, **{"x-deny": "401"}) == [401, 401, 401, 429, 429]
