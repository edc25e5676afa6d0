"""`access-log`: a real Envoy sends its entries, and each is a line."""

import contextlib
import datetime
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import textwrap
import threading
import time
from typing import Any

import yaml

from cases.file_mode import FileMode
from harness import client, objects
from harness.ports import free_port, is_open
from harness.process import Process, binary, default_envoy
from harness.scenario import Scenario, Suite, await_answer, expect_exit, expect_line
from harness.waiting import wait_until

SUITE = Suite()
_TYPE = "type.googleapis.com/envoy."
_LOGGERS = _TYPE + "extensions.access_loggers.grpc.v3."
_SECONDS = 20


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _logger(kind: str, **more: Any) -> list[dict[str, Any]]:
    common = {
        "log_name": f"{kind.lower()}-log",
        "transport_api_version": "V3",
        "grpc_service": {"envoy_grpc": {"cluster_name": "access_log_cluster"}},
        "buffer_flush_interval": "0.25s",
    }
    config = {"@type": f"{_LOGGERS}{kind}GrpcAccessLogConfig", "common_config": common, **more}
    return [{"name": f"envoy.access_loggers.{kind.lower()}_grpc", "typed_config": config}]


def _cluster(name: str, port: int, **more: Any) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": _address(port)}}
    return {
        "name": name,
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        **more,
    }


def _listener(port: int, filter_config: dict[str, Any]) -> dict[str, Any]:
    name = f"listener-{port}"
    chain = {"filters": [{"name": "filter", "typed_config": filter_config}]}
    return {"name": name, "address": _address(port), "filter_chains": [chain]}


def _bootstrap(http: int, tcp: int, admin: int, log: int, backend: int) -> dict[str, Any]:
    """Requests and connections to the backend, both logged."""
    route = {"match": {"prefix": "/"}, "route": {"cluster": "backend"}, "name": "everything"}
    router = {"@type": _TYPE + "extensions.filters.http.router.v3.Router"}
    manager = {
        "@type": _TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "http",
        "access_log": _logger(
            "Http",
            additional_request_headers_to_log=["x-asked"],
            additional_response_headers_to_log=["x-served-by"],
        ),
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
    }
    proxy = {
        "@type": _TYPE + "extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": "tcp",
        "cluster": "backend",
        "access_log": _logger("Tcp"),
    }
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    http2 = {"@type": f"type.googleapis.com/{options}", "explicit_http_config": {"http2_protocol_options": {}}}
    return {
        "node": {"id": "pod.ns", "cluster": "gateway", "metadata": {"role": "ns~proxy"}},
        "admin": {"address": _address(admin)},
        "static_resources": {
            "listeners": [_listener(http, manager), _listener(tcp, proxy)],
            "clusters": [
                _cluster("backend", backend),
                _cluster("access_log_cluster", log, typed_extension_protocol_options={options: http2}),
            ],
        },
    }


class _Logged:
    """`access-log`, an Envoy that sends to it, and a backend."""

    def __init__(self, scenario: Scenario, *flags: str) -> None:
        self._scenario = scenario
        self.file = scenario.folder / "access.log"
        self.port, self.metrics_port = free_port(), free_port()
        self.http, self.tcp, self.admin = free_port(), free_port(), free_port()
        self.server = self.start(*flags)
        _, backend = scenario.backend()
        bootstrap = scenario.folder / "envoy.yaml"
        bootstrap.write_text(yaml.safe_dump(_bootstrap(self.http, self.tcp, self.admin, self.port, backend)))
        command = [default_envoy(), "-c", str(bootstrap), "--concurrency", "2", "-l", "warning"]
        self.envoy = scenario.own(Process([*command, "--use-dynamic-base-id"]))
        wait_until(lambda: client.get(self.admin, "/ready").status == 200, "Envoy is ready", _SECONDS)

    def start(self, *flags: str) -> Process:
        env = {"SERVER_PORT": str(self.port), "DEBUG_PORT": str(self.metrics_port)}
        where = [] if "--file" in flags else ["--file", str(self.file)]
        program = str(binary(self._scenario.preset))
        process = self._scenario.own(Process([program, "access-log", *where, *flags], env))
        expect_line(process, "ready: access logs on")
        return process

    def lines(self, message: str = "received http request") -> list[dict[str, Any]]:
        """Of all files, as far as they are whole."""
        found = []
        for path in sorted(self.file.parent.glob("access.log*")):
            text = path.read_text()
            found += [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
        return [line for line in found if line["msg"] == message]

    def await_lines(self, count: int, message: str = "received http request") -> list[dict[str, Any]]:
        wait_until(lambda: len(self.lines(message)) >= count, f"{count} lines", _SECONDS)
        return self.lines(message)

    def metric(self, name: str) -> int:
        body = client.get(self.metrics_port, "/metrics").body.decode()
        return sum(int(line.rpartition(" ")[2]) for line in body.splitlines() if line.startswith(name))

    def ask_many(self, count: int, threads: int = 4) -> set[str]:
        """Requests on some connections; returns their paths."""
        paths = {f"/{thread}/{number}" for thread in range(threads) for number in range(count // threads)}

        def ask(thread: int) -> None:
            with socket.create_connection(("127.0.0.1", self.http), 10) as connection:
                reader = connection.makefile("rb")
                for number in range(count // threads):
                    connection.sendall(f"HEAD /{thread}/{number} HTTP/1.1\r\nhost: h\r\n\r\n".encode())
                    while reader.readline() not in (b"\r\n", b""):
                        pass

        asking = [threading.Thread(target=ask, args=(thread,)) for thread in range(threads)]
        for one in asking:
            one.start()
        for one in asking:
            one.join()
        return paths


@SUITE.case("access-log: a request gives its line, with the right fields and times")
def http(scenario: Scenario) -> None:
    logged = _Logged(scenario)
    before = datetime.datetime.now(datetime.timezone.utc)
    headers = [("host", "shop.example"), ("x-asked", "ye\"s"), ("user-agent", "tester")]
    request = client.compose("POST", "/delay/200?q=1", "HTTP/1.1", [*headers, ("content-length", "5")], b"hello")
    response = client.exchange(client.Target(logged.http), request, retry_seconds=0)
    assert response.status == 200
    (line,) = logged.await_lines(1)
    expected = {
        "logger_name": "http-log",
        "node_id": "pod.ns",
        "node_cluster": "gateway",
        "protocol_version": "HTTP11",
        "request_method": "POST",
        "request_authority": "shop.example",
        "request_path": "/delay/200?q=1",
        "user_agent": "tester",
        "request_body_bytes": 5,
        "request_headers": {"x-asked": 'ye"s'},
        "response_code": 200,
        "response_headers": {"x-served-by": "echo"},
        "response_body_bytes": len(response.body),
        "cluster": "backend",
        "route_name": "everything",
    }
    assert {key: line.get(key) for key in expected} == expected, line
    started = datetime.datetime.fromisoformat(line["start_time"][:26] + "+00:00")
    assert before - datetime.timedelta(seconds=1) <= started <= before + datetime.timedelta(seconds=5), line
    assert len(line["start_time"]) == len("2026-01-01T00:00:00.123456789Z")
    assert 200_000_000 <= line["upstream_resp_time"] <= line["downstream_resp_time"] <= 5_000_000_000, line
    assert line["downstream_remote_address"].startswith("127.0.0.1:")
    begins = logged.lines("access log stream begins")
    assert begins[0]["node_metadata"] == {"role": "ns~proxy"}


@SUITE.case("access-log: a connection gives its line, with its bytes and its duration")
def tcp(scenario: Scenario) -> None:
    logged = _Logged(scenario)
    with socket.create_connection(("127.0.0.1", logged.tcp), 10) as connection:
        sent = b"GET /delay/100 HTTP/1.1\r\nhost: h\r\n\r\n"
        connection.sendall(sent)
        received = connection.recv(65536)
    (line,) = logged.await_lines(1, "received tcp request")
    assert line["logger_name"] == "tcp-log" and line["upstream_cluster"] == "backend", line
    assert (line["received_bytes"], line["sent_bytes"]) == (len(sent), len(received)), line
    assert 100_000_000 <= line["duration"] <= 5_000_000_000, line


@SUITE.case("access-log: of many requests none is lost, though files are replaced")
def many(scenario: Scenario) -> None:
    logged = _Logged(scenario, "--max-file-mib", "1", "--max-files", "50")
    paths = logged.ask_many(8000)
    lines = logged.await_lines(len(paths))
    assert len(lines) == len(paths) and {line["request_path"] for line in lines} == paths
    files = list(scenario.folder.glob("access.log*"))
    assert len(files) >= 4 and all(path.stat().st_size <= 1 << 20 for path in files), files
    name = "gloo_solo_io_accesslogging_requests{"
    assert logged.metric(name) == len(paths)
    assert logged.metric("k8sgateway_access_log_lost_entries_total") == 0
    # The headers that begin each file's stream are no entries.
    assert logged.metric("k8sgateway_access_log_written_entries_total") == len(paths)


@SUITE.case("access-log: SIGTERM loses nothing of what Envoys had gathered")
def terminated(scenario: Scenario) -> None:
    logged = _Logged(scenario)
    paths = logged.ask_many(4000)
    logged.server.signal(signal.SIGTERM)
    expect_exit(logged.server, 0)
    got = {line["request_path"] for line in logged.lines()}
    assert got == paths, f"{len(paths - got)} of {len(paths)} are lost"
    expect_line(logged.server, f"{len(paths)} entries were written, 0 lost")


@SUITE.case_in_both_forms("access-log: a Gateway with grpcService sends its requests and connections there")
def gateway(scenario: Scenario) -> None:
    mode = FileMode(scenario)
    log_port, file = free_port(), scenario.folder / "access.log"
    program = str(binary(scenario.preset))
    flags = ["--port", str(log_port), "--metrics-port", "0", "--file", str(file)]
    scenario.own(Process([program, "access-log", *flags]))
    service = "{accessLog: [{grpcService: {logName: %s, staticClusterName: access_log_cluster}}]}"
    options = f"""options:
  accessLoggingService: {service % "requests"}
  listenerAccessLoggingService: {service % "connections"}
"""
    mode.write("gateways", "gateway-proxy", objects.flat_gateway(mode.http_port) + options)
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    http2 = {"@type": f"type.googleapis.com/{options}", "explicit_http_config": {"http2_protocol_options": {}}}
    cluster = _cluster("access_log_cluster", log_port, typed_extension_protocol_options={options: http2})
    mode.envoy(api_type="DELTA_GRPC", static=textwrap.indent(yaml.safe_dump([cluster]), "  "))
    await_answer(mode.http_port, "hello", seconds=20)
    scenario.expect_form()

    def logged() -> set[str]:
        lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return {f"{line['logger_name']}: {line['msg']}" for line in lines if "received" in line["msg"]}

    wanted = {"requests: received http request", "connections: received tcp request"}
    wait_until(lambda: logged() == wanted, "a line of each", _SECONDS)


@SUITE.case("access-log: without streams, and at the second signal, the end is quick")
def quick_end(scenario: Scenario) -> None:
    logged = _Logged(scenario, "--drain-seconds", "3600")
    logged.ask_many(4)
    logged.await_lines(4)
    logged.server.signal(signal.SIGTERM)
    logged.server.signal(signal.SIGINT)
    begin = time.monotonic()
    expect_exit(logged.server, 0)
    assert time.monotonic() - begin < 3
    again = logged.start("--port", str(free_port()), "--metrics-port", "0")
    again.signal(signal.SIGTERM)
    expect_exit(again, 0)
    assert time.monotonic() - begin < 6


@SUITE.case("access-log: an Envoy finds it again after a restart")
def restarted(scenario: Scenario) -> None:
    logged = _Logged(scenario)
    logged.ask_many(4)
    logged.await_lines(4)
    logged.server.signal(signal.SIGKILL)
    logged.server.wait_exit()
    logged.start()

    def arrives() -> bool:
        client.get(logged.http, "/again")
        return any(line["request_path"] == "/again" for line in logged.lines())

    wait_until(arrives, "a line after the restart", 60)


@SUITE.case("access-log: a full disk is said, what is lost is counted, and it goes on when there is room")
def disk_full(scenario: Scenario) -> None:
    disk = scenario.folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], check=True)
    scenario.cleanup.callback(subprocess.run, ["umount", "-l", str(disk)], check=True)
    path = disk / "access.log"
    logged = _Logged(scenario, "--file", str(path))
    lost = "k8sgateway_access_log_lost_entries_total"
    paths = logged.ask_many(1000)
    expect_line(logged.server, "error", str(path), "No space left on device", "entries are lost")
    wait_until(lambda: logged.metric("gloo_solo_io_accesslogging_requests{") == len(paths), "all came", _SECONDS)
    wait_until(lambda: logged.metric("k8sgateway_access_log_queued_bytes") == 0, "all is done", _SECONDS)
    whole = [json.loads(line) for line in path.read_text().splitlines()]
    entries = [line for line in whole if line["msg"] == "received http request"]
    assert len(entries) + logged.metric(lost) == len(paths), f"{len(entries)} written, {logged.metric(lost)} lost"
    path.write_text("")
    client.get(logged.http, "/room-again")
    wait_until(lambda: "/room-again" in path.read_text(), "a line after the disk has room", _SECONDS)
    expect_line(logged.server, "is written again")


class _Stuck:
    """A pipe for lines that nobody reads yet, `access-log` that writes to it, and streams that wait for room."""

    def __init__(self, scenario: Scenario, *flags: str) -> None:
        pipe = scenario.folder / "pipe"
        os.mkfifo(pipe)
        self._reader = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
        scenario.cleanup.callback(os.close, self._reader)
        self.logged = _Logged(scenario, "--file", str(pipe), "--buffer-mib", "1", *flags)
        self.asked = 0
        self.read = b""

    def fill(self) -> None:
        while not self.logged.metric(_WAITING):
            assert self.asked < 50_000, "nobody waits"
            self.asked += len(self.logged.ask_many(2000))
        # What Envoy has besides goes into the windows of its connections, and then waits there.
        self.asked += len(self.logged.ask_many(4000))

    def dropped(self) -> int:
        """What Envoy did not send at all."""
        text = client.get(self.logged.admin, "/stats?filter=logs_dropped").body.decode()
        return sum(int(line.rpartition(":")[2]) for line in text.splitlines())

    def read_on(self) -> int:
        """Reads what is there; returns how many requests have come so far."""
        with contextlib.suppress(BlockingIOError):
            while block := os.read(self._reader, 1 << 20):
                self.read += block
        return self.read.count(b"received http request")

    def all_came(self) -> bool:
        return self.read_on() + self.dropped() == self.asked


_WAITING = "k8sgateway_access_log_waiting_streams"


@SUITE.case("access-log: who stops to read its lines costs no memory, and gets whole lines when they read on")
def slow(scenario: Scenario) -> None:
    stuck = _Stuck(scenario)
    logged = stuck.logged
    before = _peak_mib(logged.server.pid)
    stuck.fill()
    assert logged.metric("k8sgateway_access_log_queued_bytes") < (1 << 20) + (256 << 10)
    # Who is slow is not ended: a probe is answered.
    probe = [str(binary(scenario.preset)), "probe", "--seconds=0", f"grpc://127.0.0.1:{logged.port}"]
    subprocess.run(probe, check=True, stdout=subprocess.DEVNULL, timeout=30)
    grown = _peak_mib(logged.server.pid) - before
    assert grown < 40, f"{grown} MiB more"
    wait_until(stuck.all_came, "all that Envoy did not drop is read", _SECONDS)
    assert all(json.loads(line) for line in stuck.read.splitlines())
    assert logged.metric("k8sgateway_access_log_lost_entries_total") == 0
    assert logged.metric(_WAITING) == 0


@SUITE.case("access-log: SIGTERM loses nothing of streams that wait, when somebody reads on in time")
def terminated_late(scenario: Scenario) -> None:
    stuck = _Stuck(scenario, "--drain-seconds", "60")
    stuck.fill()
    stuck.logged.server.signal(signal.SIGTERM)
    # Nothing can come of them meanwhile, and they are not done for that.
    time.sleep(3)
    assert stuck.logged.server.running()
    wait_until(stuck.all_came, "all that Envoy did not drop is read", _SECONDS)
    expect_exit(stuck.logged.server, 0)
    expect_line(stuck.logged.server, f"{stuck.asked - stuck.dropped()} entries were written, 0 lost")
    assert all(json.loads(line) for line in stuck.read.splitlines())


@SUITE.case("access-log: when nobody reads its lines, SIGTERM ends it in --drain-seconds, and says what is lost")
def terminated_stuck(scenario: Scenario) -> None:
    stuck = _Stuck(scenario, "--drain-seconds", "3")
    stuck.fill()
    expected = stuck.asked - stuck.dropped()
    begin = time.monotonic()
    stuck.logged.server.signal(signal.SIGTERM)
    expect_exit(stuck.logged.server, 3)
    took = time.monotonic() - begin
    assert 3 <= took < 6, took
    log = stuck.logged.server.log()
    written, lost = map(int, re.findall(r"(\d+) entries were written, (\d+) lost", log)[-1])
    # Also what waited in windows is read to be counted, but for what Envoy has sent too late.
    assert expected - 300 <= written + lost <= expected, log
    assert f"{lost} of the lost entries were given up, as {stuck.logged.file.parent / 'pipe'} did not take" in log, log


@SUITE.case("access-log: when nobody reads its lines, the second signal ends it at once")
def interrupted_stuck(scenario: Scenario) -> None:
    stuck = _Stuck(scenario, "--drain-seconds", "3600")
    stuck.fill()
    stuck.logged.server.signal(signal.SIGTERM)
    time.sleep(1)
    assert stuck.logged.server.running()
    begin = time.monotonic()
    stuck.logged.server.signal(signal.SIGTERM)
    expect_exit(stuck.logged.server, 3)
    assert time.monotonic() - begin < 2
    expect_line(stuck.logged.server, "streams had more to say, which is lost, too")


@SUITE.case("access-log: a log that nobody reads keeps it from its end as little as lines that nobody reads")
def silent_end(scenario: Scenario) -> None:
    pipe = scenario.folder / "both"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    scenario.cleanup.callback(os.close, reader)
    program, port = binary(scenario.preset), free_port()
    script = f"exec {program} access-log --port {port} --metrics-port 0 >{pipe} 2>&1"
    process = scenario.own(Process(["sh", "-c", script]))
    wait_until(lambda: is_open(port), "it listens", _SECONDS)
    with contextlib.suppress(BlockingIOError):
        while os.write(reader, b"x" * 4096):
            pass
    begin = time.monotonic()
    process.signal(signal.SIGTERM)
    process.wait_exit()
    assert time.monotonic() - begin < 10


def _peak_mib(pid: int) -> int:
    """The most memory that it had so far."""
    return int(pathlib.Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0]) // 1024


@SUITE.case("access-log: lines go to stdout, and what it has to say to stderr")
def stdout(scenario: Scenario) -> None:
    program = str(binary(scenario.preset))
    out = scenario.folder / "out"
    port = free_port()
    script = f"exec {program} access-log --port {port} --metrics-port 0 >{out}"
    process = scenario.own(Process(["sh", "-c", script]))
    expect_line(process, "ready: access logs on")
    process.signal(signal.SIGTERM)
    expect_exit(process, 0)
    assert pathlib.Path(out).read_text() == ""


@SUITE.case("access-log: ports that are taken and files that cannot be had are named")
def taken(scenario: Scenario) -> None:
    program = str(binary(scenario.preset))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        for flags, words in (
            (["--bind", "127.0.0.1", "--port", port, "--metrics-port", "0"], f"127.0.0.1:{port}: is the port in use"),
            (["--port", str(free_port()), "--metrics-port", "0", "--file", "/nowhere/log"], "/nowhere/log cannot be"),
        ):
            process = scenario.own(Process([program, "access-log", *flags]))
            expect_exit(process, 1)
            assert words in process.log(), process.log()
