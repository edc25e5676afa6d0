"""mTLS: long answers through the sidecar of the control plane, and those who read them slowly or not at all."""

import concurrent.futures
import contextlib
import http.client
import json
import ssl
import time
from typing import Callable

from cases.mtls import World
from harness import client, grpc, h2, mtls
from harness.scenario import Scenario, Suite
from harness.waiting import wait_until

SUITE = Suite()
_ROLE = "gloo-system~gateway-proxy"
_HOSTS, _ROUTES, _TEXT = 20, 250, "x" * 4000
_LEAST_BYTES = _HOSTS * _ROUTES * len(_TEXT)
# Longer than the time that a route of Envoy has by default, and than those that are made shorter here.
_READ_SECONDS = 17.0
_IDLE_SECONDS = 4
_SHORTER = {"stream_idle_timeout: 120s": f"stream_idle_timeout: {_IDLE_SECONDS}s", "request_timeout: 15s": "request_timeout: 2s"}
# So much the kernel takes for somebody who does not read; it must not take the answer.
_BUFFER = 1 << 16
_NEVER = 10
_OTHERS_SECONDS, _SECONDS = 5.0, 20.0
_FETCH = "/envoy.service.route.v3.RouteDiscoveryService/FetchRoutes"
_TYPE = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
_PATH = "/v3/discovery:routes"
_BODY = json.dumps({"node": {"id": "client", "metadata": {"role": _ROLE}}}).encode()


class _Pace:
    """So that so many bytes are read in this time, and not sooner."""

    def __init__(self, size: int) -> None:
        self._rate, self._read, self._begin = size / _READ_SECONDS, 0, time.monotonic()

    def __call__(self, size: int) -> None:
        self._read += size
        time.sleep(max(0.0, self._begin + self._read / self._rate - time.monotonic()))


def _host(number: int) -> str:
    routes = "".join(
        f'  - {{matchers: [{{exact: "/{route}"}}], directResponseAction: {{status: 200, body: "{_TEXT}"}}}}\n'
        for route in range(_ROUTES)
    )
    return f"metadata: {{name: host{number}, namespace: gloo-system}}\nvirtualHost:\n  domains: [host{number}.test]\n  routes:\n{routes}"


class _Readers:
    """Connections to both ports of the sidecar, each with a question about all routes."""

    def __init__(self, world: World) -> None:
        self._world = world

    def _dial(self, server: mtls.Server, protocol: str) -> ssl.SSLSocket:
        context = self._world.files.client()
        context.set_alpn_protocols([protocol])
        return server.dial(context, seconds=30, buffer=_BUFFER)

    def over_http1(self) -> tuple[ssl.SSLSocket, http.client.HTTPConnection]:
        connection = self._dial(self._world.sidecar.rest, "http/1.1")
        asked = http.client.HTTPConnection(mtls.NAME)
        asked.sock = connection
        asked.request("POST", _PATH, _BODY)
        return connection, asked

    def over_http2(self) -> tuple[ssl.SSLSocket, list[tuple[str, str]], bytes]:
        own = {":method": "POST", ":scheme": "https", ":path": _PATH, ":authority": mtls.NAME}
        return self._dial(self._world.sidecar.rest, "h2"), list(own.items()), _BODY

    def over_grpc(self) -> tuple[ssl.SSLSocket, list[tuple[str, str]], bytes]:
        value = grpc.field(3, _ROLE)
        node = grpc.field(1, "client") + grpc.field(3, grpc.field(1, grpc.field(1, "role") + grpc.field(2, value)))
        message = grpc.field(2, node) + grpc.field(4, _TYPE)
        headers = h2.call_headers(mtls.NAME, _FETCH, "https")
        return self._dial(self._world.sidecar.xds, "h2"), headers, grpc.framed(message)

    def read_http1(self, size: int) -> int:
        connection, asked = self.over_http1()
        with connection:
            pace, answer, got = _Pace(size), asked.getresponse(), 0
            assert answer.status == 200, answer.status
            while piece := answer.read(1 << 15):
                got += len(piece)
                pace(len(piece))
        return got

    def read_http2(self, size: int) -> int:
        connection, headers, body = self.over_http2()
        with connection:
            return len(h2.fetch(connection, headers, body, _Pace(size))[1])

    def read_grpc(self, size: int) -> int:
        connection, headers, body = self.over_grpc()
        with connection:
            return len(h2.fetch(connection, headers, body, _Pace(size))[1])

    def never_read(self, until: contextlib.ExitStack) -> None:
        """Some on each port, with each protocol."""
        for _ in range(_NEVER):
            until.enter_context(self.over_http1()[0])
            for ask in (self.over_http2, self.over_grpc):
                connection, headers, body = ask()
                h2.send(until.enter_context(connection), headers, body)


def _long_world(scenario: Scenario) -> tuple[World, int]:
    """And the bytes of its answer about routes over REST."""
    world = World(scenario, changed=_SHORTER)
    for number in range(_HOSTS):
        world.mode.write("virtualservices", f"host{number}", _host(number))
    request = client.compose("POST", _PATH, "HTTP/1.1", [("host", "gloo"), ("content-length", str(len(_BODY)))], _BODY)
    ask = lambda: len(client.exchange(client.Target(world.mode.rest_port), request, retry_seconds=0).body)
    return world, wait_until(lambda: size if (size := ask()) > _LEAST_BYTES else 0, "all routes are there", 60)


@SUITE.case("mtls: long answers that are read slowly come whole; who never reads is ended, and nobody waits for them")
def slow(scenario: Scenario) -> None:
    world, size = _long_world(scenario)
    readers, begin = _Readers(world), time.monotonic()
    idle = "http.rest_xds.downstream_rq_idle_timeout"
    reads: list[Callable[[int], int]] = [readers.read_http1, readers.read_http2, readers.read_grpc]
    with contextlib.ExitStack() as until, concurrent.futures.ThreadPoolExecutor(len(reads)) as pool:
        readers.never_read(until)
        # The answer of gRPC is shorter: its bytes are no JSON.
        slow_ones = [pool.submit(read, bytes_) for read, bytes_ in zip(reads, (size, size, _LEAST_BYTES))]
        slowest = 0.0
        while not all(one.done() for one in slow_ones):
            asked = time.monotonic()
            world.expect_served(world.files.client())
            slowest = max(slowest, time.monotonic() - asked)
            time.sleep(0.1)
        got = [one.result() for one in slow_ones]
        assert got[:2] == [size, size] and got[2] > _LEAST_BYTES, (got, size)
        assert time.monotonic() - begin > _READ_SECONDS and slowest < _OTHERS_SECONDS, slowest
        wait_until(lambda: world.sidecar.stat(idle) == 2 * _NEVER, "who never reads is ended", 3 * _IDLE_SECONDS)
    world.expect_refused(lambda: world.files.client(with_certificate=False))
    # They left in the middle, which is no refusal.
    refused = lambda: [line for line in world.sidecar.process.lines() if '"refused"' in line]
    wait_until(refused, "a client without a certificate is logged", _SECONDS)
    assert all("PEER_DID_NOT_RETURN_A_CERTIFICATE" in line for line in refused()), refused()
