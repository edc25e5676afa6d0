"""The webhook at its bounds: namespaces that go, certificates that do not serve, reviews that are large."""

import collections
import concurrent.futures
import contextlib
import pathlib
import re
import tempfile
import time
from typing import Any, Iterator

from cases.admission import BAD_REGEX, answers, attempt, validated
from harness.process import ROOT
from harness.scenario import Suite
from support import webhook
from support.objects import says, static_upstream, to_upstream, virtual_service
from support.scenario import Scenario
from support.stage import settings

SUITE = Suite()
_EXPIRY = 'k8sgateway_certificate_expiry_timestamp_seconds{certificate="webhook"}'
_FAILED = "validation_gateway_solo_io_certificate_reload_failed"
_LARGE, _AT_ONCE, _TRIES = 9 << 20, 64, 8
_TOO_LARGE, _ITEMS = 50 << 20, 1000


@contextlib.contextmanager
def _watching_labelled(scenario: Scenario, *namespaces: str) -> Iterator[None]:
    """Namespaces with a label are watched, these have it, and warnings deny."""
    stage, cluster = scenario.stage(), scenario.cluster
    for one in namespaces:
        cluster.kubectl("label", "namespace", one, "served=yes")
    with validated(scenario, allowWarnings=False):
        validation = {**stage.validation, "alwaysAccept": False, "allowWarnings": False}
        selector = {"matchLabels": {"served": "yes"}}
        cluster.apply(settings(gateway={"validation": validation}, watchNamespaceSelectors=[selector]))
        yield


def _shared(scenario: Scenario, other: str) -> None:
    """A host of the case that leads to an Upstream of another namespace."""
    upstream = static_upstream("shared", "127.0.0.1")
    upstream["metadata"]["namespace"] = other
    scenario.cluster.apply(upstream)
    scenario.stage().await_written("upstream", "shared", other)
    taken, said = attempt(scenario, virtual_service("all", scenario.host, to_upstream("shared", other)))
    assert taken, said
    scenario.stage().await_state("virtualservice", "all", scenario.namespace, "Accepted")


@SUITE.case("a Namespace with an Upstream in use may not leave the selectors of watched ones, nor go; unused, it may")
def namespace_in_use(scenario: Scenario) -> None:
    stage, cluster, own = scenario.stage(), scenario.cluster, scenario.namespace
    other, free = f"{own}-other", f"{own}-free"
    scenario.make_namespace(other)
    scenario.make_namespace(free)
    with _watching_labelled(scenario, own, other):
        _shared(scenario, other)
        unlabel = ("label", "namespace", other, "served-")
        stage.wait(lambda: not cluster.attempt(*unlabel, "--dry-run=server")[0], "the selectors are in force")
        for words in (unlabel, ("delete", "namespace", other, "--wait=false")):
            done, said = cluster.attempt(*words)
            assert not done and f"{other}/shared" in said, (words, said)
        # What keeps it among those that are watched is nobody's concern; nor are namespaces that are not.
        cluster.kubectl("label", "namespace", other, "more=yes")
        cluster.kubectl("label", "namespace", free, "more=yes")
        cluster.kubectl("delete", "namespace", free, "--wait=false")
        assert stage.status_of("virtualservice", "all", own)["state"] == "Accepted"
        scenario.kubectl("delete", "virtualservice", "all")
        stage.await_answer(scenario.host, status=404)
        cluster.kubectl("label", "namespace", other, "served-")


@SUITE.case("the webhook's certificate expires, or gets a key of another: edits fail or pass as failurePolicy says")
def bad_certificates(scenario: Scenario) -> None:
    stage, cluster = scenario.stage(), scenario.cluster
    metric = stage.control_plane.metric
    good = lambda number: virtual_service("good", scenario.host, says(number))
    with validated(scenario, allowWarnings=True) as certificate, tempfile.TemporaryDirectory() as name:
        ends = metric(_EXPIRY)
        try:
            failed = metric(_FAILED)
            certificate.mismatch(pathlib.Path(name))
            stage.wait(lambda: metric(_FAILED) > failed, "the metric tells of a key that does not fit")
            assert metric(_EXPIRY) == ends and answers(scenario), "the pair before stays in use"
            certificate.expire(pathlib.Path(name))
            stage.wait(lambda: metric(_EXPIRY) < ends, "the metric tells when the new certificate ends")
            # The API server keeps connections that it has.
            cluster.apply(webhook.registration(certificate))
            cluster.restart_api_server()
            refused = lambda: not attempt(scenario, good("1"), dry=True)[0]
            stage.wait(refused, "the API server looks at the certificate", 30)
            taken, said = attempt(scenario, good("2"))
            assert not taken and "certificate has expired" in said, said
            cluster.apply(webhook.registration(certificate, "Ignore"))
            stage.wait(lambda: attempt(scenario, good("3"))[0], "failurePolicy Ignore lets it pass", 30)
            stage.await_answer(scenario.host, body="3")
        finally:
            certificate.restore()
            cluster.apply(webhook.registration(certificate))
        stage.wait(lambda: answers(scenario), "verdicts with the certificate of before", 30)


def _large(scenario: Scenario, number: int) -> bytes:
    """A review as large as one may be: of long texts, or of as many values as one may have; some have no end."""
    routes: list[Any] = [says("x" * (_LARGE // 2))] * 2
    if number % 4:
        routes = [says("y", f"/{index}") for index in range(_LARGE // 150)]
    whole = webhook.review(virtual_service(f"large-{number}", f"large.{scenario.host}", *routes))
    return whole[:-1] if number % 4 == 3 else whole


def _promised() -> int:
    """MiB that all callers together may cost, as users read it."""
    page = (ROOT / "docs/security.md").read_text()
    (most,) = re.findall(r"at most \*\*(\d+) MiB\*\*", page)
    return int(most)


def _list_of(scenario: Scenario, *last: Any) -> bytes:
    """As many objects at once as there may be."""
    ones = [virtual_service(f"n{i}", f"n{i}.{scenario.host}", says("x")) for i in range(_ITEMS - len(last))]
    items = [{**one, "metadata": {**one["metadata"], "namespace": scenario.namespace}} for one in [*ones, *last]]
    return webhook.review({"apiVersion": "v1", "kind": "List", "metadata": {"name": "many"}, "items": items})


@SUITE.case("a List of 1,000 is judged as one; 50 MB are refused, and nobody waits for their end")
def many_items(scenario: Scenario) -> None:
    scenario.stage()
    with validated(scenario, allowWarnings=True):
        begin = time.monotonic()
        status, said = webhook.ask(_list_of(scenario))
        scenario.note(f"{_ITEMS} in {(time.monotonic() - begin) * 1000:.0f} ms")
        assert status == 200 and '"allowed":true' in said, said
        status, said = webhook.ask(_list_of(scenario, virtual_service("bad", f"bad.{scenario.host}", BAD_REGEX)))
        assert status == 200 and '"allowed":false' in said and "regex" in said and "/bad" in said, said
        more = virtual_service("more", f"more.{scenario.host}", says("x"))
        status, said = webhook.ask(_list_of(scenario, *[more] * (_ITEMS + 1)))
        assert '"allowed":true' not in said and str(_ITEMS) in said, (status, said)
        connection = webhook.connect()
        with contextlib.closing(connection):
            connection.putrequest("POST", "/validation")
            connection.putheader("content-type", "application/json")
            connection.putheader("content-length", str(_TOO_LARGE))
            connection.endheaders()
            assert connection.getresponse().status == 413
        assert answers(scenario)


@SUITE.case("large reviews, many at once, are answered, and leave the memory of the control plane bounded")
def large_reviews(scenario: Scenario) -> None:
    stage = scenario.stage()
    scenario.apply(virtual_service("all", scenario.host, says("one")))
    stage.await_answer(scenario.host, body="one")
    with validated(scenario, allowWarnings=True):
        bodies = [_large(scenario, number) for number in range(4)]
        assert _LARGE < max(map(len, bodies)) < 10 << 20, list(map(len, bodies))
        stage.control_plane.forget_peak_memory()
        before = stage.control_plane.peak_memory()

        def ask(number: int) -> int:
            for _ in range(_TRIES):  # when too many bytes are coming, it cuts off who is last
                with contextlib.suppress(OSError):
                    return webhook.ask(bodies[number % len(bodies)])[0]
            return 0

        with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
            codes = collections.Counter(pool.map(ask, range(_AT_ONCE)))
        grown = stage.control_plane.peak_memory() - before
        scenario.note(f"{dict(codes)}, {grown} MiB more at the peak")
        assert codes[200] >= 1 and codes[400] >= 1 and codes[503] >= 1, codes
        assert grown <= _promised(), f"{grown} MiB for reviews of {_LARGE >> 20} MiB, {_AT_ONCE} at once"
        stage.wait(lambda: answers(scenario), "others are answered")
    scenario.apply(virtual_service("all", scenario.host, says("two")))
    stage.await_answer(scenario.host, body="two")
