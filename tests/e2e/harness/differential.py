"""Random route tables and requests, for cases that ask two listeners the same and compare the answers."""

import json
import random
import socket
import ssl
from typing import Any, BinaryIO, Iterator

from . import h2
from .sharding import HEADER

_VOLATILE = {"date", "x-envoy-upstream-service-time"}
_LABELS = ["a", "b", "api", "www", "xn--bcher-kva", "h1", "h2", "long-name", "7"]
_ENDS = ["example.com", "example.org", "xn--p1ai", "internal", "co.example"]
_OPTIONS = [
    "{}",
    "{}",
    "{headerManipulation: {responseHeadersToAdd: [{header: {key: x-site, value: NAME}, append: false}]}}",
    "{cors: {allowOrigin: ['https://a.example'], allowMethods: [GET], exposeHeaders: [x-NAME]}}",
    "{csrf: {filterEnabled: {defaultValue: {numerator: 100}}}}",
    "{bufferPerRoute: {buffer: {maxRequestBytes: 20}}}",
]
Answer = tuple[Any, ...]


class World:
    """VirtualServices with domains of all kinds, and the hosts that are worth asking for."""

    def __init__(self, seed: int, prefix: str = "s", spec: str = "") -> None:
        self._choose = random.Random(seed)
        self._prefix = prefix
        self._catch_all = seed % 2 == 0
        domains = list(dict.fromkeys(self._exact() + self._wild()))
        self.hosts = [*domains, *(self._name() for _ in range(40)), "unknown", "org", "-x.example.com"]
        self._choose.shuffle(domains)
        self.text = ""
        while domains:
            size = self._choose.choice([1, 1, 1, 2, 3, 6])
            self.text += self._site(domains[:size], spec)
            domains = domains[size:]

    def _name(self) -> str:
        labels = [self._choose.choice(_LABELS) for _ in range(self._choose.choice([1, 1, 2, 3]))]
        return ".".join([*labels, self._choose.choice(_ENDS)])

    def _exact(self) -> list[str]:
        names = [self._name() for _ in range(70)]
        names += [name + self._choose.choice([":80", ":8080", ":9000"]) for name in names[:10]]
        names += ["10.0.0.7", "10.0.0.7:8080", "[::1]", "[2001:db8::1]:8443", "localhost", "example.com."]
        return names

    def _wild(self) -> list[str]:
        ends = self._choose.sample(_ENDS, 3) + [self._name() for _ in range(4)]
        wild = [f"*.{end}" for end in ends] + [f"*-x.{ends[0]}", f"*.{ends[1]}:9000"]
        wild += [f"{self._name()}.*" for _ in range(3)] + ["api.*", "www.a.*", "long-*"]
        return wild + (["*"] if self._catch_all else [])

    def _site(self, domains: list[str], spec: str) -> str:
        name = f"{self._prefix}{self.text.count('kind: VirtualService')}"
        options = self._choose.choice(_OPTIONS).replace("NAME", name)
        backend = "{single: {upstream: {name: backend, namespace: default}}}"
        return f"""\
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: default}}
spec:
  {spec}
  virtualHost:
    domains: {json.dumps(domains)}
    options: {options}
    routes:
    - matchers: [{{connectMatcher: {{}}}}]
      routeAction: {backend}
    - matchers: [{{prefix: /up}}]
      routeAction: {backend}
      options: {{hostRewrite: {name}.rewritten}}
    - matchers: [{{prefix: /moved}}]
      redirectAction: {{hostRedirect: {name}.example, responseCode: FOUND}}
    - matchers: [{{prefix: /secure}}]
      redirectAction: {{httpsRedirect: true}}
    - matchers: [{{prefix: /broken}}]
      routeAction: {backend}
      options: {{faults: {{abort: {{percentage: 100, httpStatus: 418}}}}}}
    - matchers: [{{prefix: /}}]
      directResponseAction: {{status: 200, body: {name}}}
"""

    def some(self, count: int) -> list[str]:
        """Some of the hosts."""
        return self._choose.sample(self.hosts, min(count, len(self.hosts)))


def forms(host: str) -> Iterator[str]:
    """How clients may write a host."""
    host = host.replace("*", "any")
    name = host.removesuffix(".")
    yield from (host, host.upper(), name + ".", name + ".:80", "www." + host, name + ".." if name else "..")
    yield from (host + port for port in (":", ":80", ":8080", ":9000", ":abc", ":80:90"))


def requests_of(host: str, forged: list[str]) -> Iterator[bytes]:
    """Requests with this host, none of which ends its connection."""
    for line in ("GET /", "GET /up", "GET /moved/x", "GET /secure", "GET /broken", "POST /", "OPTIONS /"):
        more = "origin: https://a.example\r\naccess-control-request-method: GET\r\n" if "OPT" in line else ""
        yield f"{line} HTTP/1.1\r\nhost: {host}\r\n{more}content-length: 0\r\n\r\n".encode("latin-1")
    for key in forged:
        header = f"{HEADER}: {key}\r\n{HEADER.upper()}: {key}\r\n"
        yield f"GET /up HTTP/1.1\r\n{header}host: {host}\r\n\r\n".encode("latin-1")
    yield f"GET http://{host}/ HTTP/1.1\r\nhost: other.example.com\r\n\r\n".encode("latin-1")
    yield f"POST /up HTTP/1.1\r\nhost: {host}\r\ncontent-length: 30\r\n\r\n{'x' * 30}".encode("latin-1")


def last_requests_of(host: str) -> Iterator[bytes]:
    """Requests after which the connection is of no more use."""
    yield f"CONNECT {host or 'a'} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode("latin-1")
    upgrade = "connection: upgrade\r\nupgrade: websocket\r\n"
    yield f"GET /up HTTP/1.1\r\nhost: {host}\r\n{upgrade}\r\n".encode("latin-1")
    yield f"GET /up HTTP/1.0\r\nhost: {host}\r\n\r\n".encode("latin-1")
    yield f"GET http://{host}/ HTTP/1.0\r\n\r\n".encode("latin-1")
    yield f"GET / HTTP/1.1\r\nhost: {host}\r\nhost: other.example.com\r\n\r\n".encode("latin-1")


WITHOUT_HOST = [
    b"GET / HTTP/1.0\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost:\r\n\r\n",
    b"GET /up HTTP/1.0\r\n" + HEADER.encode() + b": 1\r\n\r\n",
]


class Asker:
    """Sends bytes to a port, and tells what came back without what differs from time to time."""

    def __init__(self, port: int, divided: bool, sni: str | None = None) -> None:
        self._port = port
        self._divided = divided
        self._sni = sni
        self._socket: socket.socket | None = None
        self._file: BinaryIO | None = None

    def _open(self) -> None:
        raw = socket.create_connection(("127.0.0.1", self._port), timeout=10)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._sni is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            raw = context.wrap_socket(raw, server_hostname=self._sni or None)
        self._socket, self._file = raw, raw.makefile("rb")

    def close(self) -> None:
        """Ends the connection, if there is one."""
        if self._socket:
            self._socket.close()
        self._socket = None

    def ask(self, request: bytes) -> Answer:
        """The status, the headers and the body."""
        try:
            if self._socket is None:
                self._open()
            self._socket.sendall(request)
            return self._read(request.startswith((b"CONNECT", b"HEAD")) or b"upgrade:" in request)
        except OSError as error:
            self.close()
            return (0, type(error).__name__)

    def once(self, request: bytes) -> Answer:
        """The same, on a connection of its own."""
        self.close()
        answer = self.ask(request)
        self.close()
        return answer

    def _read(self, head_only: bool) -> Answer:
        line = self._file.readline()
        if not line:
            self.close()
            return (0, "closed")
        headers = {}
        while (header := self._file.readline()) not in (b"\r\n", b""):
            name, _, value = header.decode("latin-1").partition(":")
            headers[name.lower()] = headers.get(name.lower(), "") + value.strip()
        body = b"" if head_only else self._file.read(int(headers.get("content-length", "0")))
        if headers.get("connection") == "close":
            self.close()
        shown = tuple(sorted((n, v) for n, v in headers.items() if n not in _VOLATILE | {"content-length"}))
        return (line.split()[1].decode(), shown, _request_seen(body, self._divided))

    def http2(self, host: str) -> Answer:
        """What a request over HTTP/2 is answered."""
        with socket.create_connection(("127.0.0.1", self._port), timeout=10) as connection:
            fields = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", host)]
            try:
                return h2.fetch(connection, [*fields, (HEADER, "forged")], b"")
            except (EOFError, OSError, ValueError, KeyError) as error:
                return (0, type(error).__name__)


def _request_seen(body: bytes, divided: bool) -> str:
    """What a backend tells of a request, without what differs from time to time."""
    if not body.startswith(b"{"):
        return body.decode("latin-1")
    seen = json.loads(body)
    # Without the division it is a header as others are.
    assert not divided or HEADER not in seen["headers"], f"the upstream has seen the key: {seen}"
    headers = {n: v for n, v in seen["headers"].items() if n not in ("x-request-id", HEADER)}
    return json.dumps([seen["method"], seen["path"], sorted(headers.items()), seen["body"]])
