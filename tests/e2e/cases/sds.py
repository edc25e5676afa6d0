"""`sds` and `certgen`: a real Envoy takes its certificate from files, which change under load."""

import contextlib
import shutil
import signal
import socket
import ssl
import subprocess
import threading
from typing import Any, Iterator

import yaml

from harness.certificate_folder import CertificateFolder
from harness.ports import free_port
from harness.process import APPLY_SECONDS, Process, binary, default_envoy
from harness.scenario import Scenario, Suite, expect_exit, expect_line
from harness.waiting import wait_until

SUITE = Suite()
_NAME = "gloo.gloo-system.svc"
_REQUEST = f"GET / HTTP/1.1\r\nhost: {_NAME}\r\n\r\n".encode()
_TYPE = "type.googleapis.com/envoy."


def _files(scenario: Scenario, name: str = "certificates") -> CertificateFolder:
    return CertificateFolder(scenario.folder / name, scenario.preset)


def _secret(name: str, delta: bool) -> dict[str, Any]:
    source = {
        "api_config_source": {
            "api_type": "DELTA_GRPC" if delta else "GRPC",
            "transport_api_version": "V3",
            "grpc_services": [{"envoy_grpc": {"cluster_name": "sds"}}],
        },
        "resource_api_version": "V3",
    }
    return {"name": name, "sds_config": source}


def _bootstrap(port: int, admin: int, sds: int, delta: bool) -> dict[str, Any]:
    """A listener that answers 200 to clients with a certificate of the authority."""
    manager = {
        "@type": _TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "tls",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}],
                }
            ]
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": _TYPE + "extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    tls = {
        "@type": _TYPE + "extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "require_client_certificate": True,
        "common_tls_context": {
            "tls_certificate_sds_secret_configs": [_secret("server_cert", delta)],
            "validation_context_sds_secret_config": _secret("validation_context", delta),
        },
    }
    chain = {
        "filters": [{"name": "http", "typed_config": manager}],
        "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": tls},
    }
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    http2 = {"@type": f"type.googleapis.com/{options}", "explicit_http_config": {"http2_protocol_options": {}}}
    endpoint = {"endpoint": {"address": _address(sds)}}
    cluster = {
        "name": "sds",
        "type": "STATIC",
        "typed_extension_protocol_options": {options: http2},
        "load_assignment": {"cluster_name": "sds", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    return {
        "node": {"id": "proxy", "cluster": "gateway", "metadata": {"role": "gloo-system~gateway-proxy"}},
        "admin": {"address": _address(admin)},
        "static_resources": {
            "listeners": [{"name": "tls", "address": _address(port), "filter_chains": [chain]}],
            "clusters": [cluster],
        },
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


class _Proxy:
    """`sds` and an Envoy that has its certificate from there."""

    def __init__(self, scenario: Scenario, files: CertificateFolder, delta: bool = True) -> None:
        self.files = files
        self.sds_port, self.port = free_port(), free_port()
        self._scenario = scenario
        self.sds = self.start_sds()
        bootstrap = scenario.folder / "envoy.yaml"
        bootstrap.write_text(yaml.safe_dump(_bootstrap(self.port, free_port(), self.sds_port, delta)))
        command = [default_envoy(), "-c", str(bootstrap), "--concurrency", "1", "-l", "warning"]
        self.envoy = scenario.own(Process([*command, "--use-dynamic-base-id"]))
        wait_until(self._serves, "Envoy has its certificate", 20)

    def start_sds(self) -> Process:
        env = {
            "SDS_SERVER_ADDRESS": f"127.0.0.1:{self.sds_port}",
            "GLOO_MTLS_SDS_ENABLED": "true",
            "GLOO_MTLS_SECRET_DIR": f"{self.files.folder}/",
        }
        process = self._scenario.own(Process([str(binary(self._scenario.preset)), "sds"], env))
        process.wait_ready()
        return process

    def _serves(self) -> bool:
        try:
            self.ask()
            return True
        except OSError:
            return False

    def connect(self, with_certificate: bool = True) -> ssl.SSLSocket:
        """Checks the certificate of the server, and shows that of the files as they are now."""
        context = self.files.client(with_certificate)
        plain = socket.create_connection(("127.0.0.1", self.port), 10)
        return context.wrap_socket(plain, server_hostname=_NAME)

    def ask(self, connection: ssl.SSLSocket | None = None) -> str:
        """The serial number of the certificate that answered 200."""
        with contextlib.ExitStack() as stack:
            if not connection:
                connection = stack.enter_context(self.connect())
            connection.sendall(_REQUEST)
            answer = connection.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200"), answer
            return str((connection.getpeercert() or {})["serialNumber"])


class _Load:
    """Connections one after the other, on some threads, and one that stays."""

    def __init__(self, proxy: _Proxy) -> None:
        self.served: list[str] = []
        self.failures: list[str] = []
        self.kept = 0
        self._proxy = proxy
        self._stop = threading.Event()

    @contextlib.contextmanager
    def run(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._connect) for _ in range(2)]
        threads.append(threading.Thread(target=self._stay))
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(30)

    def _connect(self) -> None:
        while not self._stop.is_set():
            try:
                self.served.append(self._proxy.ask())
            except (OSError, AssertionError) as error:
                self.failures.append(f"a new connection: {error!r}")

    def _stay(self) -> None:
        try:
            with self._proxy.connect() as connection:
                while not self._stop.wait(0.01):
                    self._proxy.ask(connection)
                    self.kept += 1
        except (OSError, AssertionError) as error:
            self.failures.append(f"the connection that stays: {error!r}")


def _rotate(scenario: Scenario, delta: bool) -> None:
    """Three steps of certgen, each one swap of `..data`."""
    proxy = _Proxy(scenario, _files(scenario), delta)
    first = proxy.ask()
    load = _Load(proxy)
    with load.run():
        for _ in range(2):
            rotation = scenario.own(Process(proxy.files.command("--force-rotation", "--rotation-duration", "1s")))
            expect_exit(rotation, 0)
        last = proxy.ask()
        wait_until(lambda: load.served[-1:] == [last], "the load sees the last certificate", APPLY_SECONDS)
    assert not load.failures, f"{len(load.failures)} failures, such as {load.failures[:3]}"
    assert len(set(load.served)) == 3 and first in load.served, f"{set(load.served)}"
    assert len(load.served) > 50 and load.kept > 50, f"{len(load.served)} connections, {load.kept} requests"


@SUITE.case("sds: certificates rotate under load without a connection that fails (delta)")
def rotates_delta(scenario: Scenario) -> None:
    _rotate(scenario, True)


@SUITE.case("sds: certificates rotate under load without a connection that fails (state of the world)")
def rotates_state(scenario: Scenario) -> None:
    _rotate(scenario, False)


@SUITE.case("sds: a bad pair changes nothing and is said, a good one after it is live")
def bad_pair(scenario: Scenario) -> None:
    files = _files(scenario)
    proxy = _Proxy(scenario, files)
    first = proxy.ask()
    good = {path.name.replace(".", "_"): path.read_bytes() for path in files.version().iterdir()}
    other = _files(scenario, "other")
    faults = {
        "not that of the first certificate": {"tls_key": (other.version() / "tls.key").read_bytes()},
        "broken or cut off": {"tls_crt": good["tls_crt"][:300]},
        "no certificate in PEM form": {"ca_crt": b""},
    }
    for words, contents in faults.items():
        mark = proxy.sds.mark()
        files.swap(**{**good, **contents})
        expect_line(proxy.sds, "error", str(files.folder), words, "served on", after=mark)
        files_before = files.version()
        files.swap(**good)
        expect_line(proxy.sds, "mended", after=mark)
        assert proxy.ask() == first and files_before.exists()
        assert not any("is served in version" in line for line in proxy.sds.lines()[mark:])
    files.run("--svc-name", "gloo", "--cluster-domain", "elsewhere")

    def live() -> bool:
        # Names that do not fit are no rotation: for a moment, Envoy does not know the new authority of the client.
        with contextlib.suppress(ssl.SSLError):
            return proxy.ask() != first
        return False

    wait_until(live, "the new certificate is live", APPLY_SECONDS)


@SUITE.case("sds: a client without a certificate, or of another authority, is refused")
def strangers(scenario: Scenario) -> None:
    proxy = _Proxy(scenario, _files(scenario))
    other = _files(scenario, "other")

    def refused(connection: ssl.SSLSocket) -> bool:
        with contextlib.suppress(OSError), connection:
            connection.sendall(_REQUEST)
            return not connection.recv(4096)
        return True

    assert refused(proxy.connect(with_certificate=False))
    proxy.ask()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(proxy.files.version() / "ca.crt")
    context.load_cert_chain(other.version() / "tls.crt", other.version() / "tls.key")
    plain = socket.create_connection(("127.0.0.1", proxy.port), 10)
    assert refused(context.wrap_socket(plain, server_hostname=_NAME))


@SUITE.case("sds: it is killed: an Envoy goes on, and gets what changed meanwhile")
def away(scenario: Scenario) -> None:
    proxy = _Proxy(scenario, _files(scenario))
    first = proxy.ask()
    proxy.sds.signal(signal.SIGKILL)
    proxy.sds.wait_exit()
    assert proxy.ask() == first
    proxy.files.run("--cluster-domain", "elsewhere")
    proxy.start_sds()

    def renewed() -> bool:
        with contextlib.suppress(OSError):
            return proxy.ask() != first
        return False

    wait_until(renewed, "the new certificate is live", 40)


@SUITE.case("sds: several secrets; files that are not there yet are waited for")
def several(scenario: Scenario) -> None:
    files = _files(scenario)
    late = scenario.folder / "late"
    port = free_port()
    command = [str(binary(scenario.preset)), "sds", "--address", f"127.0.0.1:{port}"]
    command += ["--secret", f"a,a_ca={files.folder}", "--secret", f"b={late}"]
    process = scenario.own(Process(command))
    expect_line(process, "error", "late", "there is no such file", "nothing is served")
    expect_line(process, "a is served in version")
    expect_line(process, "a_ca is served in version")
    _files(scenario, "late")
    expect_line(process, "b is served in version")
    expect_line(process, "late: mended")


@SUITE.case("sds: a probe is answered with certificates and without, on TCP and on a socket, but not while it hangs")
def probed(scenario: Scenario) -> None:
    program, port = str(binary(scenario.preset)), free_port()
    path = scenario.folder / "sds.sock"

    def probe(address: str) -> str:
        """What it says when nobody answers."""
        command = [program, "probe", "--seconds=0", address]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == (1 if done.stderr else 0), done
        return done.stderr

    assert "refused" in probe(f"grpc://127.0.0.1:{port}")
    for address in (f"127.0.0.1:{port}", f"unix:{path}"):
        command = [program, "sds", "--address", address, "--secret", f"a={scenario.folder}/later"]
        process = scenario.own(Process(command))
        process.wait_ready()
        assert not probe(f"grpc://{address}")
        process.signal(signal.SIGSTOP)
        assert "no answer" in probe(f"grpc://{address}")
        if address.startswith("127"):
            assert not probe(f"tcp://{address}"), "the kernel accepts nothing"
        process.signal(signal.SIGCONT)
        assert not probe(f"grpc://{address}")
        _files(scenario, "later")
        expect_line(process, "a is served in version")
        assert not probe(f"grpc://{address}")
        shutil.rmtree(scenario.folder / "later")


@SUITE.case("sds: what cannot be is an error of usage, and a port that is taken is named")
def usage(scenario: Scenario) -> None:
    program = str(binary(scenario.preset))
    for arguments, words in (
        ([], "there is nothing to serve"),
        (["--secret", "a"], "is not NAME=FOLDER"),
        (["--secret", "a=/x", "--secret", "a=/y"], 'two secrets have the name "a"'),
    ):
        process = scenario.own(Process([program, "sds", *arguments]))
        expect_exit(process, 2)
        assert words in process.log(), process.log()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        process = scenario.own(Process([program, "sds", "--address", address, "--secret", "a=/x"]))
        expect_exit(process, 1)
        expect_line(process, address, "in use")
