"""`run`: listeners that read a ConfigMap."""

import pathlib

from harness import client, grpc
from harness.process import Gateway, RunFlags
from harness.scenario import Scenario, Suite, await_answer, await_kept, expect_line

SUITE = Suite()
_ANSWER = '{"name":"apple","note":"backend"}'


def _gateway(port: int) -> str:
    """Not the plain one: the cases look for the lines of its fields."""
    return f"""\
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {{name: gateway-proxy, namespace: gloo-system}}
spec:
  bindAddress: 127.0.0.1
  bindPort: {port}
  httpGateway:
    options:
      grpcJsonTranscoder:
        protoDescriptorConfigMap: {{configMapRef: {{name: shop, namespace: default}}}}
        services: [shop.Shop]
"""


def _routes(port: int) -> str:
    return f"""\
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {{name: shop, namespace: default}}
spec:
  virtualHost:
    routes:
    - matchers: [{{prefix: /shop.Shop/Find}}]
      routeAction: {{single: {{upstream: {{name: shop, namespace: default}}}}}}
---
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {{name: shop, namespace: default}}
spec:
  useHttp2: true
  static: {{hosts: [{{addr: 127.0.0.1, port: {port}}}]}}
"""


def _config_map(value: str) -> str:
    return f"""\
apiVersion: v1
kind: ConfigMap
metadata: {{name: shop, namespace: default}}
data: {{shop.pb: '{value}'}}
"""


def _with_path(path: str) -> str:
    return _config_map(grpc.shop(grpc.Method("Find", f"get {path}")))


def _start(scenario: Scenario, *more: str) -> tuple[Gateway, RunFlags, pathlib.Path]:
    """A gRPC service below /items, by the ConfigMap in the returned file."""
    flags = scenario.flags(more=list(more))
    _, port = scenario.backend()
    scenario.write("gateway.yaml", _gateway(flags.http_port))
    scenario.write("routes.yaml", _routes(port))
    config_map = scenario.write("shop.yaml", _with_path("/items/{name}"))
    gateway = scenario.run(flags)
    _expect(flags.http_port, "/items/apple")
    return gateway, flags, config_map


def _expect(port: int, path: str) -> None:
    answer = client.get(port, path)
    assert (answer.status, answer.body.decode()) == (200, _ANSWER), answer


@SUITE.case_in_both_forms("run: a ConfigMap with descriptors is replaced, and the new service answers")
def replaced(scenario: Scenario) -> None:
    _, flags, _ = _start(scenario)
    scenario.write("shop.yaml", _with_path("/goods/{name}"))
    await_answer(flags.http_port, _ANSWER, path="/goods/apple")
    assert client.get(flags.http_port, "/items/apple").status == 404


@SUITE.case_in_both_forms("run: a bad ConfigMap, and one that goes, leave the listener as it was, and the log says why")
def bad(scenario: Scenario) -> None:
    gateway, flags, config_map = _start(scenario)
    place = r"gateway\.yaml:1[0-9]\b.*grpcJsonTranscoder"
    mark = gateway.process.mark()
    scenario.write("shop.yaml", _config_map("no: base64"))
    expect_line(gateway.process, place, "is no base64", after=mark)
    _expect(flags.http_port, "/items/apple")
    scenario.write("shop.yaml", _with_path("/items/"))
    expect_line(gateway.process, place, "shop.Shop.Find", after=mark)
    _expect(flags.http_port, "/items/apple")
    config_map.unlink()
    expect_line(gateway.process, place, "there is no ConfigMap default/shop", after=mark)
    _expect(flags.http_port, "/items/apple")
    assert gateway.status()["nacks"] == 0, gateway.status()
    scenario.write("shop.yaml", _with_path("/goods/{name}"))
    await_answer(flags.http_port, _ANSWER, path="/goods/apple")


@SUITE.case_in_both_forms("run: with --state-dir, a restart while a ConfigMap is bad serves what it was")
def restart_while_bad(scenario: Scenario) -> None:
    state = scenario.folder / "state"
    first, flags, _ = _start(scenario, "--state-dir", str(state))
    await_kept(state, "shop.pb")
    mark = first.process.mark()
    scenario.write("shop.yaml", _config_map("no: base64"))
    expect_line(first.process, "is no base64", after=mark)
    # What comes later is kept, so what was bad by then is not.
    scenario.write("other.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\ndata: {a: b}\n")
    await_kept(state, "name: other")
    first.process.stop()
    second = scenario.run(flags)
    _expect(flags.http_port, "/items/apple")
    expect_line(second.process, "is no base64")
