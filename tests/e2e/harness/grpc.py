"""What gRPC puts into HTTP/2, and the descriptors of services, both without a library.

The one message is `Item {string name = 1; string note = 2;}`, of calls and of answers.
"""

import base64
import dataclasses

_PREFIX = 5  # of a gRPC message: whether it is compressed, and its size in four bytes
_HTTP_RULE = 72295728  # the number of google.api.http among the options of a method
_VERBS = {"get": 2, "put": 3, "post": 4, "delete": 5, "patch": 6}
_TYPE_STRING, _OPTIONAL = 9, 1


def framed(message: bytes) -> bytes:
    """A message as it stands in a body."""
    return b"\0" + len(message).to_bytes(_PREFIX - 1, "big") + message


def unframed(body: bytes) -> bytes:
    """The one message of a body."""
    return body[_PREFIX:]


def answer(call: bytes, note: str) -> bytes | None:
    """The answer to a unary call: the same name, and this note. None when it is no call."""
    if len(call) < _PREFIX or call[0] != 0 or int.from_bytes(call[1:_PREFIX], "big") != len(call) - _PREFIX:
        return None
    item = field(1, fields(call[_PREFIX:]).get(1, b"")) + field(2, note)
    return framed(item)


def _number(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number: int, value: int | bytes | str) -> bytes:
    """A field of a protobuf message on the wire."""
    if isinstance(value, int):
        return _number(number << 3) + _number(value)
    data = value.encode() if isinstance(value, str) else value
    return _number(number << 3 | 2) + _number(len(data)) + data


def fields(message: bytes) -> dict[int, bytes]:
    """The fields of a message that has only texts and messages in it."""
    found, at = {}, 0

    def take() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        number, size = take() >> 3, take()
        found[number] = message[at : at + size]
        at += size
    return found


@dataclasses.dataclass
class Method:
    """A method of a service, and the request of HTTP that is translated to it: `get /items/{name}`; "" for none."""

    name: str
    rule: str = ""
    body: str = ""

    def encoded(self, package: str) -> bytes:
        item = f".{package}.Item"
        out = field(1, self.name) + field(2, item) + field(3, item)
        if not self.rule:
            return out
        verb, _, template = self.rule.partition(" ")
        rule = field(_VERBS[verb], template)
        rule += field(7, self.body) if self.body else b""
        return out + field(4, field(_HTTP_RULE, rule))


def file_descriptor(
    package: str, services: dict[str, list[Method]], imports: list[str] | None = None
) -> bytes:
    """A FileDescriptorProto."""
    names = [
        field(1, name) + field(3, number) + field(4, _OPTIONAL) + field(5, _TYPE_STRING)
        for number, name in enumerate(("name", "note"), 1)
    ]
    out = field(1, f"{package}.proto") + field(2, package)
    out += b"".join(field(3, one) for one in imports or [])
    out += field(4, field(1, "Item") + b"".join(field(2, one) for one in names))
    for name, methods in services.items():
        encoded = b"".join(field(2, method.encoded(package)) for method in methods)
        out += field(6, field(1, name) + encoded)
    return out + field(12, "proto3")


def descriptor_set(*files: bytes) -> bytes:
    """A FileDescriptorSet."""
    return b"".join(field(1, one) for one in files)


def shop(*methods: Method) -> str:
    """The descriptors of the service shop.Shop with these methods, in base64."""
    return base64.b64encode(descriptor_set(file_descriptor("shop", {"Shop": list(methods)}))).decode()
