"""A raw HTTP/1 client: sends any bytes, shows everything that comes back. Speaks some HTTP/2, too."""

import dataclasses
import socket
import ssl
import subprocess
import time

from . import h2

Headers = list[tuple[str, str]]
_CONNECT_SECONDS = 5.0


@dataclasses.dataclass
class Target:
    """Where to connect, and how."""

    port: int
    address: str = "127.0.0.1"
    tls: bool = False
    sni: str | None = None
    alpn: list[str] | None = None
    client_cert: str | None = None  # a PEM file with the certificate and its key
    preamble: bytes = b""  # sent before TLS and HTTP, such as a PROXY protocol header
    http2: bool = False


@dataclasses.dataclass
class Response:
    """A response; status 0 means that the connection ended without one."""

    status: int = 0
    version: str = ""
    reason: str = ""
    headers: Headers = dataclasses.field(default_factory=list)
    spelled: list[str] = dataclasses.field(default_factory=list)  # names of headers as they came
    body: bytes = b""
    error: str = ""
    seconds: float = 0.0
    certificate: str = ""  # the subject of the server's certificate
    mss: int = 0  # the largest TCP segment that the server wants, in bytes

    def values(self, name: str) -> list[str]:
        """All values of a header, in order."""
        return [value for key, value in self.headers if key == name.lower()]

    def header(self, name: str) -> str | None:
        """The value of a header; repeated ones are joined as HTTP has it."""
        values = self.values(name)
        return ", ".join(values) if values else None


class _Reader:
    """Reads an HTTP/1 response from a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._file = connection.makefile("rb")

    def response(self, method: str, raw_after_upgrade: int) -> Response:
        """Reads up to the final response; informational ones but 101 are skipped."""
        while True:
            response = self._head()
            if response.status == 0 or response.status == 101 or response.status >= 200:
                break
        if response.status == 101:
            response.body = self._file.read(raw_after_upgrade)
        elif response.status and method != "HEAD" and response.status not in (204, 304):
            response.body = self._body(response)
        return response

    def _head(self) -> Response:
        line = self._file.readline()
        if not line:
            return Response(error="the connection was closed without a response")
        parts = line.decode("latin-1").rstrip("\r\n").split(" ", 2)
        if len(parts) < 2 or not parts[1].isdigit():
            return Response(error=f"not a status line: {line!r}")
        reason = parts[2] if len(parts) > 2 else ""
        spelled = self._headers()
        headers = [(name.lower(), value) for name, value in spelled]
        return Response(int(parts[1]), parts[0], reason, headers, [name for name, _ in spelled])

    def _headers(self) -> Headers:
        headers: Headers = []
        while (line := self._file.readline()) not in (b"\r\n", b"\n", b""):
            name, _, value = line.decode("latin-1").rstrip("\r\n").partition(":")
            headers.append((name, value.strip()))
        return headers

    def _body(self, response: Response) -> bytes:
        if (response.header("transfer-encoding") or "").lower() == "chunked":
            return self._chunks(response)
        length = response.header("content-length")
        if length is None:
            return self._file.read()
        body = self._file.read(int(length))
        if len(body) < int(length):
            response.error = f"the body ended after {len(body)} of {length} bytes"
        return body

    def _chunks(self, response: Response) -> bytes:
        body = b""
        while True:
            line = self._file.readline()
            if not line:
                response.error = "the chunked body ended early"
                return body
            size = int(line.split(b";")[0], 16)
            if size == 0:
                response.headers += [
                    (name.lower(), value) for name, value in self._headers()
                ]  # trailers
                return body
            body += self._file.read(size)
            self._file.readline()


def _wrap(connection: socket.socket, target: Target) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if target.alpn:
        context.set_alpn_protocols(target.alpn)
    if target.client_cert:
        context.load_cert_chain(target.client_cert)
    return context.wrap_socket(connection, server_hostname=target.sni)


def subject_of(der: bytes) -> str:
    """The subject of a certificate, as `CN=example.com,O=…`."""
    shown = subprocess.run(
        ["openssl", "x509", "-inform", "der", "-noout", "-subject", "-nameopt", "RFC2253"],
        input=der,
        capture_output=True,
        check=True,
    )
    return shown.stdout.decode().strip().removeprefix("subject=")


def connect(target: Target, retry_seconds: float) -> socket.socket:
    """Connects; tries again for a while when refused, as the port may be about to open."""
    deadline = time.monotonic() + retry_seconds
    while True:
        try:
            connection = socket.create_connection(
                (target.address, target.port), timeout=_CONNECT_SECONDS
            )
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.002)


def exchange(
    target: Target,
    request: bytes,
    method: str = "GET",
    after_upgrade: bytes = b"",
    retry_seconds: float = 5.0,
    seconds: float = 20.0,
    want_certificate: bool = False,
) -> Response:
    """Sends the bytes of one request on a new connection and reads the response to it."""
    start = time.monotonic()
    certificate = ""
    mss = 0
    try:
        with connect(target, retry_seconds) as plain:
            plain.settimeout(seconds)
            mss = plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
            start = time.monotonic()
            if target.preamble:
                plain.sendall(target.preamble)
            connection = _wrap(plain, target) if target.tls else plain
            with connection:
                if want_certificate and isinstance(connection, ssl.SSLSocket):
                    certificate = subject_of(connection.getpeercert(binary_form=True) or b"")
                if target.http2:
                    response = _exchange_http2(connection, request)
                else:
                    connection.sendall(request + after_upgrade)
                    response = _Reader(connection).response(method, len(after_upgrade))
    except (OSError, ValueError, EOFError) as error:
        response = Response(error=f"{type(error).__name__}: {error}")
    response.seconds = time.monotonic() - start
    response.certificate = certificate
    response.mss = mss
    return response


def _exchange_http2(connection: socket.socket, request: bytes) -> Response:
    """Sends a request that was composed for HTTP/1."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    fields = [line.split(": ", 1) for line in lines]
    headers = [(":method", method), (":scheme", "http"), (":path", path)]
    headers += [(":authority", value) for name, value in fields if name == "host"]
    headers += [(name, value) for name, value in fields if name != "host"]
    status, answer = h2.fetch(connection, headers, body)
    return Response(status, "HTTP/2", body=answer)


def compose(method: str, target: str, version: str, headers: Headers, body: bytes) -> bytes:
    """Writes a request as bytes; nothing is checked, so anything can be sent."""
    lines = [f"{method} {target} {version}"] + [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def get(port: int, path: str = "/", host: str = "localhost", seconds: float = 20.0) -> Response:
    """A plain GET to a loopback port; a refused connection is an answer too (status 0)."""
    request = compose("GET", path, "HTTP/1.1", [("host", host)], b"")
    return exchange(Target(port), request, retry_seconds=0, seconds=seconds)
