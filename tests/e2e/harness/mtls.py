"""mTLS between a control plane and proxies, as the chart installs it: SDS, the sidecar's Envoy, a proxy's Envoy."""

import dataclasses
import http.client
import json
import pathlib
import socket
import ssl
import textwrap
from typing import Any, Callable

import yaml

from . import chart_texts, client, grpc, h2, objects
from .ports import free_port
from .process import Process, binary, default_envoy
from .waiting import wait_until

NAME = "gloo.gloo-system.svc"
_TEXTS = "_mtls_bootstraps.tpl"
_FETCH = "/envoy.service.listener.v3.ListenerDiscoveryService/FetchListeners"
_DISCOVERY = "/v3/discovery:listeners"
_LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
_SECONDS = 20.0
Own = Callable[[Process], Process]


class Sds:
    """`k8sgateway sds` for a folder of certificates."""

    def __init__(
        self, own: Own, preset: str, folder: pathlib.Path, start: bool = True, socket_path: pathlib.Path | None = None
    ) -> None:
        self._own, self._preset, self._folder = own, preset, folder
        self._socket, self.port = socket_path, free_port()
        if start:
            self.start()

    def start(self) -> None:
        env = {
            "SDS_SERVER_ADDRESS": f"unix:{self._socket}" if self._socket else f"127.0.0.1:{self.port}",
            "GLOO_MTLS_SDS_ENABLED": "true",
            "GLOO_MTLS_SECRET_DIR": f"{self._folder}/",
        }
        self.process = self._own(Process([str(binary(self._preset)), "sds"], env))
        self.process.wait_ready()

    @property
    def address(self) -> str:
        """As Envoy has it."""
        if self._socket:
            return f"{{pipe: {{path: {self._socket}}}}}"
        return f"{{socket_address: {{address: 127.0.0.1, port_value: {self.port}}}}}"


def _filled(name: str, *values: dict[str, Any]) -> str:
    """A template of the chart, once for each of these values, where a bootstrap has it."""
    texts = (chart_texts.filled(_TEXTS, f"k8sgateway.mtls.{name}", one) for one in values)
    return textwrap.indent("".join(texts), "  ").rstrip()


def _port(passes: str, values: dict[str, Any]) -> dict[str, Any]:
    """The values of a listener, with the filter that passes on bytes or requests."""
    own = {name: values[name] for name in ("idleTimeout", "maxConnectionDuration")}
    text = chart_texts.filled(_TEXTS, f"k8sgateway.mtls.{passes}", {"name": values["name"], **own})
    others = {name: value for name, value in values.items() if name not in own}
    return {**others, "filter": textwrap.indent(text, "    ").rstrip()}


class _Envoy:
    """An Envoy with a bootstrap, and what its administration tells."""

    def __init__(self, own: Own, folder: pathlib.Path, bootstrap: str, admin_port: int, *more: str) -> None:
        self._admin_port = admin_port
        path = folder / f"envoy-{admin_port}.yaml"
        path.write_text(bootstrap)
        words = [default_envoy(), "-c", str(path), "--disable-hot-restart", "--concurrency", "1", "-l", "warning"]
        self.process = own(Process([*words, *more]))

    def stat(self, name: str) -> int:
        """A counter or gauge; 0 when there is none yet."""
        text = client.get(self._admin_port, f"/stats?filter=^{name}$").body.decode()
        return int(text.rpartition(": ")[2]) if text else 0


class Sidecar(_Envoy):
    """The Envoy in front of a control plane, from the chart's bootstrap, with `changed` texts if any."""

    def __init__(
        self, own: Own, folder: pathlib.Path, sds: Sds, xds_port: int, rest_port: int, **values: Any
    ) -> None:
        self.port, self.rest_port, admin_port = free_port(), free_port(), free_port()
        (folder / "refusals.yaml").write_text(chart_texts.filled(_TEXTS, "k8sgateway.mtls.refusals", {}))
        listener = {
            "bindAddress": "127.0.0.1",
            "ipv4Compat": "false",
            "maxConnectionDuration": "43200s",
            "clientNames": f'[{{"san_type":"DNS","matcher":{{"exact":"{NAME}"}}}}]',
            "folder": folder,
            **values,
        }
        connections, changed = listener.pop("maxConnections", 1000), listener.pop("changed", {})
        xds = {"name": "xds", "port": self.port, "idleTimeout": "0s", "protocols": '["h2"]'}
        both = '["h2", "http/1.1"]'
        rest = {"name": "rest_xds", "port": self.rest_port, "idleTimeout": "300s", "protocols": both}
        ports = _port("bytes", {**listener, **xds}), _port("requests", {**listener, **rest})
        local = [{"name": "xds", "port": xds_port}, {"name": "rest_xds", "port": rest_port}]
        text = chart_texts.filled(
            _TEXTS,
            "k8sgateway.mtls.sidecar",
            {
                "adminPort": admin_port,
                "maxConnections": connections,
                "sdsAddress": sds.address,
                "listeners": _filled("listener", *ports),
                "clusters": _filled("local", *({**one, "maxConnections": connections} for one in local)),
            },
        )
        for old, new in changed.items():
            assert text.count(old) == 1, f"{old} stands {text.count(old)} times in the bootstrap"
            text = text.replace(old, new)
        super().__init__(own, folder, text, admin_port, "--file-flush-interval-msec", "500")
        self.xds, self.rest = Server(self.port), Server(self.rest_port)

    def await_open(self) -> None:
        def is_open() -> bool:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
            except OSError:
                return False

        wait_until(is_open, "the sidecar listens", _SECONDS)


class Proxy(_Envoy):
    """An Envoy that asks a control plane through its sidecar for the configuration of gateway-proxy."""

    def __init__(self, own: Own, folder: pathlib.Path, sds: Sds, xds_port: int, api_type: str = "DELTA_GRPC") -> None:
        admin_port = free_port()
        config = yaml.safe_load(
            objects.bootstrap(xds_port, admin_port, "gloo-system~gateway-proxy", api_type)
        )
        through_sidecar(config, sds, xds_port)
        super().__init__(own, folder, yaml.safe_dump(config), admin_port)


def through_sidecar(config: dict[str, Any], sds: Sds, port: int) -> None:
    """Changes the bootstrap of a proxy, whose first cluster leads to its control plane, as the chart does."""
    clusters = config["static_resources"]["clusters"]
    values = {"serverName": NAME, "protocol": "h2"}
    clusters[0].update(chart_texts.parsed(_TEXTS, "k8sgateway.mtls.transportSocket", values))
    (endpoint,) = clusters[0]["load_assignment"]["endpoints"][0]["lb_endpoints"]
    endpoint["endpoint"]["address"]["socket_address"]["port_value"] = port
    clusters += chart_texts.parsed(_TEXTS, "k8sgateway.mtls.sdsCluster", {"sdsAddress": sds.address})


@dataclasses.dataclass
class Server:
    """A port that ends TLS, and whom its clients expect there."""

    port: int
    address: str = "127.0.0.1"
    name: str = NAME

    def dial(self, context: ssl.SSLContext, seconds: float = 10.0, buffer: int = 0) -> ssl.SSLSocket:
        """With `buffer`, the kernel takes about so many bytes before they are read."""
        plain = socket.socket()
        try:
            if buffer:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            plain.settimeout(seconds)
            plain.connect((self.address, self.port))
            return context.wrap_socket(plain, server_hostname=self.name)
        except OSError:
            plain.close()
            raise


def fetch_listeners(
    server: Server, context: ssl.SSLContext, role: str = "gloo-system~gateway-proxy", token: str = ""
) -> bytes:
    """What a call of xDS answers, a DiscoveryResponse; empty for a refusal of gRPC, OSError or EOFError for one of TLS."""
    context.set_alpn_protocols(["h2"])
    value = grpc.field(3, role)
    node = grpc.field(1, "client") + grpc.field(3, grpc.field(1, grpc.field(1, "role") + grpc.field(2, value)))
    request = grpc.field(2, node) + grpc.field(4, _LISTENER)
    with server.dial(context) as connection:
        return h2.call(connection, server.name, _FETCH, request, "https", token)


REST_PROTOCOLS = ("http/1.1", "h2")


def post_discovery(
    server: Server,
    context: ssl.SSLContext,
    role: str = "gloo-system~gateway-proxy",
    token: str = "",
    protocol: str = "http/1.1",
) -> tuple[int, bytes]:
    """What REST xDS answers about listeners, code and body, to who speaks this protocol alone; OSError or EOFError for a
    refusal by TLS."""
    context.set_alpn_protocols([protocol])
    body = json.dumps({"node": {"id": "client", "metadata": {"role": role}}})
    headers = {"authorization": f"Bearer {token}"} if token else {}
    with server.dial(context) as connection:
        chosen = connection.selected_alpn_protocol()
        assert chosen == protocol, f"{server.port} speaks {chosen}, not {protocol}"
        if protocol == "h2":
            own = {":method": "POST", ":scheme": "https", ":path": _DISCOVERY, ":authority": server.name, **headers}
            return h2.fetch(connection, list(own.items()), body.encode())
        asked = http.client.HTTPConnection(server.name)
        asked.sock = connection
        asked.request("POST", _DISCOVERY, body, headers)
        answer = asked.getresponse()
        return answer.status, answer.read()
