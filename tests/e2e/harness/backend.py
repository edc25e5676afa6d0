"""The echo backend: answers with a JSON description of the request.

One server thread per port or socket file, and one thread per connection. Each understands plain
HTTP/1.1, HTTP/2, TLS and the PROXY protocol, by looking at the first bytes; the answer says what was
used.

Paths: `/status/N` answers with that status, `/delay/MS` waits first, `/flaky/N` answers 503 until
the Nth try of the same `x-flaky-id`, `/keepalive` looks when TCP will probe the connection. A request
with `upgrade:` gets 101, and then its bytes back; so do those behind the answer to CONNECT.
"""

import collections
import dataclasses
import json
import pathlib
import re
import socket
import ssl
import threading
import time
from typing import Any, BinaryIO

from . import h2, tcp

_PROXY_V2 = b"\r\n\r\n\x00\r\nQUIT\n"
_SHORT_NAMES = {"commonName": "CN", "organizationName": "O", "organizationalUnitName": "OU"}


@dataclasses.dataclass
class Identity:
    """Which endpoint of the configuration a port stands for."""

    upstream: str = "backend"
    host: int = 0


@dataclasses.dataclass
class TlsOptions:
    """What the backend shows to TLS clients, and whose certificates it takes."""

    certificate: pathlib.Path
    trusted: str = ""  # PEM certificates


@dataclasses.dataclass
class _Connection:
    """What is known about a connection, apart from its requests."""

    number: int  # among those of its upstream, from 1
    tls: dict[str, Any] | None = None
    proxy_protocol: dict[str, Any] | None = None
    requests: int = 0


class Backend:
    """A server on any number of ports; remembers what each upstream got."""

    def __init__(self, tls: TlsOptions | None = None) -> None:
        self.tls = tls
        self._lock = threading.Lock()
        self._seen: dict[str, list[dict[str, Any]]] = collections.defaultdict(list)
        self._tries: collections.Counter[str] = collections.Counter()
        self._connections: collections.Counter[str] = collections.Counter()
        self._listeners: list[socket.socket] = []
        self._released = threading.Event()

    def listen(self, identity: Identity, port: int = 0, address: str = "127.0.0.1") -> int:
        """Opens a port for an endpoint and returns its number."""
        listener = socket.create_server((address, port), backlog=128)
        self._start(listener, identity)
        return listener.getsockname()[1]

    def listen_pipe(self, identity: Identity, path: str) -> None:
        """Listens on a Unix domain socket; a path that begins with @ is an abstract one."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("\0" + path[1:] if path.startswith("@") else path)
        listener.listen(128)
        self._start(listener, identity)

    def _start(self, listener: socket.socket, identity: Identity) -> None:
        self._listeners.append(listener)
        threading.Thread(target=self._accept, args=(listener, identity), daemon=True).start()

    def release(self) -> None:
        """Lets the requests for /hold be answered."""
        self._released.set()

    def close(self) -> None:
        """Closes all ports; connections end when their clients close them."""
        self.release()
        for listener in self._listeners:
            listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept
            listener.close()

    def seen(self, upstream: str) -> list[dict[str, Any]]:
        """The requests that an upstream got, oldest first."""
        with self._lock:
            return list(self._seen[upstream])

    def _accept(self, listener: socket.socket, identity: Identity) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._serve, args=(connection, identity), daemon=True).start()

    def _serve(self, connection: socket.socket, identity: Identity) -> None:
        try:
            about = self._welcome(connection, identity)
            about.proxy_protocol = _read_proxy_protocol(connection)
            if connection.recv(1, socket.MSG_PEEK) == b"\x16" and self.tls:
                connection, about.tls = _accept_tls(connection, self.tls)
            with connection:
                self._serve_requests(connection, identity, about)
        except OSError:  # the client went away
            return

    def _welcome(self, connection: socket.socket, identity: Identity) -> _Connection:
        if connection.family == socket.AF_INET:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._connections[identity.upstream] += 1
            return _Connection(self._connections[identity.upstream])

    def _serve_requests(
        self, connection: socket.socket, identity: Identity, about: _Connection
    ) -> None:
        reader = connection.makefile("rb")
        while line := reader.readline():
            if line == h2.PREFACE_LINE:
                seen = self._describe("", "", "HTTP/2", [], b"", identity, about)
                h2.serve(
                    reader,
                    connection,
                    _answer_headers(identity, about),
                    json.dumps(seen).encode(),
                    identity.upstream,
                )
                return
            method, target, version = line.decode("latin-1").rstrip("\r\n").split(" ", 2)
            headers = _read_headers(reader)
            body = _read_body(reader, {name.lower(): value for name, value in headers})
            seen = self._describe(method, target, version, headers, body, identity, about)
            if upgrade := seen["headers"].get("upgrade"):
                _serve_upgrade(connection, reader, upgrade)
                return
            if target == "/keepalive":
                seen["keepalive"] = tcp.keepalive_of_peer(connection)
            connection.sendall(self._answer(method, seen, identity, about))
            if method == "CONNECT":
                _echo(connection, reader)
                return

    def _describe(
        self,
        method: str,
        target: str,
        version: str,
        headers: list[tuple[str, str]],
        body: bytes,
        identity: Identity,
        about: _Connection,
    ) -> dict[str, Any]:
        """What there is to say about a request; it is remembered, too."""
        joined: dict[str, str] = {}
        for name, value in headers:
            key = name.lower()
            joined[key] = f"{joined[key]}, {value}" if key in joined else value
        about.requests += 1
        with self._lock:
            seen = {
                "method": method,
                "path": target,
                "protocol": version,
                "headers": joined,
                "spelled": [name for name, _ in headers],
                "body": body.decode("latin-1"),
                "upstream": identity.upstream,
                "host": identity.host,
                "tls": about.tls,
                "proxy_protocol": about.proxy_protocol,
                "connection": about.number,
                "connections": self._connections[identity.upstream],
                "request": about.requests,
            }
            self._seen[identity.upstream].append(seen)
        return seen

    def _answer(
        self, method: str, seen: dict[str, Any], identity: Identity, about: _Connection
    ) -> bytes:
        status = self._behave(seen["path"], seen["headers"])
        body = json.dumps(seen).encode()
        headers = {
            "content-type": "application/json",
            "content-length": str(len(body)),
            "X-mIxEd": "1",
            **_answer_headers(identity, about),
        }
        if status in (204, 304):
            del headers["content-length"]
        lines = [f"HTTP/1.1 {status} Status"] + [
            f"{name}: {value}" for name, value in headers.items()
        ]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        return head if method == "HEAD" or status in (204, 304) else head + body

    def _behave(self, path: str, headers: dict[str, str]) -> int:
        """Waits as the path says and returns the status to answer with."""
        if match := re.match(r"/status/(\d{3})(?!\d)", path):
            return int(match[1])
        if match := re.match(r"/delay/(\d+)", path):
            time.sleep(int(match[1]) / 1000)
        if path == "/hold":
            self._released.wait()
        if match := re.match(r"/flaky/(\d+)", path):
            key = headers.get("x-flaky-id", "")
            with self._lock:
                self._tries[key] += 1
                return 200 if self._tries[key] >= int(match[1]) else 503
        return 200


def _answer_headers(identity: Identity, about: _Connection) -> dict[str, str]:
    headers = {
        "x-served-by": "echo",
        "x-upstream": identity.upstream,
        "x-host-index": str(identity.host),
    }
    if about.tls:
        headers["x-sni"] = about.tls["sni"] or ""
        headers["x-client-subject"] = about.tls["client"]
    return headers


def _read_headers(reader: BinaryIO) -> list[tuple[str, str]]:
    headers = []
    while (line := reader.readline()) not in (b"\r\n", b"\n", b""):
        name, _, value = line.decode("latin-1").rstrip("\r\n").partition(":")
        headers.append((name, value.strip()))
    return headers


def _read_body(reader: BinaryIO, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return reader.read(int(headers.get("content-length", "0")))
    body = b""
    while (size := int(reader.readline().split(b";")[0] or b"0", 16)) > 0:
        body += reader.read(size)
        reader.readline()
    _read_headers(reader)  # trailers
    return body


def _serve_upgrade(connection: socket.socket, reader: BinaryIO, protocol: str) -> None:
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n"
        + f"upgrade: {protocol}\r\n\r\n".encode("latin-1")
    )
    _echo(connection, reader)


def _echo(connection: socket.socket, reader: BinaryIO) -> None:
    while data := reader.read1(65536):  # type: ignore[attr-defined]
        connection.sendall(data)


def _accept_tls(
    connection: socket.socket, options: TlsOptions
) -> tuple[ssl.SSLSocket, dict[str, Any]]:
    """Shakes hands; a client's certificate is asked for, and checked when it shows one."""
    names: dict[str, str | None] = {"sni": None}

    def note_name(_socket: Any, name: str | None, _context: ssl.SSLContext) -> None:
        names["sni"] = name

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    context.sni_callback = note_name
    if options.trusted:
        context.load_verify_locations(cadata=options.trusted)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_mode = ssl.CERT_OPTIONAL
    secure = context.wrap_socket(connection, server_side=True)
    subject = (secure.getpeercert() or {}).get("subject", ())
    client = ",".join(
        f"{_SHORT_NAMES.get(key, key)}={value}" for part in subject for key, value in part
    )
    return secure, {
        **names,
        "client": client,
        "alpn": secure.selected_alpn_protocol(),
        "version": secure.version(),
    }


def _read_proxy_protocol(connection: socket.socket) -> dict[str, Any] | None:
    """Reads the header of the PROXY protocol when there is one; leaves anything else unread."""
    first = connection.recv(1, socket.MSG_PEEK)
    if first == b"P" and connection.recv(6, socket.MSG_PEEK | socket.MSG_WAITALL) == b"PROXY ":
        line = b""
        while not line.endswith(b"\r\n"):
            line += connection.recv(1)
        words = line.decode("latin-1").split()
        return {"version": 1, "source": words[2] if len(words) > 2 else ""}
    if first == b"\r" and connection.recv(12, socket.MSG_PEEK | socket.MSG_WAITALL) == _PROXY_V2:
        head = connection.recv(16, socket.MSG_WAITALL)
        rest = connection.recv(int.from_bytes(head[14:16], "big"), socket.MSG_WAITALL)
        return {"version": 2, "source": socket.inet_ntoa(rest[:4]) if head[13] >> 4 == 1 else ""}
    return None
