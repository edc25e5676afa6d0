"""A minimal HTTP/2 server: every request gets 200 and `x-proto: h2`.

Requests' header blocks are not decoded, and there are no trailers: it shows that a proxy speaks
HTTP/2 to it, no more.
"""

import socket
import struct
from typing import BinaryIO

PREFACE_LINE = b"PRI * HTTP/2.0\r\n"
_PREFACE_REST = b"\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS, _PING, _GOAWAY, _WINDOW = 0, 1, 4, 6, 7, 8
_END_STREAM, _ACK, _END_HEADERS = 1, 1, 4
_STATUS_200 = b"\x88"  # entry 8 of HPACK's static table


def _literal(name: str, value: str) -> bytes:
    """A header as a plain HPACK literal; both parts must be shorter than 127 bytes."""
    return b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return (
        struct.pack(">I", len(payload))[1:]
        + bytes([kind, flags])
        + struct.pack(">I", stream)
        + payload
    )


def _read_exactly(reader: BinaryIO, size: int) -> bytes:
    data = reader.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _window_updates(stream: int, size: int) -> bytes:
    """Gives back the window that a DATA frame took, to the connection and the stream."""
    increment = struct.pack(">I", size)
    return _frame(_WINDOW, 0, 0, increment) + _frame(_WINDOW, 0, stream, increment)


def serve(
    reader: BinaryIO, connection: socket.socket, headers: dict[str, str], body: bytes
) -> None:
    """Answers the requests of a connection; the first line of the preface was read already."""
    block = _STATUS_200 + b"".join(_literal(k, v) for k, v in {"x-proto": "h2", **headers}.items())
    _read_exactly(reader, len(_PREFACE_REST))
    connection.sendall(_frame(_SETTINGS, 0, 0))
    try:
        while _serve_frame(reader, connection, block, body):
            pass
    except EOFError:
        return


def _serve_frame(reader: BinaryIO, connection: socket.socket, block: bytes, body: bytes) -> bool:
    """Reads one frame and answers it; False when the client says that it goes away.

    The header blocks that clients send here fit into one frame, so CONTINUATION needs no care.
    """
    head = _read_exactly(reader, 9)
    size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
    stream = int.from_bytes(head[5:], "big") & 0x7FFFFFFF
    payload = _read_exactly(reader, size)
    if kind == _SETTINGS and not flags & _ACK:
        connection.sendall(_frame(_SETTINGS, _ACK, 0))
    elif kind == _PING and not flags & _ACK:
        connection.sendall(_frame(_PING, _ACK, 0, payload))
    elif kind == _DATA and size:
        connection.sendall(_window_updates(stream, size))
    if kind in (_DATA, _HEADERS) and flags & _END_STREAM:
        connection.sendall(
            _frame(_HEADERS, _END_HEADERS, stream, block) + _frame(_DATA, _END_STREAM, stream, body)
        )
    return kind != _GOAWAY
