"""A minimal HTTP/2, to see whether a proxy speaks it.

The server answers every request with 200 and `x-proto: h2`; a unary call of gRPC is answered as one. The client learns
the status and the body. Header blocks are not decoded, and there are no trailers but those of gRPC.
"""

import socket
import struct
from typing import BinaryIO, Callable

from . import grpc

PREFACE_LINE = b"PRI * HTTP/2.0\r\n"
PREFACE_REST = b"\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, WINDOW = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
_STATUS_200 = b"\x88"  # entry 8 of HPACK's static table
# The statuses of the static table; others are not understood.
_STATUSES = {0x88: 200, 0x89: 204, 0x8A: 206, 0x8B: 304, 0x8C: 400, 0x8D: 404, 0x8E: 500}


def literal(name: str, value: str) -> bytes:
    """A header as a plain HPACK literal."""
    return b"\x00" + b"".join(_length(len(part)) + part.encode() for part in (name, value))


def _length(value: int) -> bytes:
    """An integer of HPACK with a prefix of seven bits."""
    if value < 127:
        return bytes([value])
    out, value = bytes([127]), value - 127
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def _block(headers: dict[str, str]) -> bytes:
    return b"".join(literal(name, value) for name, value in headers.items())


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return (
        struct.pack(">I", len(payload))[1:]
        + bytes([kind, flags])
        + struct.pack(">I", stream)
        + payload
    )


def read_exactly(reader: BinaryIO, size: int) -> bytes:
    data = reader.read(size)
    if len(data) < size:
        raise EOFError
    return data


def read_frame(reader: BinaryIO) -> tuple[int, int, int, bytes]:
    """The kind, the flags, the stream and the payload."""
    head = read_exactly(reader, 9)
    stream = int.from_bytes(head[5:], "big") & 0x7FFFFFFF
    return head[3], head[4], stream, read_exactly(reader, int.from_bytes(head[:3], "big"))


def _window_updates(stream: int, size: int) -> bytes:
    """Gives back the window that a DATA frame took, to the connection and the stream."""
    increment = struct.pack(">I", size)
    return frame(WINDOW, 0, 0, increment) + frame(WINDOW, 0, stream, increment)


def serve(
    reader: BinaryIO, connection: socket.socket, headers: dict[str, str], body: bytes, note: str
) -> None:
    """Answers the requests of a connection; the first line of the preface was read already.

    `note` is that of the answers to gRPC.
    """
    read_exactly(reader, len(PREFACE_REST))
    connection.sendall(frame(SETTINGS, 0, 0))
    server = _Server(reader, connection, headers, body, note)
    try:
        while server.serve_frame():
            pass
    except EOFError:
        return


class _Server:
    """One connection."""

    def __init__(
        self,
        reader: BinaryIO,
        connection: socket.socket,
        headers: dict[str, str],
        body: bytes,
        note: str,
    ) -> None:
        self._reader = reader
        self._connection = connection
        self._block = _STATUS_200 + _block({"x-proto": "h2", **headers})
        self._body = body
        self._note = note
        self._received: dict[int, bytes] = {}  # by stream

    def serve_frame(self) -> bool:
        """Reads one frame and answers it; False when the client says that it goes away.

        The header blocks that clients send here fit into one frame, so CONTINUATION needs no care.
        """
        kind, flags, stream, payload = read_frame(self._reader)
        if kind == SETTINGS and not flags & ACK:
            self._connection.sendall(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self._connection.sendall(frame(PING, ACK, 0, payload))
        elif kind == DATA and payload:
            self._received[stream] = self._received.get(stream, b"") + payload
            self._connection.sendall(_window_updates(stream, len(payload)))
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            self._connection.sendall(self._answer(stream, self._received.pop(stream, b"")))
        return kind != GOAWAY

    def _answer(self, stream: int, call: bytes) -> bytes:
        message = grpc.answer(call, self._note)
        if message is None:
            return frame(HEADERS, END_HEADERS, stream, self._block) + frame(
                DATA, END_STREAM, stream, self._body
            )
        block = self._block + _block({"content-type": "application/grpc"})
        return (
            frame(HEADERS, END_HEADERS, stream, block)
            + frame(DATA, 0, stream, message)
            + frame(HEADERS, END_HEADERS | END_STREAM, stream, _block({"grpc-status": "0"}))
        )


def fetch(
    connection: socket.socket, headers: list[tuple[str, str]], body: bytes, read: Callable[[int], object] | None = None
) -> tuple[int, bytes]:
    """Sends a request with all its headers, `:method` and the like first; returns status and body.

    The status is 0 when it is none of the static table. `read` is told of the bytes of each piece of the body, and may
    take its time before the server may send more.
    """
    send(connection, headers, body)
    reader = connection.makefile("rb")
    status, answer = 0, bytearray()
    while True:
        kind, flags, _, payload = read_frame(reader)
        if kind == SETTINGS and not flags & ACK:
            connection.sendall(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            connection.sendall(frame(PING, ACK, 0, payload))
        elif kind == HEADERS:
            # A change of the size of HPACK's table may stand before the status.
            status = next((_STATUSES[byte] for byte in payload[:6] if byte in _STATUSES), status)
        elif kind == DATA and payload:
            answer += payload
            if read:
                read(len(payload))
            connection.sendall(_window_updates(1, len(payload)))
        if kind in (GOAWAY, RESET):
            raise EOFError
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            return status, bytes(answer)


def send(connection: socket.socket, headers: list[tuple[str, str]], body: bytes) -> None:
    """A connection's first request, with an answer that somebody may read."""
    block = b"".join(literal(name, value) for name, value in headers)
    request = frame(HEADERS, END_HEADERS | (0 if body else END_STREAM), 1, block)
    if body:
        request += frame(DATA, END_STREAM, 1, body)
    connection.sendall(PREFACE_LINE + PREFACE_REST + frame(SETTINGS, 0, 0) + request)


def call(
    connection: socket.socket, authority: str, path: str, message: bytes, scheme: str = "http", token: str = ""
) -> bytes:
    """Calls a method of gRPC; returns the first message of the answer, empty for a refusal."""
    _, answer = fetch(connection, call_headers(authority, path, scheme, token), grpc.framed(message))
    return grpc.unframed(answer)


def call_headers(authority: str, path: str, scheme: str, token: str = "") -> list[tuple[str, str]]:
    """Those of a call of gRPC."""
    return [
        (":method", "POST"),
        (":scheme", scheme),
        (":path", path),
        (":authority", authority),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        *([("authorization", f"Bearer {token}")] if token else []),
    ]
