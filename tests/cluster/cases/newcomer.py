"""What a newcomer does on a cluster that has never seen us: three commands, a look around, and out again.

It runs before all other cases: it is about the namespaces that the commands take by themselves, which others use later.
"""

import json
import pathlib
import re
import tempfile
import time

import yaml

from harness import client
from harness.process import ROOT
from harness.scenario import Suite
from harness.waiting import wait_until
from support import images
from support.cli import Cli
from support.release import values
from support.scenario import Scenario

SUITE = Suite()
_EXAMPLE = ROOT / "examples/cluster/petstore.yaml"
_SYSTEM = "gloo-system"
_SECONDS = 60
# What Kubernetes makes for itself at any time.
_OF_NOBODY = {"events", "nodes", "componentstatuses", "apiservices.apiregistration.k8s.io"}
_OF_NOBODY |= {"flowschemas.flowcontrol.apiserver.k8s.io", "servicecidrs.networking.k8s.io"}
_OF_NOBODY |= {"prioritylevelconfigurations.flowcontrol.apiserver.k8s.io", "ipaddresses.networking.k8s.io"}


def _of_the_cluster(scenario: Scenario) -> set[str]:
    """All objects that are in no namespace, and the namespaces."""
    kinds = scenario.cluster.kubectl("api-resources", "--verbs=list", "--namespaced=false", "-o", "name").split()
    wanted = ",".join(sorted(set(kinds) - _OF_NOBODY))
    return set(scenario.cluster.kubectl("get", wanted, "-o", "name", "--ignore-not-found").split())


def _example() -> str:
    """As it is, but with an image that the nodes of the tests have."""
    text = _EXAMPLE.read_text()
    assert text.count("docker.io/library/python:3.13-alpine") == 1
    return text.replace("docker.io/library/python:3.13-alpine", images.ECHO)


def _get(url: str, path: str) -> client.Response:
    """As curl does."""
    scheme, _, place = url.strip().partition("://")
    host, _, port = place.rpartition(":")
    assert scheme == "http" and host, url
    request = client.compose("GET", path, "HTTP/1.1", [("host", place)], b"")
    return client.exchange(client.Target(int(port), address=host), request, retry_seconds=0)


def _serves(cli: Cli) -> None:
    def answered() -> bool:
        answer = _get(cli("proxy", "url"), "/api/pets")
        return answer.status == 200 and json.loads(answer.body)[0]["name"] == "Dog"

    wait_until(answered, "the pets are served", _SECONDS)


def _looks_around(scenario: Scenario, cli: Cli) -> None:
    """What each command shows of this installation."""
    version = cli("version")
    shown = re.findall(r"\bk8sgateway\S*: \S+", version)
    of_gloo, of_proxies = (image.rpartition("/")[2].replace(":", ": ") for image in (images.GATEWAY, images.PROXY))
    assert _SYSTEM in version and sorted(shown) == [of_proxies, of_gloo, of_gloo], version  # gloo and discovery
    service = scenario.cluster.get("-n", _SYSTEM, "service", "gateway-proxy")
    address = service["status"]["loadBalancer"]["ingress"][0]["ip"]
    assert cli("proxy", "address") == f"{address}:80\n" and cli("proxy", "url") == f"http://{address}:80\n"
    assert cli("proxy", "url", "--port", "https") == f"https://{address}:443\n"
    table = cli("get", "virtualservice")
    assert "petstore" in table and "Accepted" in table, table
    upstreams = cli("get", "upstream", "-n", _SYSTEM)
    assert "default-petstore-8080" in upstreams and "Accepted" in upstreams, upstreams
    proxy = cli.run("get", "proxy")
    assert "gateway-proxy" in proxy.stdout and "8080" in proxy.stdout and not proxy.stderr, proxy
    dump = json.loads(cli("proxy", "dump"))
    tables = [one for one in dump["configs"] if "RoutesConfigDump" in one["@type"]]
    assert "/api/pets" in json.dumps(tables), dump
    assert "control_plane.connected_state: 1" in cli("proxy", "stats")
    served = yaml.safe_load(cli("proxy", "served-config"))
    assert served["listeners"] and "/api/pets" in json.dumps(served["routes"]), served
    assert "is --name the name of a proxy" in cli.run("proxy", "served-config", "--name", "none", code=1).stderr


@SUITE.case("newcomer: install, apply, and a request is served; check finds nothing; uninstall leaves nothing")
def three_commands(scenario: Scenario) -> None:
    assert not scenario.cluster.stage, "this is about a cluster that has never seen us"
    cli, cluster = Cli(scenario), scenario.cluster
    helm = ["--helm", str(cluster.folder / "programs/bin/helm")]
    before = _of_the_cluster(scenario)
    scenario.cleanup.callback(cli.attempt, "uninstall", "--all", *helm)
    with tempfile.TemporaryDirectory() as name:
        file = pathlib.Path(name) / "values.yaml"
        file.write_text(yaml.safe_dump(values()))
        begin = time.monotonic()
        shown = cli("install", "--values", str(file), *helm)
    assert f"runs in namespace {_SYSTEM}" in shown, shown
    made = {one.partition("/")[0] for one in _of_the_cluster(scenario) - before}
    assert len(made) >= 5, f"what is looked at for leftovers is not all: {made}"
    nothing_yet = cli("check")
    assert nothing_yet.endswith("No problems detected.\n"), nothing_yet
    scenario.cleanup.callback(cluster.attempt, "delete", "--ignore-not-found", "-f", "-", stdin=_example())
    installed = time.monotonic()
    cluster.kubectl("apply", "-f", "-", stdin=_example())
    _serves(cli)
    scenario.note(f"install: {installed - begin:.0f} s; the first pets after {time.monotonic() - installed:.1f} s more")
    _looks_around(scenario, cli)
    checked = cli.run("check")
    assert checked.stdout.endswith("No problems detected.\n") and "Skipped" not in checked.stdout, checked
    cluster.kubectl("delete", "-f", "-", stdin=_example())
    kept = cli("uninstall", *helm)
    assert "Discovered Upstreams are left: " in kept and f"kubectl delete upstreams -n {_SYSTEM} -l" in kept, kept
    removed = cli("uninstall", "--all", *helm)
    assert "are gone" in removed, removed
    try:
        wait_until(lambda: _of_the_cluster(scenario) <= before, "nothing is left", _SECONDS)
    except TimeoutError:
        raise AssertionError(f"is left: {sorted(_of_the_cluster(scenario) - before)}") from None
