"""WebAssembly modules: pulled from a real registry, run by the real Envoy."""

import base64
import hashlib
import json
import pathlib
import re
import socket

import yaml

from cases.file_mode import FileMode
from harness import client, objects, registry, wasm_module
from harness.ports import free_port, is_open
from harness.process import Gateway, Process, RunFlags, default_envoy
from harness.registry import Registry
from harness.scenario import Scenario, Suite, expect_line
from harness.waiting import wait_until

SUITE = Suite()
_ONE = wasm_module.adds_header("x-wasm", "one")
_TWO = wasm_module.adds_header("x-wasm", "two")
# Envoy asks again for a module only after a second, and tags are looked up every second here.
_PULL_SECONDS = 20.0

_ROUTES = """\
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: a, namespace: default}
spec:
  virtualHost:
    routes:
    - matchers: [{prefix: /}]
      directResponseAction: {status: 200, body: served}
"""


def _filters(*filters: str) -> str:
    return f"{{wasm: {{filters: [{', '.join(filters)}]}}}}"


def _image(name: str) -> str:
    return f'{{name: f, image: "{name}"}}'


class _World:
    """A registry, and a Gateway that may name its images."""

    def __init__(self, scenario: Scenario, users: bool = False) -> None:
        self.scenario = scenario
        self.registry = Registry(scenario.folder, users)
        self.cache = scenario.folder / "modules"
        self.wasm_port = free_port()
        self.flags = scenario.flags()
        scenario.write("routes.yaml", _ROUTES)

    def more(self, *flags: str) -> RunFlags:
        self.flags.more = [
            *("--wasm-plain-http", self.registry.host, "--wasm-recheck", "1"),
            *("--wasm-cache-dir", str(self.cache), "--wasm-bind", f"127.0.0.1:{self.wasm_port}", *flags),
        ]
        return self.flags

    def start_registry(self):
        return self.scenario.own(self.registry.start())

    def use(self, options: str) -> None:
        self.scenario.write("gateway.yaml", objects.gateway(self.flags.http_port, options=options))

    def use_image(self, name: str) -> None:
        self.use(_filters(_image(f"{self.registry.host}/{name}")))

    def run(self, *flags: str) -> Gateway:
        return self.scenario.run(self.more(*flags))

    def await_header(self, value: str | None) -> None:
        last = client.Response()

        def answered() -> bool:
            nonlocal last
            last = client.get(self.flags.http_port)
            return last.status == 200 and last.header("x-wasm") == value

        wait_until(answered, f"x-wasm: {value}", _PULL_SECONDS)

    def stays(self, value: str | None) -> None:
        for _ in range(3):
            answer = client.get(self.flags.http_port)
            assert (answer.status, answer.header("x-wasm")) == (200, value), answer

    def module(self, data: bytes) -> pathlib.Path:
        """Where the cache keeps it."""
        return self.cache / "modules" / hashlib.sha256(data).hexdigest()


@SUITE.case("wasm: a module out of a registry runs; when its tag moves, the newer one does")
def tags(scenario: Scenario) -> None:
    world = _World(scenario)
    world.start_registry()
    world.registry.push("team/greeting", "v1", _ONE)
    world.use_image("team/greeting:v1")
    world.run()
    world.await_header("one")
    world.registry.push("team/greeting", "v1", _TWO)
    world.await_header("two")


@SUITE.case("wasm: images by digest, of several platforms, and as container tools make them")
def kinds(scenario: Scenario) -> None:
    world = _World(scenario)
    world.start_registry()
    digest = world.registry.push("a", "latest", _ONE)
    world.registry.push_index("b", "v1", _TWO)
    world.registry.push("c", "v1", registry.archive(_ONE), registry.ARCHIVE)
    world.use_image(f"a@{digest}")
    world.run()
    world.await_header("one")
    world.use_image("b:v1")
    world.await_header("two")
    world.use_image("c:v1")
    world.await_header("one")
    world.use("{}")
    world.await_header(None)
    world.use_image("a")
    world.await_header("one")


@SUITE.case("wasm: a registry that is away at the start is waited for, without those listeners that need it")
def away_at_start(scenario: Scenario) -> None:
    world = _World(scenario)
    other = free_port()
    scenario.write("other.yaml", objects.gateway(other).replace("name: gateway-proxy", "name: other"))
    process = world.start_registry()
    world.registry.push("greeting", "v1", _ONE)
    process.stop()
    world.use_image("greeting:v1")
    gateway = world.run()
    assert client.get(other).body == b"served"
    expect_line(gateway.process, r"wasm\.filters\[0\]\.image", "(?i)connect")
    assert not is_open(world.flags.http_port)
    world.start_registry()
    world.await_header("one")
    expect_line(gateway.process, "mended", r"wasm\.filters\[0\]\.image")


@SUITE.case("wasm: a registry that never answers holds nothing but the listener that waits for it")
def hangs(scenario: Scenario) -> None:
    world = _World(scenario)
    other = free_port()
    scenario.write("other.yaml", objects.gateway(other).replace("name: gateway-proxy", "name: other"))
    with socket.create_server(("127.0.0.1", 0)) as mute:  # takes connections, and nobody is there
        host = f"127.0.0.1:{mute.getsockname()[1]}"
        world.use(_filters(_image(f"{host}/greeting:v1")))
        gateway = world.run("--wasm-plain-http", host)
        expect_line(gateway.process, r"warning.*wasm\.filters\[0\]\.image", "is being pulled")
        for word in ("one", "two"):
            scenario.write("routes.yaml", _ROUTES.replace("served", word))
            wait_until(lambda: client.get(other).body == word.encode(), word, 5)
        assert not is_open(world.flags.http_port)
        gateway.process.stop()


@SUITE.case("wasm: while a newer image cannot be had, what is served stays, and the log says why")
def last_good(scenario: Scenario) -> None:
    world = _World(scenario)
    world.start_registry()
    world.registry.push("greeting", "v1", _ONE)
    world.use_image("greeting:v1")
    gateway = world.run()
    world.await_header("one")
    world.use_image("greeting:v2")
    expect_line(gateway.process, r"gateway\.yaml:\d+", r"wasm\.filters\[0\]\.image", "there is no such image")
    world.stays("one")
    world.registry.push("greeting", "v2", _TWO)
    world.await_header("two")


@SUITE.case("wasm: bytes with another digest than was promised are not taken")
def wrong_digest(scenario: Scenario) -> None:
    world = _World(scenario)
    world.start_registry()
    world.registry.push("greeting", "v1", _ONE)
    world.registry.corrupt(_ONE, _TWO)
    world.use_image("greeting:v1")
    gateway = world.run()
    expect_line(gateway.process, r"wasm\.filters\[0\]\.image", "the layer has")
    assert not is_open(world.flags.http_port)
    assert not world.module(_TWO).exists()
    world.registry.corrupt(_ONE, _ONE)
    world.await_header("one")


@SUITE.case("wasm: modules outlive a restart while their registry is away; a broken file is noticed and pulled again")
def restart(scenario: Scenario) -> None:
    world = _World(scenario)
    process = world.start_registry()
    world.registry.push("greeting", "v1", _ONE)
    world.use_image("greeting:v1")
    world.run().process.stop()
    gateway = world.run()
    world.await_header("one")
    gateway.process.stop()
    process.stop()
    gateway = world.run()
    world.await_header("one")
    expect_line(gateway.process, "the module that was pulled before is served")
    gateway.process.stop()
    world.module(_ONE).write_bytes(_ONE[:-1])
    half = world.cache / "modules" / ".part-1-1"
    half.write_bytes(_ONE[:9])
    gateway = world.run()
    expect_line(gateway.process, r"error.*wasm\.filters\[0\]\.image")
    assert not world.module(_ONE).exists() and not half.exists()
    world.start_registry()
    world.await_header("one")
    assert world.module(_ONE).read_bytes() == _ONE


@SUITE.case("wasm: a registry with users, by a Secret that may come later")
def users(scenario: Scenario) -> None:
    world = _World(scenario, users=True)
    world.start_registry()
    world.registry.push("greeting", "v1", _ONE)
    world.use_image("greeting:v1")
    gateway = world.run("--wasm-pull-secret", "default/registry")
    expect_line(gateway.process, r"wasm\.filters\[0\]\.image", "wants a user and password")
    config = base64.b64encode(registry.docker_config(world.registry.host).encode()).decode()
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": "registry", "namespace": "default"},
        "data": {".dockerconfigjson": config},
    }
    scenario.write("secret.yaml", json.dumps(secret))
    world.await_header("one")
    assert registry.PASSWORD not in gateway.process.log()


@SUITE.case("wasm: the port serves modules by hash, whole, in part, and never what was not pulled")
def port(scenario: Scenario) -> None:
    world = _World(scenario)
    world.start_registry()
    world.registry.push("greeting", "v1", _ONE)
    world.registry.push("greeting", "v2", _TWO)
    world.use_image("greeting:v1")
    world.run()
    world.await_header("one")
    path = "/images/" + hashlib.sha256(_ONE).hexdigest()

    def ask(what: str, method: str = "GET", headers: dict[str, str] | None = None) -> client.Response:
        fields = [("host", "gloo"), *(headers or {}).items()]
        request = client.compose(method, what, "HTTP/1.1", fields, b"")
        return client.exchange(client.Target(world.wasm_port), request, method)

    whole = ask(path)
    assert (whole.status, whole.body) == (200, _ONE), whole
    assert whole.header("content-type") == registry.MODULE
    tag = whole.header("etag") or ""
    assert tag == '"sha256:' + hashlib.sha256(_ONE).hexdigest() + '"'
    head = ask(path, "HEAD")
    assert (head.status, head.body, head.header("content-length")) == (200, b"", str(len(_ONE)))
    part = ask(path, headers={"range": "bytes=4-7"})
    assert (part.status, part.body) == (206, _ONE[4:8]), part
    assert part.header("content-range") == f"bytes 4-7/{len(_ONE)}"
    assert ask(path, headers={"range": f"bytes={len(_ONE)}-"}).status == 416
    assert ask(path, headers={"if-none-match": tag}).status == 304
    for other in (
        "/images/" + hashlib.sha256(_TWO).hexdigest(),
        f"/images/{world.registry.host}/greeting:v2",
        "/images/",
        "/",
        "/images/../../etc/passwd",
    ):
        assert ask(other).status == 404, other
    assert ask(path, "PUT").status in (405, 501)
    assert sorted(p.name for p in (world.cache / "modules").iterdir()) == [world.module(_ONE).name]


@SUITE.case("wasm: registries without TLS, others than allowed, and names that are none are not asked")
def not_asked(scenario: Scenario) -> None:
    world = _World(scenario)
    world.start_registry()
    world.registry.push("greeting", "v1", _ONE)
    world.use_image("greeting:v1")
    flags = world.more("--wasm-registry", "registry.example.com")
    gateway = scenario.run(flags)
    expect_line(gateway.process, r"wasm\.filters\[0\]\.image", "is not among the registries")
    world.use(_filters(_image("http://x/y")))
    expect_line(gateway.process, r"wasm\.filters\[0\]\.image", "is a URL")
    gateway.process.stop()
    flags.more = ["--wasm-recheck", "1"]
    world.use_image("greeting:v1")
    gateway = scenario.run(flags)
    line = expect_line(gateway.process, r"error.*wasm\.filters\[0\]\.image")
    assert re.search("(?i)ssl|tls", line), line
    assert not is_open(flags.http_port)


@SUITE.case("wasm: gloo pulls and serves; an Envoy with the cluster wasm-cache runs the module")
def gloo(scenario: Scenario) -> None:
    store = Registry(scenario.folder)
    scenario.own(store.start())
    store.push("greeting", "v1", _ONE)
    wasm_port, admin_port = free_port(), free_port()
    mode = FileMode(scenario, more=["--wasm-plain-http", store.host, "--wasm-bind", f"127.0.0.1:{wasm_port}"])
    option = f"httpGateway: {{options: {_filters(_image(f'{store.host}/greeting:v1'))}}}"
    mode.write("gateways", "gateway-proxy", objects.flat_gateway(mode.http_port).replace("httpGateway: {}", option))
    bootstrap = yaml.safe_load(objects.bootstrap(mode.xds_port, admin_port, "gloo-system~gateway-proxy"))
    address = {"socket_address": {"address": "127.0.0.1", "port_value": wasm_port}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    cluster = {"name": "wasm-cache", "load_assignment": {"cluster_name": "wasm-cache", "endpoints": endpoints}}
    bootstrap["static_resources"]["clusters"].append(cluster)
    path = scenario.folder / "bootstrap.json"
    path.write_text(json.dumps(bootstrap))
    scenario.own(Process([default_envoy(), "-c", str(path), "--disable-hot-restart", "--concurrency", "1"]))
    wait_until(lambda: client.get(mode.http_port).header("x-wasm") == "one", "x-wasm: one", _PULL_SECONDS)
    expect_line(mode.process, rf"ready: WASM cache on 127\.0\.0\.1:{wasm_port}")
