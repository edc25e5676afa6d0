"""WebAssembly modules for Envoy (proxy-wasm ABI 0.2.1), put together byte by byte: no compiler is needed.

`python3 tests/e2e/harness/wasm_module.py` writes those that stand in plugins/wasm/testdata.
"""

import pathlib
import struct

_I32 = 0x7F
_TYPES = [
    ([], []),
    ([_I32], [_I32]),
    ([_I32] * 2, []),
    ([_I32] * 2, [_I32]),
    ([_I32] * 3, [_I32]),
    ([_I32] * 5, [_I32]),
]
_IMPORTS = [("proxy_add_header_map_value", 5), ("proxy_get_buffer_bytes", 5)]
_RESPONSE_HEADERS = 2  # which map
_PLUGIN_CONFIGURATION = 7  # which buffer
_HEAP, _NAME, _VALUE = 4096, 16, 128
# Instructions.
_UNREACHABLE, _END, _CALL, _DROP = b"\x00", b"\x0b", b"\x10", b"\x1a"


def _number(value: int) -> bytes:
    out = b""
    while True:
        byte, value = value & 0x7F, value >> 7
        if not value:
            return out + bytes([byte])
        out += bytes([byte | 0x80])


def _signed(value: int) -> bytes:
    """Of a number that is not negative."""
    out = b""
    while value >= 64:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def _const(value: int) -> bytes:
    return b"\x41" + _signed(value)


def _local(index: int) -> bytes:
    return b"\x20" + _number(index)


def _load(address: int) -> bytes:
    return _const(address) + b"\x28\x02\x00"


def _text(text: str) -> bytes:
    return _number(len(text.encode())) + text.encode()


def _vector(items: list[bytes]) -> bytes:
    return _number(len(items)) + b"".join(items)


def _section(number: int, items: list[bytes]) -> bytes:
    body = _vector(items)
    return bytes([number]) + _number(len(body)) + body


def _function(code: bytes) -> bytes:
    body = b"\x00" + code + _END
    return _number(len(body)) + body


def adds_header(name: str, value: str, traps: bool = False) -> bytes:
    """A module that adds a header to responses: with its configuration as the value, or else `value`.

    One that traps ends on each request, as a module with a fault does.
    """
    assert len(name) < _VALUE - _NAME and len(value) < 1024
    # A heap that only grows.
    allocate = b"\x23\x00" + b"\x23\x00" + _local(0) + b"\x6a" + b"\x24\x00"
    # Where the value is, and how long: at 0 and 4.
    buffer = _const(_PLUGIN_CONFIGURATION) + _const(0) + _local(1) + _const(0) + _const(4)
    configure = _local(1) + b"\x04\x40" + buffer + _CALL + b"\x01" + _DROP + _END + _const(1)
    where = _const(_RESPONSE_HEADERS) + _const(_NAME) + _const(len(name)) + _load(0) + _load(4)
    add = where + _CALL + b"\x00" + _DROP + _const(0)
    functions = [
        ("proxy_abi_version_0_2_1", 0, b""),
        ("malloc", 1, allocate),
        ("proxy_on_context_create", 2, b""),
        ("proxy_on_configure", 3, configure),
        ("proxy_on_request_headers", 4, _UNREACHABLE if traps else _const(0)),
        ("proxy_on_response_headers", 4, add),
    ]
    data = struct.pack("<II", _VALUE, len(value)).ljust(_NAME, b"\0")
    data = (data + name.encode()).ljust(_VALUE, b"\0") + value.encode()
    exports = [_text("memory") + b"\x02\x00"]
    exports += [_text(f[0]) + b"\x00" + _number(len(_IMPORTS) + i) for i, f in enumerate(functions)]
    return b"".join(
        [
            b"\0asm\x01\0\0\0",
            _section(1, [b"\x60" + _vector([bytes([t]) for t in ins]) + _vector([bytes([t]) for t in outs]) for ins, outs in _TYPES]),
            _section(2, [_text("env") + _text(what) + b"\x00" + _number(kind) for what, kind in _IMPORTS]),
            _section(3, [_number(kind) for _, kind, _ in functions]),
            _section(5, [b"\x00\x01"]),
            _section(6, [bytes([_I32, 1]) + _const(_HEAP) + _END]),
            _section(7, exports),
            _section(10, [_function(code) for _, _, code in functions]),
            _section(11, [b"\x00" + _const(0) + _END + _number(len(data)) + data]),
        ]
    )


if __name__ == "__main__":
    folder = pathlib.Path(__file__).resolve().parents[3] / "plugins/wasm/testdata"
    (folder / "adds_header.wasm").write_bytes(adds_header("x-wasm", "yes"))
    (folder / "traps.wasm").write_bytes(adds_header("x-wasm", "yes", traps=True))
