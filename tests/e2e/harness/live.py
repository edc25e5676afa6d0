"""The process under test, and a case whose configuration it serves."""

import concurrent.futures
import contextlib
import pathlib
import time
from typing import Any

import yaml

from . import certificates, client, expectations, table
from .backend import Backend, Identity, TlsOptions
from .ports import free_port
from .process import Gateway, RunFlags, replace_file
from .waiting import wait_until

_SEEN_SECONDS = 2.0


class Stage:
    """The process under test with its folder, and the state of the current case."""

    def __init__(self, folder: pathlib.Path, flags: RunFlags) -> None:
        self.folder = folder
        self.flags = flags
        self.objects = folder / "objects"
        self.objects.mkdir(parents=True)
        self.default_certificate = certificates.self_signed(folder, "backend.example.com")
        self._gateway: Gateway | None = None
        self._mark = 0
        self._files = 0

    def new_file(self, name: str) -> pathlib.Path:
        """A path that was not given before."""
        self._files += 1
        return self.folder / f"{self._files}.{name}"

    def gateway(self) -> Gateway:
        """The running process; starts one when there is none, or when it died."""
        if self._gateway is None or not self._gateway.process.running():
            self.stop()
            self._gateway = Gateway(self.folder, self.objects, self.flags)
            self._gateway.process.wait_ready()
        return self._gateway

    def is_running(self) -> bool:
        """Whether there is a process."""
        return self._gateway is not None and self._gateway.process.running()

    def stop(self) -> None:
        """Ends the process; its log goes to the end of the file k8sgateway.log."""
        if self._gateway:
            self._gateway.process.stop()
            with (self.folder / "k8sgateway.log").open("a") as log:
                log.write(self._gateway.process.log() + "\n")
        self._gateway = None
        self._mark = 0

    def mark(self) -> None:
        """From here on, lines of the log are recent."""
        self._mark = self._gateway.process.mark() if self._gateway else 0

    def recent_lines(self) -> list[str]:
        """What the process printed since the mark, or since it was started."""
        return self._gateway.process.lines()[self._mark :] if self._gateway else []

    def apply(self, objects: list[table.Object]) -> None:
        """Makes these objects the whole configuration, and waits until Envoy has it."""
        gateway = self.gateway()
        before = gateway.revision()
        replace_file(self.objects / "case.yaml", yaml.safe_dump_all(objects, sort_keys=False))
        gateway.wait_applied(before)

    def clear(self) -> None:
        """Makes the configuration empty, unless it is."""
        if (
            self._gateway
            and (self.objects / "case.yaml").exists()
            and self._gateway.process.running()
        ):
            before = self._gateway.revision()
            (self.objects / "case.yaml").unlink()
            self._gateway.wait_applied(before)
        (self.objects / "case.yaml").unlink(missing_ok=True)


class LiveCase:
    """A case whose configuration is served: sends its requests."""

    def __init__(self, case: table.Case, stage: Stage) -> None:
        self.case = case
        self.stage = stage
        self.backend = Backend(self._tls_options())
        self.ports: dict[int, int] = {}
        self.logs: dict[str, pathlib.Path] = {}

    def start(self) -> None:
        """Brings the configuration of the case to life."""
        if self.is_fresh():
            self.stage.stop()
        self.stage.flags.env = self.case.env
        self.stage.clear()
        closed = self.case.settings.get("closed") or []

        def listen(upstream: str, index: int) -> int:
            identity = Identity(upstream, index)
            return free_port() if upstream in closed else self.backend.listen(identity)

        table.move_hosts(self.case, listen)
        table.move_slices(self.case, listen)
        table.move_pipes(
            self.case, lambda upstream, abstract: self._listen_pipe(upstream, abstract, closed)
        )
        table.move_logs(self.case.objects, self._log)
        table.add_default_gateways(self.case.objects)
        self.ports = table.move_gateways(self.case.objects, free_port)
        self.stage.apply(self.case.objects)

    def is_fresh(self) -> bool:
        """Whether the case has a process of its own."""
        return bool(self.case.settings.get("fresh") or self.case.env)

    def problems_with(self, request: dict[str, Any]) -> list[str]:
        """Sends a request until the answer is as expected or time is over; returns what differs."""
        deadline = time.monotonic() + request.get("within", 0) / 1000
        while problems := self._try(request):
            if time.monotonic() >= deadline:
                break
            time.sleep(0.01)
        return problems

    def _try(self, request: dict[str, Any]) -> list[str]:
        expect = request.get("expect") or {}
        already_seen = {name: len(self.backend.seen(name)) for name in expect.get("seen_by") or {}}
        responses = self._send_all(request)
        problems = expectations.tally_differences(expect, responses)
        if "count" not in expect:
            for response in responses:
                found = expectations.differences(expect, response)
                if found:
                    problems += found + [_show(response)]
                    break
        for upstream, wanted in (expect.get("seen_by") or {}).items():
            problems += self._seen_problems(upstream, wanted, already_seen[upstream])
        for path, wanted in (expect.get("logged") or {}).items():
            problems += self._log_problems(path, wanted)
        return problems

    def _send_all(self, request: dict[str, Any]) -> list[client.Response]:
        repeat = request.get("repeat", 1)
        workers = repeat if request.get("parallel") else 1
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            return list(pool.map(lambda _: self._send(request), range(repeat)))

    def _send(self, request: dict[str, Any]) -> client.Response:
        send = request.get("send") or {}
        method = send.get("method", "GET")
        wants = "certificate" in (request.get("expect") or {})
        return client.exchange(
            self._target(request, send),
            _bytes_of(send, method),
            method,
            str(send.get("after_upgrade", "")).encode("latin-1"),
            want_certificate=wants,
        )

    def _target(self, request: dict[str, Any], send: dict[str, Any]) -> client.Target:
        tls = request.get("listener", self.case.settings.get("listener")) == "ssl"
        port = request.get("port", table.HTTPS_PORT if tls else table.HTTP_PORT)
        if port not in self.ports:
            raise ValueError(f"no Gateway of the case has port {port}")
        sni = send.get("sni", send.get("host"))
        return client.Target(
            self.ports[port],
            tls=tls,
            sni=sni or None,
            alpn=send.get("alpn"),
            client_cert=self._client_certificate(send.get("client_secret")),
            preamble=send.get("preamble", "").encode("latin-1"),
            http2=send.get("version") == "HTTP/2",
        )

    def _seen_problems(self, upstream: str, wanted: dict[str, Any], already: int) -> list[str]:
        """Waits for a request that does not go back to the client, such as a mirrored one."""
        problems = [f"no request to {upstream}"]

        def seen() -> bool:
            nonlocal problems
            for one in self.backend.seen(upstream)[already:]:
                problems = expectations.seen_differences(wanted, one)
                if not problems:
                    return True
            return False

        with contextlib.suppress(TimeoutError):
            wait_until(seen, f"a request to {upstream}", _SEEN_SECONDS)
        return [f"seen by {upstream}: {line}" for line in problems]

    def _log_problems(self, path: str, wanted: list[Any]) -> list[str]:
        """Waits until the log has as many lines as it must have."""

        def lines() -> list[str]:
            log = self.logs[path]
            return log.read_text().splitlines() if log.exists() else []

        with contextlib.suppress(TimeoutError):
            wait_until(lambda: len(lines()) >= len(wanted), "lines of an access log", _SEEN_SECONDS)
        return expectations.log_differences(wanted, lines())

    def _log(self, path: str) -> str:
        return str(self.logs.setdefault(path, self.stage.new_file("access.log")))

    def _listen_pipe(self, upstream: str, abstract: bool, closed: list[str]) -> str:
        path = ("@" if abstract else "") + str(self.stage.new_file("socket"))
        if upstream not in closed:
            self.backend.listen_pipe(Identity(upstream), path)
        return path

    def _tls_options(self) -> TlsOptions:
        name = self.case.settings.get("backend_secret")
        certificate = self._write_pem(name) if name else self.stage.default_certificate
        return TlsOptions(certificate, table.trusted_certificates(self.case))

    def _client_certificate(self, secret: str | None) -> str | None:
        return str(self._write_pem(secret)) if secret else None

    def _write_pem(self, secret: str) -> pathlib.Path:
        path = self.stage.folder / f"{secret}.pem"
        path.write_text(table.pem_of(self.case.secret(secret)))
        return path


def _bytes_of(send: dict[str, Any], method: str) -> bytes:
    """The request as it goes over the wire."""
    if "raw" in send:
        return send["raw"].encode("latin-1")
    body = str(send.get("body", "")).encode()
    headers: client.Headers = []
    host = send.get("host", "localhost")
    if host is not None:
        headers.append(("host", str(host)))
    for name, value in (send.get("headers") or {}).items():
        headers += [(name, str(one)) for one in (value if isinstance(value, list) else [value])]
    names = {name.lower() for name, _ in headers}
    if body and not names & {"content-length", "transfer-encoding"}:
        headers.append(("content-length", str(len(body))))
    target = send.get("target", send.get("path", "/"))
    return client.compose(method, target, send.get("version", "HTTP/1.1"), headers, body)


def _show(response: client.Response) -> str:
    """The response in full, to be read by the one who looks for the fault."""
    head = f"{response.version} {response.status} {response.reason}".strip()
    headers = [f"{name}: {value}" for name, value in response.headers]
    body = response.body.decode("utf-8", "replace")[:2000]
    return "the response was:\n" + "\n".join(
        f"  {line}" for line in [head, *headers, "", *body.splitlines()]
    )
