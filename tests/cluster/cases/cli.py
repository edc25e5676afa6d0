"""The commands of users, on a cluster with real pods: get, check, proxy, install, add, create and delete."""

import json
import pathlib
import subprocess
import tempfile
import time
from typing import Any

import yaml

from harness.process import binary
from harness.scenario import Suite
from harness.waiting import wait_until
from support import images
from support.cli import Cli
from support.objects import kube_upstream, says, static_upstream, to_table, to_upstream, virtual_service
from support.scenario import OWN_USER, Scenario
from support.stage import SECONDS
from support.control_plane import SYSTEM

SUITE = Suite()


def _deploy_proxy(scenario: Scenario, labels: list[str]) -> None:
    """A pod with a control plane (9977) and an Envoy (19000), both on loopback."""
    scenario.deploy(
        "gateway-proxy",
        {
            "image": images.PROXY,
            "args": ["run", "--to=127.0.0.1:1", "--bind=::", "--concurrency=1"],
            "ports": [{"containerPort": 8080}],
            "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
        },
        securityContext=OWN_USER,
    )
    scenario.kubectl("label", "pods", "-l", "app=gateway-proxy", *labels)


@SUITE.case("get: objects with their statuses, in each form")
def get(scenario: Scenario) -> None:
    stage, cli, namespace = scenario.stage(), Cli(scenario), scenario.namespace
    scenario.apply(
        kube_upstream("web", "echo", namespace),
        virtual_service("site", scenario.host, to_upstream("web", namespace), to_upstream("none", namespace, "/none")),
    )
    stage.await_written("virtualservice", "site", namespace)
    table = cli("get", "vs", "-n", namespace)
    for text in ("VIRTUAL SERVICE", scenario.host, "Warning", "none", f"/ -> {namespace}.web (upstream)"):
        assert text in table, table
    assert "NAMESPACE" not in table and "NAMESPACE" in cli("get", "virtualservices")
    assert "Kubernetes" in cli("get", "upstream", "web", "-n", namespace)
    flat = list(yaml.safe_load_all(cli("get", "vs", "site", "-n", namespace, "-o", "yaml")))
    assert len(flat) == 1 and flat[0]["virtualHost"]["domains"] == [scenario.host], flat
    assert SYSTEM in flat[0]["namespacedStatuses"]["statuses"]
    assert json.loads(cli("get", "vs", "site", "-n", namespace, "-o", "json"))[0]["metadata"]["name"] == "site"
    applied = cli("get", "vs", "site", "-n", namespace, "-o", "kube-yaml")
    assert "unchanged" in scenario.kubectl("apply", "-f", "-", stdin=applied) or "configured" in scenario.kubectl(
        "apply", "-f", "-", stdin=applied
    )
    assert "there is no VirtualService" in cli.run("get", "vs", "nobody", code=1).stderr
    proxies = cli.run("get", "proxy", "gateway-proxy", "-n", SYSTEM, "-o", "yaml")
    assert scenario.host in proxies.stdout, proxies


@SUITE.case("check: broken references are told with the field and the mend, also while no control plane runs")
def check(scenario: Scenario) -> None:
    stage, cli, namespace = scenario.stage(), Cli(scenario), scenario.namespace
    skipped = ["-x", "deployments,pods,webhooks", "--read-only"]
    scenario.apply(
        virtual_service(
            "site",
            scenario.host,
            to_upstream("none", namespace, "/none"),
            to_table("nowhere", namespace, "/part"),
            says("fine"),
        ),
        virtual_service(
            "secure", f"tls.{scenario.host}", says("x"), sslConfig={"secretRef": {"name": "cert", "namespace": namespace}}
        ),
    )
    stage.await_written("virtualservice", "site", namespace)

    def told() -> str:
        return json.dumps(cli.problems(*skipped))

    for text in (f"there is no Upstream {namespace}/none", "nowhere", "cert", "virtualHost.routes[0]"):
        assert text in told(), told()
    assert "mend" in told()
    assert "Checking deployments" not in cli("check", *skipped, code=1)
    stage.control_plane.process.stop()
    try:
        scenario.apply(virtual_service("new", f"new.{scenario.host}", to_upstream("gone", namespace)))
        assert f"there is no Upstream {namespace}/gone" in told(), told()
    finally:
        stage.control_plane.restart()
        stage.control_plane.wait_ready()
    stage.await_written("virtualservice", "new", namespace)
    scenario.kubectl("delete", "virtualservice", "site", "secure", "new")
    scenario.apply(virtual_service("site", scenario.host, says("fine")))
    stage.await_state("virtualservice", "site", namespace, "Accepted")
    assert told() == "[]", told()


@SUITE.case("proxy: the admin port and xDS of a pod are reached through the API server; refusals of the API are told")
def proxy(scenario: Scenario) -> None:
    cli, namespace = Cli(scenario), scenario.namespace
    _deploy_proxy(scenario, ["gateway-proxy-id=gateway-proxy"])
    place = ["-n", namespace]
    dump = json.loads(cli("proxy", "dump", *place))
    assert any("BootstrapConfigDump" in one["@type"] for one in dump["configs"]), dump
    assert "control_plane.connected_state: 1" in cli("proxy", "stats", *place)
    assert "ready in" in cli("proxy", "logs", *place, "--tail", "50")
    address = scenario.balanced("gateway-proxy")
    assert cli("proxy", "address", *place, "--port", "8080") == f"{address}:8080\n"
    assert cli("proxy", "url", *place, "--port", "p8080") == f"http://{address}:8080\n"
    edge = {"name": "elsewhere", "labels": {"gateway-proxy-id": "edge"}}
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    scenario.apply({"apiVersion": "v1", "kind": "Service", "metadata": edge,
                    "spec": {"type": "LoadBalancer", "selector": {"app": "gateway-proxy"}, "ports": ports}})
    assert cli("proxy", "url", *place, "--name", "edge") == f"http://{scenario.balanced('elsewhere')}:80\n"
    wrong = cli.run("proxy", "url", *place, code=1)
    assert 'no port "http"' in wrong.stderr and "p8080" in wrong.stderr, wrong.stderr
    assert "there is no pod of proxy other" in cli.run("proxy", "dump", *place, "--name", "other", code=1).stderr
    begin = time.monotonic()
    for _ in range(20):
        cli("proxy", "stats", *place)
    scenario.note(f"proxy stats takes {(time.monotonic() - begin) / 20 * 1000:.0f} ms")
    metrics = cli.problems("-n", namespace, "-x", "deployments,pods,webhooks,proxies")
    assert not [one for one in metrics if one["section"] == "xds-metrics"], metrics


@SUITE.case("proxy: a port that nobody listens on is an error that says so")
def nobody_listens(scenario: Scenario) -> None:
    cli = Cli(scenario)
    scenario.deploy_echo("gateway-proxy")
    scenario.kubectl("label", "pods", "-l", "app=gateway-proxy", "gateway-proxy-id=gateway-proxy")
    refused = cli.run("proxy", "dump", "-n", scenario.namespace, code=1).stderr
    assert "port 19000 of pod" in refused and "refused" in refused, refused


@SUITE.case("proxy served-config: what the control plane serves, and a role that it does not know")
def served_config(scenario: Scenario) -> None:
    scenario.stage()  # for the namespace
    cli = Cli(scenario)
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "served", "namespace": SYSTEM, "labels": {"gloo": "gloo"}},
        "spec": {
            "containers": [
                {
                    "name": "gloo",
                    "image": images.PROXY,
                    "args": ["run", "--to=127.0.0.1:1", "--concurrency=1", "--bind=::"],
                    "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
                }
            ],
            "securityContext": OWN_USER,
        },
    }
    scenario.cleanup.callback(scenario.cluster.kubectl, "-n", SYSTEM, "delete", "pod", "served", "--grace-period=0")
    scenario.cluster.apply(pod)
    scenario.cluster.kubectl("-n", SYSTEM, "wait", "--for=condition=Ready", "pod/served", "--timeout=60s")
    served = cli("proxy", "served-config")
    assert served.startswith(f"#role: {SYSTEM}~gateway-proxy\n"), served
    config = yaml.safe_load(served)
    assert config["listeners"][0]["name"] == "listener-::-8080" and config["clusters"] and config["routes"], served


def _chart(folder: pathlib.Path, image: str) -> str:
    labels = {"app": "gloo", "gloo": "gloo", "app.kubernetes.io/instance": "gloo"}
    chart = {"apiVersion": "v2", "name": "small", "version": "0.1.0"}
    container = {"name": "gloo", "image": image, "imagePullPolicy": "Never"}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "gloo", "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    (folder / "templates").mkdir(exist_ok=True)
    (folder / "Chart.yaml").write_text(yaml.safe_dump(chart))
    (folder / "templates/all.yaml").write_text(yaml.safe_dump(deployment))
    return str(folder)


@SUITE.case("install: definitions and a release, and it waits; what does not run is told; uninstall removes it")
def install(scenario: Scenario) -> None:
    cli, namespace = Cli(scenario), f"{scenario.namespace}-to"
    scenario.cleanup.callback(scenario.cluster.kubectl, "delete", "namespace", namespace, "--ignore-not-found")
    helm = str(scenario.cluster.folder / "programs/bin/helm")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        place = ["-n", namespace, "--helm", helm]
        good = cli("install", *place, "--chart", _chart(folder, images.ECHO))
        assert "17 kinds" in good and f"runs in namespace {namespace}" in good, good
        assert scenario.cluster.get("crd", "virtualservices.gateway.solo.io")
        scenario.cluster.definitions = scenario.cluster.definitions or ["installed"]
        assert "echo: 1" in cli("version", "-n", namespace)
        bad = cli.run("install", *place, "--chart", _chart(folder, "k8sgateway.test/none:1"), "--timeout", "10s", code=1)
        assert "ErrImageNeverPull" in bad.stderr, bad.stderr
    found = static_upstream("found", "127.0.0.1")
    found["metadata"] |= {"labels": {"discovered_by": "kubernetesplugin"}, "namespace": scenario.namespace}
    there = {"name": "default", "namespace": namespace}
    discovers: dict[str, Any] = {"apiVersion": "gloo.solo.io/v1", "kind": "Settings", "metadata": there}
    scenario.cluster.apply(found, {**discovers, "spec": {"discoveryNamespace": scenario.namespace}})
    left = cli("uninstall", *place)
    assert f"left: 1 in {scenario.namespace}. " in left and f"-n {scenario.namespace} -l" in left, left
    cli("uninstall", *place, "--delete-namespace")
    wait_until(
        lambda: not scenario.cluster.kubectl("get", "namespace", namespace, "-o", "name", check=False), "it goes", 60
    )


@SUITE.case("add route, create and delete: what they write is accepted, and nothing of others is lost")
def edits(scenario: Scenario) -> None:
    stage, cli, namespace = scenario.stage(), Cli(scenario), scenario.namespace
    place = ["-n", namespace]
    cli("create", "upstream", "static", "web", "--static-hosts", "127.0.0.1:1", *place)
    assert "already exists" in cli.run("create", "upstream", "static", "web", "--static-hosts", "a", *place, code=1).stderr
    domains = ["--domains", scenario.host]
    assert "created with the route" in cli("add", "route", "--dest-name", "web", *domains, *place)
    assert "has the route" in cli("add", "route", "--path-exact", "/first", "--dest-name", "web", *place)
    made = scenario.get("virtualservice", "default")["spec"]["virtualHost"]
    assert made["domains"] == [scenario.host]
    assert [route["matchers"][0] for route in made["routes"]] == [{"exact": "/first"}, {"prefix": "/"}], made
    stage.await_state("virtualservice", "default", namespace, "Accepted")
    stage.await_answer(scenario.host, 503, seconds=SECONDS)
    many = [
        subprocess.Popen(
            [str(binary(scenario.preset)), "add", "route", "--path-prefix", f"/{i}", "--dest-name", "web", *place]
        )
        for i in range(4)
    ]
    assert [one.wait(60) for one in many] == [0] * 4
    assert len(scenario.get("virtualservice", "default")["spec"]["virtualHost"]["routes"]) == 6
    assert "is deleted" in cli("delete", "virtualservice", "default", *place)
    assert "not found" in cli.run("delete", "virtualservice", "default", *place, code=1).stderr
