"""Divided route tables: a listener is held back while Envoy lacks tables that it needs, and no request is lost."""

import json

from harness import asked, client, objects
from harness.ports import free_port
from harness.process import APPLY_SECONDS
from harness.scenario import Scenario, Suite, await_answer, expect_answer
from harness.sharding import MODULE, Load, admin, divided
from harness.waiting import wait_until

from .file_mode import FileMode
from .sharding import answers, sites

SUITE = Suite()


def await_more(load: Load) -> None:
    """Until the listener that is in force now was asked often. Fails when any answer was wrong so far."""
    wanted = load.requests + 100
    wait_until(lambda: load.wrong or load.requests >= wanted, "a hundred more requests", APPLY_SECONDS)
    assert not load.wrong, f"{len(load.wrong)} of {load.requests} wrong: {load.wrong[:5]}"


def gateway_in(port: int, shards: str) -> str:
    """A Gateway whose table is in this many parts."""
    annotated = f"metadata: {{annotations: {{k8sgateway.io/route-shards: '{shards}'}}, "
    return asked.gateway(port).replace("metadata: {", annotated)


def parts_in_force(admin_port: int) -> str:
    """Into how many parts the listener in force divides, as the text that the module gets."""
    dump = json.loads(admin(admin_port, "/config_dump?resource=dynamic_listeners"))
    text = json.dumps([one.get("active_state") for one in dump["configs"]])
    _, begin, rest = text.partition(f'"{MODULE} ')
    return rest.split(" ")[0] if begin else ""


@SUITE.case("divided: a listener leaves for an Envoy behind the tables that it needs")
def behind_its_tables(scenario: Scenario) -> None:
    # So many that Envoy needs a while for all parts, in which the new listener would answer with 404.
    count = 4_000
    flags = divided(scenario.flags(), "auto")
    scenario.write("a.yaml", sites(count))
    scenario.write("gateway.yaml", gateway_in(flags.http_port, "16"))
    scenario.run(flags)
    load = Load(flags.http_port, answers(count), fresh=True)
    for shards in ("128", "32", "512"):
        scenario.write("gateway.yaml", gateway_in(flags.http_port, shards))
        wait_until(lambda shards=shards: parts_in_force(flags.admin_port) == shards, f"{shards} parts", 30)
        await_more(load)
    load.stop()


class _Fussy:
    """A `gloo` whose only Envoy takes short regexes only, which the control plane cannot know; sites, one of them with a
    long regex when that is asked for; and a Gateway whose table is in so many parts."""

    COUNT = 40

    def __init__(self, scenario: Scenario, shards: str) -> None:
        scenario.divided = True
        self._admin_port = free_port()
        self.mode = FileMode(scenario, more=["--admin-bind", f"127.0.0.1:{self._admin_port}"])
        self.divide(shards)
        for i in range(self.COUNT):
            self.answer(i, f"s{i}")
        self.mode.envoy(runtime="re2.max_program_size.error_level: 20")
        self.envoy_port = scenario.admin_ports[-1]
        await_answer(self.mode.http_port, f"s{self.COUNT - 1}", f"h{self.COUNT - 1}.example.com", seconds=20)
        self.await_parts(shards)

    def divide(self, shards: str) -> None:
        """Says into how many parts."""
        text = objects.flat_gateway(self.mode.http_port).replace(
            "metadata: {", f"metadata: {{annotations: {{k8sgateway.io/route-shards: '{shards}'}}, "
        )
        self.mode.write("gateways", "gateway-proxy", text)

    def answer(self, i: int, body: str, matcher: str = "prefix: /") -> None:
        """What a site says."""
        text = objects.flat_direct(body).replace("site", f"s{i}").replace("*", f"h{i}.example.com")
        self.mode.write("virtualservices", f"s{i}", text.replace("prefix: /", matcher))

    def await_parts(self, shards: str) -> None:
        """Waits for a listener in force that divides into so many parts, or not at all."""
        wanted = "" if shards == "off" else shards
        wait_until(lambda: parts_in_force(self.envoy_port) == wanted, f"{shards} parts", APPLY_SECONDS)

    def held_back(self) -> list[str]:
        """The listeners that wait."""
        (one,) = json.loads(client.get(self._admin_port, "/clients").body)["data"]["clients"]
        return one["heldBack"]


def _held_until_mended(scenario: Scenario, before: str, after: str) -> None:
    """A site is refused, and the division changes: the listener changes when the site is good again."""
    fussy = _Fussy(scenario, before)
    # All are answered at any moment, also those that share a table with the one that is refused, and that one.
    expected: dict[str, str | None] = {**answers(fussy.COUNT), "h7.example.com": None}
    load = Load(fussy.mode.http_port, expected, fresh=True)
    fussy.answer(7, "long", 'regex: "/[a-z]{0,15}"')
    wait_until(lambda: fussy.mode.status()["nacks"] > 0, "Envoy refuses the site", APPLY_SECONDS)
    fussy.divide(after)
    wait_until(
        lambda: load.wrong or fussy.held_back() == [f"listener-127.0.0.1-{fussy.mode.http_port}"],
        "the listener is held back",
        APPLY_SECONDS,
    )
    await_more(load)
    fussy.await_parts(before)
    expect_answer(fussy.mode.http_port, "s7", "h7.example.com")
    fussy.answer(7, "mended")
    fussy.await_parts(after)
    await_answer(fussy.mode.http_port, "mended", "h7.example.com")
    assert not fussy.held_back()
    await_more(load)
    load.stop()


@SUITE.case("divided: a part that Envoy refuses holds the listener back that would lose it")
def refused_part(scenario: Scenario) -> None:
    _held_until_mended(scenario, "16", "8")


@SUITE.case("divided: a table that Envoy refuses stays whole until it is mended")
def refused_whole(scenario: Scenario) -> None:
    _held_until_mended(scenario, "off", "8")
