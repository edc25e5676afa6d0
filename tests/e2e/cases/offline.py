"""validate, explain and translate: what they print, word by word.

Expected output stands in testdata/commands/; UPDATE=1 rewrites it.
"""

import json
import os
import pathlib
import re
import subprocess
from typing import Any

import yaml

from harness import objects
from harness.process import ROOT, binary, default_envoy
from harness.scenario import Scenario, Suite
from harness.table import read_env, read_input

SUITE = Suite()
_DATA = "tests/e2e/testdata/commands"
_PETSTORE = "examples/petstore"
_BROKEN = f"{_DATA}/broken"
_SHOP = f"{_DATA}/shop"

# file:line: Kind namespace/name: field: what: how
_LINE = re.compile(r"\S+:\d+: [A-Z]\w+ [-.\w]+/[-.\w]+: [\w.\[\]\"-]+: (warning: )?[^:].*: \S.*")


class Command:
    """Runs the program for a case, in a folder so that paths in its output are short."""

    def __init__(self, scenario: Scenario, folder: pathlib.Path = ROOT) -> None:
        self.scenario = scenario
        self.folder = folder

    def __call__(
        self, *arguments: str, code: int = 0, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [str(binary(self.scenario.preset)), *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, **(env or {})},
        )
        shown = f"{result.stdout}{result.stderr}"
        assert result.returncode == code, f"exit code {result.returncode}, not {code}:\n{shown}"
        return result


def expect_text(name: str, actual: str) -> None:
    """Compares a text with a file."""
    path = ROOT / _DATA / f"{name}.txt"
    if os.environ.get("UPDATE"):
        path.write_text(actual)
    expected = path.read_text() if path.exists() else ""
    assert actual == expected, f"{path.name} says:\n{expected}\nbut it printed:\n{actual}"


def write_all(folder: pathlib.Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


# --- validate


@SUITE.case("validate: errors with their lines and mends, and exit code 1")
def validate_broken(scenario: Scenario) -> None:
    result = Command(scenario)("validate", _BROKEN, code=1)
    expect_text("validate-broken", result.stdout)
    assert result.stderr == "2 errors, 1 warnings in 1 files\n", result.stderr


@SUITE.case("validate: nothing to say about a good folder")
def validate_good(scenario: Scenario) -> None:
    result = Command(scenario)("validate", _PETSTORE)
    assert result.stdout == "", result.stdout
    assert result.stderr == "0 errors, 0 warnings in 1 files\n", result.stderr


@SUITE.case("validate: warnings alone are exit code 0")
def validate_warnings(scenario: Scenario) -> None:
    result = Command(scenario)("validate", _SHOP)
    expect_text("validate-shop", result.stdout)
    assert result.stderr == "0 errors, 1 warnings in 1 files\n", result.stderr


@SUITE.case("validate: mistakes of files and documents, each in one line with its place")
def validate_files(scenario: Scenario) -> None:
    site = objects.direct("site", "a")
    write_all(
        scenario.objects,
        {
            "a.yaml": site + "---\n" + site,
            "b.yaml": site,
            "bytes.yaml": b"kind: \xff\n",
            "cut.yaml": site.rpartition(", body")[0],
            "deep/foreign.yaml": "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: web}\n",
            "empty.yaml": "",
            "kinds.yaml": "\n\n".join(
                f"apiVersion: gateway.solo.io/v1\nkind: {kind}\nmetadata: {{name: x}}\n---"
                for kind in ("VirtualServce", "TrafficPolicy")
            ),
            "list.yaml": "kind: List\napiVersion: v1\nitems:\n- kind: Upstream\n  apiVersion: v2\n"
            "  metadata: {name: old}\n  spec: {}\n",
            "name.yaml": site.replace("name: site", 'name: "a\\nb: c"'),
            "nameless.yaml": site.replace("name: site, ", ""),
            "notes.txt": "not read",
            "strange.yaml": "- just\n- words\n",
        },
    )
    (scenario.objects / "folder.yaml").mkdir()
    (scenario.objects / "loop.yaml").symlink_to("loop.yaml")
    result = Command(scenario, scenario.folder)("validate", "objects", code=1)
    expect_text("validate-files", result.stdout)
    assert re.fullmatch(r"\d+ errors, 2 warnings in \d+ files\n", result.stderr), result.stderr


@SUITE.case("validate: every problem of every golden case has a place, a field and a mend")
def validate_all(scenario: Scenario) -> None:
    checked = 0
    for path in sorted(ROOT.glob("plugins/*/testdata/*.yaml")) + sorted(ROOT.glob("tests/cases/*")):
        text = re.split(r"(?m)^---[ \t]*# expect", path.read_text())[0]
        scenario.write("case.yaml", text)
        errors = path.name.startswith("fail_")
        result = Command(scenario)(
            "validate", str(scenario.objects), code=1 if errors else 0, env=read_env(path)
        )
        for line in result.stdout.splitlines():
            checked += 1
            assert _LINE.fullmatch(line), f"{path}: {line}"
    assert checked > 200, f"only {checked} problems were looked at"


@SUITE.case("validate: many problems in one large file take no time")
def validate_many(scenario: Scenario) -> None:
    routes = [
        {
            "matchers": [{"prefix": f"/{i}"}],
            "routeAction": {"single": {"upstream": {"name": f"u{i}"}}},
        }
        for i in range(2000)
    ]
    site = yaml.safe_load(objects.direct("site", "a"))
    site["spec"]["virtualHost"]["routes"] = routes
    scenario.write("site.yaml", yaml.safe_dump(site))
    result = Command(scenario)("validate", str(scenario.objects))  # within the time of Command
    assert len(result.stdout.splitlines()) == 2000


@SUITE.case("validate --envoy: the real Envoy agrees")
def validate_envoy(scenario: Scenario) -> None:
    for folder in (_PETSTORE, _SHOP):
        Command(scenario)("validate", folder, "--envoy", "--envoy-path", default_envoy())


def _picky_envoy(scenario: Scenario) -> str:
    """An Envoy that refuses whatever holds the word poison."""
    path = scenario.folder / "envoy"
    path.write_text(
        "#!/usr/bin/env python3\n"
        "import sys\n"
        "config = open(sys.argv[sys.argv.index('-c') + 1]).read()\n"
        "if 'poison' in config:\n"
        "    print(\"error initializing configuration 'x': poison\\n  in it\")\n"
        "    sys.exit(1)\n"
    )
    path.chmod(0o755)
    return str(path)


@SUITE.case("validate --envoy: what Envoy refuses stands on the object that caused it")
def validate_refused(scenario: Scenario) -> None:
    routes = """\
    - matchers: [{prefix: /a}]
      directResponseAction: {status: 200}
    - matchers: [{prefix: /b}]
      directResponseAction: {status: 200, body: poison}
"""
    many = [objects.direct(f"good-{i}", "a", f"good-{i}.example") for i in range(9)]
    bad_route = many[0].replace("good-0", "bad-route").rpartition("    - matchers")[0] + routes
    bad_host = many[0].replace("good-0", "bad-host").rstrip("\n") + (
        "\n    options: {headerManipulation: {requestHeadersToAdd:"
        " [{header: {key: x-a, value: poison}}]}}\n"
    )
    bad_upstream = objects.to_backend("x", 9).partition("---\n")[2].replace("127.0.0.1", "poison")
    for i, text in enumerate(many + [bad_route, bad_host, bad_upstream]):
        scenario.write(f"{i:02}.yaml", text)
    command = Command(scenario, scenario.folder)
    command("validate", "objects")
    result = command(
        "validate", "objects", "--envoy", "--envoy-path", _picky_envoy(scenario), code=1
    )
    expect_text("validate-refused", result.stdout)


@SUITE.case("validate --envoy: without an Envoy it is wrong usage")
def validate_no_envoy(scenario: Scenario) -> None:
    command = Command(scenario)
    result = command("validate", _SHOP, "--envoy", "--envoy-path", "/nowhere/envoy", code=2)
    assert "/nowhere/envoy" in result.stderr and "--envoy-path" in result.stderr, result.stderr


# --- explain

_REQUESTS = [
    ("GET http://shop.example.com/health",),
    ("GET http://shop.example.com/api/x", "x-version: v2"),
    ("GET http://shop.example.com/api/x?debug=1", "x-version: v3"),
    ("POST http://shop.example.com/api/x", "x-bot: yes"),
    ("GET http://shop.example.com/items/12",),
    ("GET http://shop.example.com/items/abc", "x-cohort: alpha"),
    ("GET http://shop.example.com/old/x",),
    ("GET http://shop.example.com/tenant/x", "x-tenant: v2_default"),
    ("GET http://shop.example.com/tenant/x", "x-tenant: nobody"),
    ("GET http://shop.example.com/tenant/x",),
    ("GET http://shop.example.com/gone",),
    ("GET http://deep.shop.example.com/beta/../beta/ping", "x-cohort: beta-7"),
    ("GET http://shop.example.com:8080/",),
    ("GET http://shop.example.com:9999/",),
    ("https://secure.example.com/",),
    ("https://SECURE.example.com/", "host: shop.example.com"),
    ("https://other.example.com/",),
]


@SUITE.case("explain: who answers, from where, and why the near misses lost")
def explain_shop(scenario: Scenario) -> None:
    command = Command(scenario)
    shown = ""
    for request, *headers in _REQUESTS:
        flags = [part for header in headers for part in ("-H", header)]
        shown += f"$ explain '{request}'{''.join(f' -H {h!r}' for h in headers)}\n"
        shown += command("explain", _SHOP, "--request", request, *flags).stdout + "\n"
    expect_text("explain-shop", shown)


@SUITE.case("explain: the example of the README")
def explain_petstore(scenario: Scenario) -> None:
    command = Command(scenario)
    for name, path in (("explain-route", "/api/pets"), ("explain-near-misses", "/nothing")):
        request = f"GET http://localhost{path}"
        expect_text(name, command("explain", _PETSTORE, "--request", request).stdout)
    assert (ROOT / _DATA / "explain-route.txt").read_text() in (ROOT / "README.md").read_text()


@SUITE.case("explain: the connection manager is found behind other network filters")
def explain_network_filters(scenario: Scenario) -> None:
    case = ROOT / "plugins/connection_limit/testdata/basic.yaml"
    scenario.write("case.yaml", yaml.safe_dump_all(read_input(case)))
    shown = Command(scenario)(
        "explain", str(scenario.objects), "--request", "GET http://a.example/"
    ).stdout
    assert re.search(r"(?m)^cluster +backend_default$", shown), shown


@SUITE.case("explain: requests that are none are wrong usage")
def explain_usage(scenario: Scenario) -> None:
    command = Command(scenario)
    for request in ("GET example.com", "GET http://", "http://a:0/", "http://a:99999/", ""):
        result = command("explain", _SHOP, "--request", request, code=2)
        assert result.stderr.startswith("explain: "), result.stderr
    result = command("explain", _SHOP, "--request", "http://a/", "-H", "novalue", code=2)
    assert "name: value" in result.stderr, result.stderr


# --- translate


def _pieces(text: str) -> list[str]:
    return [piece for piece in re.split(r"(?m)^---\n", text) if piece.strip()]


@SUITE.case("translate: equal input gives equal bytes, however its files are named")
def translate_deterministic(scenario: Scenario) -> None:
    text = (ROOT / _SHOP / "shop.yaml").read_text() + "---\n"
    text += (ROOT / _PETSTORE / "petstore.yaml").read_text().replace('"*"', "pets.example")
    pieces = _pieces(text)
    folders = {"one": {"all.yaml": text}, "two": {}, "three": {}}
    for i, piece in enumerate(pieces):
        folders["two"][f"{i:02}.yaml"] = piece
        folders["three"][f"deep/{(i * 7) % len(pieces)}/{len(pieces) - i:02}.yml"] = piece
    for name, files in folders.items():
        write_all(scenario.folder / name, files)
    command = Command(scenario, scenario.folder)
    for what in ("proxy", "envoy"):
        for form in ("yaml", "json"):
            arguments = ("--what", what, "-o", form)
            printed = [command("translate", n, *arguments).stdout for n in [*folders, "one"]]
            assert len(printed[0]) > 1000 and len(set(printed)) == 1, f"{what} {form} differs"


@SUITE.case("translate: YAML and JSON say the same")
def translate_forms(scenario: Scenario) -> None:
    command = Command(scenario)
    for folder in (_SHOP, _BROKEN):
        for what in ("proxy", "envoy", "reports"):
            as_yaml = command("translate", folder, "--what", what).stdout
            as_json = command("translate", folder, "--what", what, "-o", "json").stdout
            assert yaml.safe_load(as_yaml) == json.loads(as_json), f"{folder} {what}"


@SUITE.case("translate: Proxies and reports, word by word")
def translate_text(scenario: Scenario) -> None:
    command = Command(scenario)
    expect_text("translate-proxy", command("translate", _PETSTORE, "--what", "proxy").stdout)
    expect_text("translate-reports", command("translate", _BROKEN, "--what", "reports").stdout)
    told = command("translate", _BROKEN, "--what", "proxy").stderr
    expect_text("validate-broken", told)  # what is wrong is told beside the result


@SUITE.case("translate: private keys are not shown")
def translate_secrets(scenario: Scenario) -> None:
    source = (ROOT / _SHOP / "shop.yaml").read_text()
    key = source.partition("BEGIN PRIVATE KEY")[2].splitlines()[1].strip()
    assert len(key) > 40
    for what in ("proxy", "envoy", "reports"):
        for form in ("yaml", "json"):
            shown = Command(scenario)("translate", _SHOP, "--what", what, "-o", form).stdout
            assert key not in shown, f"--what {what} -o {form} shows a private key"


@SUITE.case("translate: the real Envoy takes what it prints")
def translate_accepted(scenario: Scenario) -> None:
    printed = Command(scenario)("translate", _PETSTORE, "-o", "json").stdout
    (proxy,) = json.loads(printed).values()
    routes = {table["name"]: table for table in proxy["routes"]}
    for listener in proxy["listeners"]:
        _inline_routes(listener, routes)
    resources = {"listeners": proxy["listeners"], "clusters": proxy["clusters"]}
    path = scenario.folder / "static.json"
    path.write_text(json.dumps({"static_resources": resources}))
    result = subprocess.run(
        [default_envoy(), "--mode", "validate", "-l", "error", "-c", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def _inline_routes(value: Any, routes: dict[str, Any]) -> None:
    """Puts route tables where listeners ask for them."""
    if isinstance(value, dict):
        if "rds" in value:
            value["routeConfig"] = routes[value.pop("rds")["routeConfigName"]]
        for part in value.values():
            _inline_routes(part, routes)
    elif isinstance(value, list):
        for part in value:
            _inline_routes(part, routes)


# --- the command line


@SUITE.case("usage: what is wrong is said, and the exit code is 2")
def usage(scenario: Scenario) -> None:
    (scenario.objects / "file").write_text("")
    file = str(scenario.objects / "file")
    wrong = {
        (): "Subcommands",
        ("frob",): 'no command "frob".*run, gloo, translate, validate, explain, crds',
        ("run",): "--to",
        ("run", "a", "--to", "b:1"): "not both",
        ("run", file): "no folder",
        ("run", "--to", "b"): "HOST:PORT",
        ("run", "--to", "http://b:80"): "HOST:PORT",
        ("run", "--to", "b:0"): "1 to 65535",
        ("run", "--to", "::1:80"): "brackets",
        ("run", "x", "--http-port", "0"): "--http-port",
        ("run", "x", "--http-port", "many"): "--http-port",
        ("run", "x", "--bind", "localhost"): "no IP address",
        ("gloo", "--xds-auth", "maybe"): "--xds-auth",
        ("gloo", "--xds-auth-allow", "a=b~c"): "NAMESPACE/ACCOUNT=NAMESPACE~PROXY",
        ("gloo", "--xds-auth-audience", "a b"): "printable",
        ("gloo", "--dir", "x", "--xds-auth", "service-account"): "--dir has none",
        ("run", "x", "--log-format", "xml"): "json",
        ("run", "x", "--frob"): "--frob",
        ("gloo", "--dir", "x", "--kubeconfig", "y"): "--kubeconfig",
        ("translate", _SHOP, "--what", "all"): "proxy",
        ("translate", _SHOP, "-o", "xml"): "yaml",
        ("validate",): "DIR",
        ("validate", "no/such/folder"): "no/such/folder",
        ("validate", file): file,
        ("validate", _SHOP, _SHOP): _SHOP,
        ("explain", _SHOP): "--request",
    }
    command = Command(scenario)
    for arguments, said in wrong.items():
        result = command(*arguments, code=2)
        assert re.search(said, result.stderr, re.DOTALL), f"{arguments}: {result.stderr}"
        assert not result.stdout, f"{arguments}: {result.stdout}"


@SUITE.case("help: every command tells its flags, its variables and an example")
def help_texts(scenario: Scenario) -> None:
    command = Command(scenario)
    assert "run --to" in command("--help").stdout
    assert re.fullmatch(r"k8sgateway \d+\.\d+\.\d+\n", command("--version").stdout)
    for name in ("run", "gloo", "translate", "validate", "explain", "crds"):
        text = command(name, "--help").stdout
        assert f"k8sgateway {name} " in text.partition("Options:")[2], f"{name}: no example"
        assert "Exit codes:" in text, f"{name}: no exit codes"
        for line in re.findall(r"(?m)^  (-.*|DIR .*)$", text):
            assert "-h,--help" in line or re.search(r"\(Env:[A-Z0-9_]+\)", line), f"{name}: {line}"


@SUITE.case("environment: variables take the place of flags")
def environment(scenario: Scenario) -> None:
    command = Command(scenario)
    wanted = command("translate", _PETSTORE, "--what", "proxy", "-o", "json").stdout
    env = {"K8SGATEWAY_WHAT": "proxy", "K8SGATEWAY_OUTPUT": "json", "K8SGATEWAY_DIR": _PETSTORE}
    assert command("translate", env=env).stdout == wanted
    env["K8SGATEWAY_OUTPUT"] = "xml"
    assert "xml" in command("translate", env=env, code=2).stderr
    env = {"K8SGATEWAY_REQUEST": "http://a/api/pets", "K8SGATEWAY_HEADER": "host: b"}
    assert "petstore_default" in command("explain", _PETSTORE, env=env).stdout
    env = {"K8SGATEWAY_ASK_ENVOY": "true", "K8SGATEWAY_ENVOY": "/nowhere/envoy"}
    assert "/nowhere/envoy" in command("validate", _PETSTORE, env=env, code=2).stderr
