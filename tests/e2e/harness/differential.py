"""Random route tables and requests, for cases that ask two listeners the same and compare the answers."""

import json
import random
from typing import Iterator

from .h2_client import Fields
from .sharding import HEADER, OWN_HEADER

_LABELS = ["a", "b", "api", "www", "xn--bcher-kva", "h1", "h2", "long-name", "7", "az09zone"]
_ENDS = ["example.com", "example.org", "xn--p1ai", "internal", "co.example"]
_OPTIONS = [
    "{}",
    "{}",
    "{headerManipulation: {responseHeadersToAdd: [{header: {key: x-site, value: NAME}, append: false}]}}",
    "{cors: {allowOrigin: ['https://a.example'], allowMethods: [GET], exposeHeaders: [x-NAME]}}",
    "{csrf: {filterEnabled: {defaultValue: {numerator: 100}}}}",
    "{bufferPerRoute: {buffer: {maxRequestBytes: 20}}}",
]
_ORIGIN = [("origin", "https://a.example"), ("access-control-request-method", "GET")]


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


def _forged(keys: list[str]) -> Iterator[Fields]:
    """What only the module may say, in the header that it uses, in the other, and often."""
    for key in keys:
        yield [(HEADER, key), (HEADER, key)]
        yield [(OWN_HEADER, key), (OWN_HEADER, key)]
        yield [(OWN_HEADER, key), (HEADER, key)]


def _bytes(line: str, fields: Fields, body: str = "", version: str = "HTTP/1.1") -> bytes:
    lines = [f"{line} {version}", *(f"{name}: {value}" for name, value in fields), "", body]
    return "\r\n".join(lines).encode("latin-1")


def requests_of(host: str, keys: list[str]) -> Iterator[bytes]:
    """Requests with this host, none of which ends its connection; some say keys of their own."""
    named = [("host", host)]
    for line in ("GET /", "GET /up", "GET /moved/x", "GET /secure", "GET /broken", "POST /", "PUT /up", "DELETE /up"):
        yield _bytes(line, [*named, ("content-length", "0")])
    yield _bytes("OPTIONS /", [*named, *_ORIGIN])
    yield _bytes("HEAD /up", named)
    for fields in _forged(keys):
        yield _bytes("GET /up", [(name.upper(), value) for name, value in fields[:1]] + fields[1:] + named)
        yield _bytes("GET /moved", fields + named)
    yield _bytes("POST /up", [*named, (HEADER, "100-continue"), ("content-length", "3")], "abc")
    yield _bytes(f"GET http://{host}/", [("host", "other.example.com")])
    yield _bytes("POST /up", [*named, ("content-length", "30")], "x" * 30)


def last_requests_of(host: str, keys: list[str]) -> Iterator[bytes]:
    """Requests after which the connection is of no more use."""
    named = [("host", host)]
    upgrade = [("connection", "upgrade"), ("upgrade", "websocket")]
    yield _bytes(f"CONNECT {host or 'a'}", named)
    yield _bytes(f"CONNECT {host or 'a'}", [*named, (HEADER, keys[-1]), (OWN_HEADER, keys[-1])])
    for path in ("/up", "/moved", "/"):
        yield _bytes(f"GET {path}", named + upgrade)
    yield _bytes("GET /up", [*named, *upgrade, (HEADER, keys[-1]), (OWN_HEADER, keys[-1])])
    yield _bytes("GET /up", named, version="HTTP/1.0")
    yield _bytes("GET /moved", [*named, (HEADER, keys[-1]), (OWN_HEADER, keys[-1])], version="HTTP/1.0")
    yield _bytes(f"GET http://{host}/", [], version="HTTP/1.0")
    yield _bytes("GET /", [*named, ("host", "other.example.com")])


WITHOUT_HOST = [
    b"GET / HTTP/1.0\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost:\r\n\r\n",
    b"GET /up HTTP/1.0\r\n" + HEADER.encode() + b": 1\r\n\r\n",
    b"GET /up HTTP/1.0\r\n" + OWN_HEADER.encode() + b": 1\r\n\r\n",
]


def http2_fields(method: str, host: str, path: str, more: Fields | None = None) -> Fields:
    """Of a request over HTTP/2."""
    return [(":method", method), (":scheme", "http"), (":authority", host), (":path", path), *(more or [])]


_HTTP2_WITHOUT_HOST = [(":method", "GET"), (":scheme", "http"), (":path", "/up")]
# Envoy ends the connections of these.
HTTP2_WITHOUT_HOST = [
    _HTTP2_WITHOUT_HOST,
    [*_HTTP2_WITHOUT_HOST, (HEADER, "1"), (OWN_HEADER, "1")],
    http2_fields("GET", "", "/up"),
    http2_fields("GET", "", "/up", [("host", "h1.example.com")]),
]


def http2_requests_of(host: str, keys: list[str]) -> Iterator[tuple[Fields, bytes]]:
    """Requests over HTTP/2 with this host, and their bodies."""
    for method in ("GET", "POST", "PUT", "DELETE", "HEAD"):
        for path in ("/", "/up", "/moved/x", "/broken"):
            yield http2_fields(method, host, path), b"abc" if method in ("POST", "PUT") else b""
    yield http2_fields("OPTIONS", host, "/", _ORIGIN), b""
    yield http2_fields("GET", host, "/secure"), b""
    yield http2_fields("POST", host, "/up"), b"x" * 30
    yield http2_fields("POST", host, "/up", [(HEADER, "100-continue")]), b"abc"
    for fields in _forged(keys):
        yield http2_fields("GET", host, "/up", fields), b""
    # The host in a header, and beside another one.
    yield [*_HTTP2_WITHOUT_HOST, ("host", host)], b""
    yield http2_fields("GET", host, "/up", [("host", "other.example.com")]), b""
    yield http2_fields("GET", "other.example.com", "/up", [("host", host)]), b""


def http2_tunnels_of(host: str, keys: list[str]) -> Iterator[Fields]:
    """Requests over HTTP/2 that ask for a connection: by CONNECT, and by its form for WebSockets."""
    forged = [(HEADER, keys[-1]), (OWN_HEADER, keys[-1])]
    for more in ([], forged):
        yield [(":method", "CONNECT"), (":authority", host), *more]
        yield http2_fields("CONNECT", host, "/up", [(":protocol", "websocket"), *more])
