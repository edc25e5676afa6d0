"""Ten thousand objects at once. Last of all, as it would take the cluster a while to forget them."""

import time

from harness import client
from harness.scenario import Suite
from support import objects
from support.bulk import create_all
from support.load import under_load
from support.objects import says, virtual_service
from support.scenario import Scenario

SUITE = Suite()
_OBJECTS = 10_000
_SECONDS = 60


@SUITE.case("10,000 objects come at once, and the control plane is killed: old routes answer on, and change")
def ten_thousand(scenario: Scenario) -> None:
    stage, own, host = scenario.stage(), scenario.namespace, scenario.host
    scenario.apply(virtual_service("stays", host, says("stays")))
    stage.await_answer(host, body="stays")
    path = f"/apis/gateway.solo.io/v1/namespaces/{own}/virtualservices"
    name = lambda number: f"{number}.{host}"
    with under_load(client.Target(objects.HTTP_PORT), host) as load:
        begin = time.monotonic()
        create_all(
            scenario.cluster,
            path,
            [
                virtual_service(f"many-{number}", name(number), says("many"))
                for number in range(_OBJECTS)
            ],
        )
        created = time.monotonic()
        last = name(_OBJECTS - 1)
        stage.await_answer(last, body="many", seconds=_SECONDS)
        live = time.monotonic()
        for number in range(0, _OBJECTS, _OBJECTS // 20):
            stage.await_answer(name(number), body="many")
        scenario.note(f"created in {created - begin:.1f} s, live {live - created:.2f} s later")
        scenario.note(f"at most {stage.control_plane.peak_memory()} MiB in the control plane")
    scenario.note(load.expect_no_failure())
    with under_load(client.Target(objects.HTTP_PORT), host) as load:
        scenario.apply(virtual_service("stays", host, says("edited")))
        stage.await_answer(host, body="edited")
        before = stage.proxy.updates(tables=True)
        killed = time.monotonic()
        stage.control_plane.restart()
        stage.control_plane.wait_ready(_SECONDS)
        scenario.note(f"ready {time.monotonic() - killed:.2f} s after it was killed")
        scenario.apply(virtual_service("stays", host, says("edited again")))
        stage.await_answer(host, body="edited again", seconds=_SECONDS)
    load.expect_no_failure()
    after = stage.proxy.updates(tables=True)
    assert after == {**before, "rds": before["rds"] + 1}, (before, after)
