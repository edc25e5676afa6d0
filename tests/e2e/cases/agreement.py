"""explain says what the real Envoy does: random requests, asked of both."""

import random
import re
import subprocess
import time

import yaml

from harness import client, objects
from harness.process import binary
from harness.scenario import Scenario, Suite, await_answer

SUITE = Suite()
_SEEDS = (1, 2, 3)
_REQUESTS = 80  # for each seed
_WORDS = ["a", "b", "ab", "Admin", "x1", "%61", "a b"]
_HOSTS = ["a.example", "b.a.example", "c.b.a.example", "A.Example", "a.example:80", "a.test", "a."]
_DOMAINS = ["a.example", "*.a.example", "*.example", "a.*", "b.a.*", "*-x.example", "a.example:80"]

Object = dict[str, object]


class _Site:
    """Virtual services in which each route answers with its own name."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        domains = _DOMAINS.copy()
        chance.shuffle(domains)
        self.objects = [self._service(f"s{i}", domains[2 * i : 2 * i + 2]) for i in range(3)]
        if chance.random() < 0.5:
            self.objects.append(self._service("rest", ["*"]))

    def _service(self, name: str, domains: list[str]) -> Object:
        routes = []
        for index in range(6):
            matchers = [self._matcher() for _ in range(self.chance.choice([1, 1, 2]))]
            answer = {"status": 200, "body": f"{name}/{index}"}
            routes.append({"matchers": matchers, "directResponseAction": answer})
        return {
            "apiVersion": "gateway.solo.io/v1",
            "kind": "VirtualService",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"virtualHost": {"domains": domains, "routes": routes}},
        }

    def _matcher(self) -> Object:
        kind = self.chance.choice(["prefix", "prefix", "exact", "regex"])
        path = self.path(2) if kind != "regex" else self.chance.choice(["/[ab]+", "/.*/a", "/a.*"])
        matcher: Object = {kind: path}
        if kind != "regex" and self.chance.random() < 0.3:
            matcher["caseSensitive"] = False
        if self.chance.random() < 0.4:
            matcher["headers"] = [self._header()]
        if self.chance.random() < 0.3:
            matcher["queryParameters"] = [self._query()]
        if self.chance.random() < 0.3:
            matcher["methods"] = self.chance.sample(["GET", "POST", "PUT"], 2)
        return matcher

    def _header(self) -> Object:
        header: Object = {"name": self.chance.choice(["x-a", "X-B"])}
        if self.chance.random() < 0.8:
            header["value"], header["regex"] = self.chance.choice(
                [("1", False), ("2", False), ("[0-9]", True), (".*,.*", True)]
            )
        header["invertMatch"] = self.chance.random() < 0.4
        return header

    def _query(self) -> Object:
        query: Object = {"name": self.chance.choice(["p", "q"])}
        if self.chance.random() < 0.7:
            query["value"], query["regex"] = self.chance.choice([("1", False), ("[12]+", True)])
        return query

    def path(self, most: int) -> str:
        count = self.chance.randint(0, most)
        return "/" + "/".join(self.chance.choice(["a", "b", "ab", "Admin"]) for _ in range(count))


def _request(chance: random.Random, site: _Site) -> tuple[str, str, str, list[tuple[str, str]]]:
    """Method, host, path and headers."""
    path = site.path(3)
    if chance.random() < 0.4:
        parts = ["..", ".", "", "%2e%2E", "%61b", "a%2fb", "\\b", "ADMIN"]
        path = "/" + "/".join(
            chance.choice(["a", "b", *parts]) for _ in range(chance.randint(1, 4))
        )
    if chance.random() < 0.5:
        values = [chance.choice(["p=1", "p=2", "q=1", "q", "p=", "p=1&p=2"]) for _ in range(2)]
        path += "?" + "&".join(values)
    headers = []
    for name in ("x-a", "x-b"):
        for _ in range(chance.choice([0, 1, 1, 2])):
            headers.append((name, chance.choice(["1", "2", "x"])))
    return chance.choice(["GET", "POST", "HEAD"]), chance.choice(_HOSTS), path, headers


def _explained(text: str) -> str:
    """What explain says will be answered: the name of the route, or the status."""
    if status := re.search(r"(?m)^answer +(\d+),? ", text):
        if status[1] != "200":
            return status[1]
    if route := re.search(r"(?m)^route +default\.(\w+)-route-(\d+)-matcher-", text):
        return f"{route[1]}/{route[2]}"
    return "404" if "so the answer is 404" in text else text


@SUITE.case_in_both_forms("explain: the real Envoy answers as it says")
def agreement(scenario: Scenario) -> None:
    differences: list[str] = []
    kinds: set[str] = set()
    gateway = scenario.launch()
    gateway.process.wait_ready()
    for seed in _SEEDS:
        chance = random.Random(seed)
        site = _Site(chance)
        # Envoy acknowledges a table a moment before its workers use it: the marker shows they do.
        marker = objects.direct("marker", f"seed {seed}", "marker.test")
        scenario.write("site.yaml", yaml.safe_dump_all(site.objects) + "---\n" + marker)
        await_answer(gateway.flags.http_port, f"seed {seed}", "marker.test")
        for _ in range(_REQUESTS):
            method, host, path, headers = _request(chance, site)
            ask = lambda: client.exchange(
                client.Target(gateway.flags.http_port),
                client.compose(method, path, "HTTP/1.1", [("host", host), *headers], b""),
                method,
            )
            answer = ask()
            flags = ["--request", f"{method} http://explained{path}", "-H", f"host: {host}"]
            for name, value in headers:
                flags += ["-H", f"{name}: {value}"]
            told = _explain(scenario, flags)
            assert "-routes/" not in told, f"a part of the table is named: {told}"
            expected = _explained(told)
            if method == "HEAD" and "/" in expected:  # the route shows in the body only
                expected = "200"
            if (answer.body.decode() or str(answer.status)) != expected:
                # Another part of the table may be there a moment after that of the marker.
                time.sleep(1)
                answer = ask()
            actual = answer.body.decode() or str(answer.status)
            kinds.add(expected)
            if actual != expected:
                case = f"seed {seed}: {method} {host} {path} {headers}"
                differences.append(f"{case}: {actual}, but explain:\n{told}")
    shown = "\n".join(differences[:5])
    assert not differences, f"{len(differences)} differences, such as:\n{shown}"
    assert len(kinds) > 15 and "404" in kinds, f"too few kinds of answers: {sorted(kinds)}"


def _explain(scenario: Scenario, flags: list[str]) -> str:
    arguments = [str(binary(scenario.preset)), "explain", str(scenario.objects), *flags]
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
