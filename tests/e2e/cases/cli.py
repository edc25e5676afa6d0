"""The commands of users without a cluster: usage, help, and what needs none."""

import json
import os
import pathlib
import stat
import tarfile

import yaml

from cases.offline import Command
from harness.process import ROOT
from harness.scenario import Scenario, Suite

SUITE = Suite()
# No cluster is at port 1 of loopback; nothing else may be asked.
_NOWHERE = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
"""
_COMMANDS = [
    ["install"],
    ["uninstall"],
    ["check"],
    ["version"],
    ["get"],
    ["proxy", "url"],
    ["proxy", "address"],
    ["proxy", "dump"],
    ["proxy", "stats"],
    ["proxy", "logs"],
    ["proxy", "served-config"],
    ["add", "route"],
    ["create", "upstream", "static"],
    ["create", "upstream", "kube"],
    ["create", "upstreamgroup"],
    ["create", "virtualservice"],
    ["create", "secret", "tls"],
    ["delete"],
]


def _nowhere(scenario: Scenario) -> str:
    path = scenario.objects / "nowhere.conf"
    path.write_text(_NOWHERE)
    return str(path)


@SUITE.case("user commands: each has help with an example, and stands in docs/cli.md")
def have_help(scenario: Scenario) -> None:
    page = (ROOT / "docs/cli.md").read_text()
    for words in _COMMANDS:
        text = Command(scenario)(*words, "--help").stdout
        for needed in ("--kubeconfig", "--kube-context", "--namespace", f"k8sgateway {' '.join(words)}"):
            assert needed in text, f"{words}: --help does not say {needed}:\n{text}"
        assert " ".join(words) in page, f"docs/cli.md does not say {' '.join(words)}"


@SUITE.case("user commands: wrong usage is exit code 2, with the right words")
def wrong_usage(scenario: Scenario) -> None:
    command = Command(scenario)
    for words, said in (
        (["get"], "KIND is required"),
        (["get", "virtualservic"], "is no kind"),
        (["get", "vs", "-o", "xml"], "xml not in"),
        (["check", "-x", "nonsense"], "the checks are deployments, pods"),
        (["delete", "vs"], "--name is required"),
        (["create", "upstream"], "subcommand is required"),
        (["install", "knative"], "knative not in"),
    ):
        result = command(*words, code=2)
        assert said in result.stdout + result.stderr, result.stdout + result.stderr


@SUITE.case("user commands: a cluster that does not answer, or none, is said, with exit code 1")
def no_cluster(scenario: Scenario) -> None:
    nowhere = _nowhere(scenario)
    missing = {"KUBECONFIG": "/no/such/file", "HOME": "/nonexistent", "KUBERNETES_SERVICE_HOST": ""}
    for words in (
        ["check"],
        ["get", "vs"],
        ["get", "proxy"],
        ["proxy", "url"],
        ["proxy", "dump"],
        ["proxy", "logs"],
        ["add", "route", "--dest-name", "a"],
        ["create", "upstream", "static", "a", "--static-hosts", "a.test"],
        ["delete", "vs", "a"],
        ["install", "--helm", "/bin/true"],
    ):
        away = Command(scenario)(*words, "--kubeconfig", nowhere, code=1)
        assert "127.0.0.1:1" in away.stderr, f"{words}: {away.stderr}"
        none = Command(scenario)(*words, code=1, env=missing)
        assert "--kubeconfig FILE" in none.stderr, f"{words}: {none.stderr}"
    # helm has done its part; only Upstreams that may be left could not be looked for.
    for more in ({"env": missing}, {"env": {"KUBECONFIG": nowhere}}):
        gone = Command(scenario)("uninstall", "--helm", "/bin/true", **more)
        assert "kubectl get upstreams -A" in gone.stdout and not gone.stderr, (gone.stdout, gone.stderr)
    half = Command(scenario)("uninstall", "--all", "--helm", "/no/such/helm", code=1, env=missing)
    assert "--kubeconfig FILE" in half.stderr and "/no/such/helm" not in half.stderr, half.stderr


@SUITE.case("version: is known without a cluster, in three forms")
def version(scenario: Scenario) -> None:
    command, nowhere = Command(scenario), _nowhere(scenario)
    number = command("--version").stdout.split()[-1]
    result = command("version", "--kubeconfig", nowhere)
    assert result.stdout == f"Client version: {number}\nServer: none was found\n", result.stdout
    assert "127.0.0.1:1" in result.stderr
    form = {"client": {"version": number}, "server": []}
    assert json.loads(command("version", "--kubeconfig", nowhere, "-o", "json").stdout) == form
    assert yaml.safe_load(command("version", "--kubeconfig", nowhere, "-o", "yaml").stdout) == form


@SUITE.case("create --dry-run: prints objects that can be applied, and asks nobody")
def dry_runs(scenario: Scenario) -> None:
    def made(*words: str) -> dict:
        return yaml.safe_load(Command(scenario)("create", *words, "--dry-run").stdout)

    web = made("upstream", "static", "web", "-n", "shop", "--static-hosts", "a.test:443,b.test", "--tls")
    assert web == {
        "apiVersion": "gloo.solo.io/v1",
        "kind": "Upstream",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "static": {"hosts": [{"addr": "a.test", "port": 443}, {"addr": "b.test", "port": 80}], "useTls": True}
        },
    }
    host = made("virtualservice", "--name", "shop", "--domains", "a.test,*.a.test")
    assert host["spec"] == {"virtualHost": {"domains": ["a.test", "*.a.test"]}}
    assert host["metadata"] == {"name": "shop", "namespace": "gloo-system"}
    wrong = Command(scenario)("create", "upstream", "static", "web", "--static-hosts", "a:b", "--dry-run", code=1)
    assert "HOST:PORT" in wrong.stderr


@SUITE.case("create secret tls: the key must be that of the certificate")
def secrets(scenario: Scenario) -> None:
    for name in ("a", "b"):
        subject = ["-subj", "/CN=a.test", "-keyout", f"{name}.key", "-out", f"{name}.crt"]
        os.system(f"cd {scenario.objects} && openssl req -x509 -newkey rsa:2048 -nodes {' '.join(subject)} 2>/dev/null")

    def create(key: str, code: int = 0):
        files = ["--certchain", f"{scenario.objects}/a.crt", "--privatekey", f"{scenario.objects}/{key}"]
        return Command(scenario)("create", "secret", "tls", "s", *files, "--dry-run", code=code)

    assert yaml.safe_load(create("a.key").stdout)["type"] == "kubernetes.io/tls"
    assert "create: " in create("b.key", 1).stderr
    assert "cannot be read" in create("none.key", 1).stderr


@SUITE.case("install --dry-run: helm gets the chart of this program, and its values")
def install_dry_run(scenario: Scenario) -> None:
    helm = scenario.objects / "helm"
    helm.write_text(f'#!/bin/sh\necho "$@"\ncp "$3" {scenario.objects}/chart.tgz\n')
    helm.chmod(helm.stat().st_mode | stat.S_IXUSR)
    words = ["install", "--helm", str(helm), "--dry-run", "-n", "here", "--set", "a=1,b=2", "-f", "x.yaml"]
    said = Command(scenario)(*words).stdout.split()
    assert said[:2] == ["template", "gloo"] and said[3:] == (
        ["--include-crds", "--namespace", "here", "--values", "x.yaml", "--set", "a=1,b=2"]
    ), said
    assert not pathlib.Path(said[2]).exists(), "the chart's file stays"
    with tarfile.open(scenario.objects / "chart.tgz") as chart:
        packed = {member.name: chart.extractfile(member).read() for member in chart.getmembers()}
    files = {f"k8sgateway/{p.relative_to(ROOT / 'chart')}": p.read_bytes() for p in (ROOT / "chart").rglob("*") if p.is_file()}
    assert packed == files
    missing = Command(scenario)("install", "--helm", "/no/helm", "--dry-run", code=1)
    assert "install helm 3" in missing.stderr, missing.stderr
