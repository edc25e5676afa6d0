"""Sends requests of all forms to a port, and tells what came back without what differs from time to time."""

import json
import socket
import ssl
from typing import Any, BinaryIO

from . import h2_client
from .backend import Backend

_VOLATILE = {"date", "x-envoy-upstream-service-time", "content-length"}
# Sent behind requests that ask for a connection, as some virtual hosts wait for all of a request, or for too much of it.
_ECHOED = b"0123456789" * 3
Answer = tuple[Any, ...]


class Asker:
    """A client of one port. `carrier` is the header of the key, which no upstream may see; without the division it is a
    header as others are, and left out of what is told."""

    def __init__(self, port: int, backend: Backend, carrier: str, divided: bool, sni: str | None = None) -> None:
        self._port = port
        self._backend = backend
        self._carrier = carrier
        self._divided = divided
        self._sni = sni
        self._socket: socket.socket | None = None
        self._file: BinaryIO | None = None
        self._http2: h2_client.Connection | None = None

    def _connect(self) -> socket.socket:
        raw = socket.create_connection(("127.0.0.1", self._port), timeout=10)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._sni is None:
            return raw
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context.wrap_socket(raw, server_hostname=self._sni or None)

    def close(self) -> None:
        """Ends the connections that there are."""
        if self._socket:
            self._socket.close()
        self._socket = None
        if self._http2:
            self._http2.close()
        self._http2 = None

    def ask(self, request: bytes) -> Answer:
        """The status, the headers and the body."""
        try:
            if self._socket is None:
                self._socket = self._connect()
                self._file = self._socket.makefile("rb")
            tunnel = request.startswith(b"CONNECT") or b"\r\nupgrade: " in request
            self._socket.sendall(request + (_ECHOED if tunnel else b""))
            return self._read(request.startswith((b"CONNECT", b"HEAD")))
        except ConnectionError:
            self.close()
            return (0, "closed")

    def once(self, request: bytes) -> Answer:
        """The same, on a connection of its own."""
        self.close()
        answer = self.ask(request)
        self.close()
        return answer

    def _read(self, head_only: bool) -> Answer:
        assert self._file and self._socket
        status = "100"
        while status == "100":
            line = self._file.readline()
            if not line:
                self.close()
                return (0, "closed")
            status = line.split()[1].decode()
            headers: dict[str, str] = {}
            while (header := self._file.readline()) not in (b"\r\n", b""):
                name, _, value = header.decode("latin-1").partition(":")
                headers[name.lower()] = headers.get(name.lower(), "") + value.strip()
        if status == "101":
            body = self._file.read(len(_ECHOED)).decode() + self._last_seen()
        else:
            data = b"" if head_only else self._file.read(int(headers.get("content-length", "0")))
            body = self._without_volatile(data)
        if headers.get("connection") == "close":
            self.close()
        return (status, _shown(headers), body)

    def http2(self, fields: h2_client.Fields, body: bytes) -> Answer:
        """What a request over HTTP/2 is answered."""
        return self._over_http2(lambda connection: connection.ask(fields, body), False)

    def http2_tunnel(self, fields: h2_client.Fields) -> Answer:
        """What is answered to one that asks for a connection, and what comes back on that."""
        return self._over_http2(lambda connection: connection.tunnel(fields, _ECHOED), True)

    def _over_http2(self, ask: Any, tunnel: bool) -> Answer:
        try:
            if self._http2 is None:
                self._http2 = h2_client.Connection(self._connect())
            headers, body = ask(self._http2)
        except h2_client.Reset as reset:
            return (0, f"reset {reset}")
        except (EOFError, ConnectionError):  # whichever comes first
            self.close()
            return (0, "closed")
        status = headers[0][1]
        told = self._last_seen() if tunnel and status == "200" else self._without_volatile(body)
        return (status, _shown(dict(headers)), told)

    def _last_seen(self) -> str:
        return self._without_volatile(json.dumps(self._backend.seen("backend")[-1]).encode())

    def _without_volatile(self, body: bytes) -> str:
        """What a backend tells of a request, without what differs from time to time."""
        if not body.startswith(b"{"):
            return body.decode("latin-1")
        seen = json.loads(body)
        headers = seen["headers"]
        assert not self._divided or self._carrier not in headers, f"the upstream has seen the key: {seen}"
        kept = sorted((n, v) for n, v in headers.items() if n not in ("x-request-id", self._carrier))
        return json.dumps([seen["method"], seen["path"], kept, seen["body"]])


def _shown(headers: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((n, v) for n, v in headers.items() if n not in _VOLATILE))
