"""HPACK (RFC 7541) as a client reads it that keeps no table of its own: the server may use the static one only."""

_STATIC = """
:authority|:method GET|:method POST|:path /|:path /index.html|:scheme http|:scheme https|:status 200|:status 204|
:status 206|:status 304|:status 400|:status 404|:status 500|accept-charset|accept-encoding gzip, deflate|
accept-language|accept-ranges|accept|access-control-allow-origin|age|allow|authorization|cache-control|
content-disposition|content-encoding|content-language|content-length|content-location|content-range|content-type|
cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|if-unmodified-since|
last-modified|link|location|max-forwards|proxy-authenticate|proxy-authorization|range|referer|refresh|retry-after|
server|set-cookie|strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate
"""
_TABLE = [tuple((entry + " ").split(" ", 1)) for entry in _STATIC.replace("\n", "").split("|")]

# The code is a canonical one: of the characters by the length of their codes all codes follow. Others than these are
# not in the headers of our answers.
_BY_LENGTH = {
    5: "012aceiost",
    6: " %-./3456789=A_bdfghlmnpru",
    7: ":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz",
    8: "&*,;XZ",
    10: "!\"()?",
    11: "'+|",
    12: "#>",
    13: "\0$@[]~",
    14: "^}",
    15: "<`{",
}


def _codes() -> dict[tuple[int, int], str]:
    """The characters by the length and the value of their codes."""
    codes, value, before = {}, 0, 0
    for length, characters in _BY_LENGTH.items():
        value <<= length - before
        before = length
        for character in characters:
            codes[length, value] = character
            value += 1
    return codes


_CODES = _codes()


def _huffman(data: bytes) -> str:
    out, value, length = "", 0, 0
    for byte in data:
        for shift in range(7, -1, -1):
            value, length = value << 1 | byte >> shift & 1, length + 1
            if (length, value) in _CODES:
                out, value, length = out + _CODES[length, value], 0, 0
    if length > 7 or value != (1 << length) - 1:
        raise ValueError(f"not the end of a text: {data!r}")
    return out


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def more(self) -> bool:
        return self._at < len(self._data)

    def first(self) -> int:
        return self._data[self._at]

    def integer(self, prefix: int) -> int:
        """With a prefix of that many bits."""
        value = self._next() & (1 << prefix) - 1
        shift = 0
        if value == (1 << prefix) - 1:
            while (byte := self._next()) & 128:
                value, shift = value + ((byte & 127) << shift), shift + 7
            value += byte << shift
        return value

    def text(self) -> str:
        huffman = self.first() & 128
        size = self.integer(7)
        data = self._data[self._at : self._at + size]
        self._at += size
        return _huffman(data) if huffman else data.decode("latin-1")

    def _next(self) -> int:
        self._at += 1
        return self._data[self._at - 1]


def decode(block: bytes) -> list[tuple[str, str]]:
    """The headers of a whole block."""
    reader, headers = _Reader(block), []
    while reader.more():
        first = reader.first()
        if first & 0x80:
            headers.append(_TABLE[reader.integer(7) - 1])
        elif first & 0xE0 == 0x20:  # the size of the table
            reader.integer(5)
        else:
            index = reader.integer(6 if first & 0x40 else 4)
            name = _TABLE[index - 1][0] if index else reader.text()
            headers.append((name, reader.text()))
    return [(name, value.rstrip()) for name, value in headers]
