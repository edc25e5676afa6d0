"""A connection of HTTP/2 for many requests, one after the other; answers with all their headers."""

import socket
import struct

from . import h2, hpack

Fields = list[tuple[str, str]]
_NO_TABLE = struct.pack(">HI", 1, 0)
_CANCEL = struct.pack(">I", 8)


class Reset(Exception):
    """The server took back this stream, and goes on with others."""


class Connection:
    """Opened on a socket; after an EOFError or an OSError it is of no more use."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._reader = connection.makefile("rb")
        self._stream = -1
        settings = h2.frame(h2.SETTINGS, 0, 0, _NO_TABLE)
        connection.sendall(h2.PREFACE_LINE + h2.PREFACE_REST + settings)

    def close(self) -> None:
        """Ends the connection."""
        self._reader.close()
        self._socket.close()

    def ask(self, fields: Fields, body: bytes = b"") -> tuple[Fields, bytes]:
        """The headers, `:status` first, and the body."""
        self._send(fields, body, True)
        headers, ended = self._headers()
        return headers, b"" if ended else self._body()

    def tunnel(self, fields: Fields, data: bytes) -> tuple[Fields, bytes]:
        """The same of a request that is not ended, with some bytes; when it is answered with 200, what comes back."""
        self._send(fields, b"", False)
        self._socket.sendall(h2.frame(h2.DATA, 0, self._stream, data))
        headers, ended = self._headers()
        if ended or headers[0] != (":status", "200"):
            return headers, b"" if ended else self._body()
        answer = b""
        while len(answer) < len(data):
            _, payload, ended = self._next(h2.DATA)
            answer += payload
            if ended:
                return headers, answer
        self._socket.sendall(h2.frame(h2.RESET, 0, self._stream, _CANCEL))
        return headers, answer[: len(data)]

    def _send(self, fields: Fields, body: bytes, end: bool) -> None:
        self._stream += 2
        block = b"".join(h2.literal(name, value) for name, value in fields)
        end_headers = h2.END_HEADERS | (h2.END_STREAM if end and not body else 0)
        request = h2.frame(h2.HEADERS, end_headers, self._stream, block)
        if body:
            request += h2.frame(h2.DATA, h2.END_STREAM, self._stream, body)
        self._socket.sendall(request)

    def _headers(self) -> tuple[Fields, bool]:
        while True:
            _, payload, ended = self._next(h2.HEADERS)
            headers = hpack.decode(payload)
            if not headers[0][1].startswith("1"):
                return headers, ended

    def _body(self) -> bytes:
        body, ended = b"", False
        while not ended:
            kind, payload, ended = self._next(h2.DATA, h2.HEADERS)
            body += payload if kind == h2.DATA else b""
        return body

    def _next(self, *kinds: int) -> tuple[int, bytes, bool]:
        """The next frame of these kinds of our stream, and whether it is the last one."""
        while True:
            kind, flags, stream, payload = h2.read_frame(self._reader)
            if kind == h2.SETTINGS and not flags & h2.ACK:
                self._socket.sendall(h2.frame(h2.SETTINGS, h2.ACK, 0))
            elif kind == h2.GOAWAY:
                raise EOFError
            elif kind == h2.DATA and payload:
                self._socket.sendall(h2.frame(h2.WINDOW, 0, 0, struct.pack(">I", len(payload))))
            if stream != self._stream:
                continue
            if kind == h2.RESET:
                raise Reset(int.from_bytes(payload, "big"))
            if kind in kinds:
                return kind, payload, bool(flags & h2.END_STREAM)
