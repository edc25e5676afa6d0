"""Envoys that `k8sgateway proxy` starts: their bootstraps, their admin pages, and clients that hold on to them."""

import json
import socket
import threading
from typing import Any

from . import client
from .ports import free_port
from .process import Process, binary, default_envoy
from .scenario import Scenario
from .waiting import wait_until


# The hash of the version that is given to what comes from memory.
KEPT_VERSION = 15724983608776060288


class Proxy:
    """A `k8sgateway proxy` in front of a port of this machine, out of a template of its own."""

    def __init__(
        self,
        scenario: Scenario,
        template: str | None = None,
        *,
        backend_port: int = 1,
        flags: list[str] | None = None,
        envoy_flags: list[str] | None = None,
        env: dict[str, str] | None = None,
    ) -> None:
        self.http_port, self.admin_port = free_port(), free_port()
        self.folder = scenario.folder
        self.template = scenario.folder / "envoy.yaml"
        self.copy = scenario.folder / "copy.yaml"
        text = template or static_bootstrap(self.http_port, self.admin_port, backend_port)
        text = text.replace("ADMIN_PORT", str(self.admin_port))
        self.template.write_text(text)
        args = [str(binary(scenario.preset)), "proxy", "--input", str(self.template)]
        args += ["--output", str(self.copy), "--pod-info", str(scenario.folder), *(flags or [])]
        args += ["--", "--log-level", "warning", "--concurrency", "1", *(envoy_flags or [])]
        variables = {"ENVOY": default_envoy(), "POD_NAME": "pod", "POD_NAMESPACE": "gloo-system"}
        self.process = scenario.own(Process(args, variables | (env or {})))

    def admin(self, path: str) -> client.Response:
        return client.get(self.admin_port, path, seconds=5)

    def is_ready(self) -> bool:
        return self.admin("/ready").status == 200

    def await_ready(self) -> "Proxy":
        """Waits until Envoy says that it has its configuration."""

        def ready() -> bool:
            if not self.process.running():
                raise TimeoutError("the process ended before Envoy was ready")
            return self.is_ready()

        wait_until(ready, "Envoy is ready", 20)
        return self

    def serves_kept(self) -> bool:
        """Whether what it has came from the memory of the entry point, as its metrics tell."""
        page = self.admin("/stats?filter=^cluster_manager.cds.version$").body.decode()
        return page.strip() == f"cluster_manager.cds.version: {KEPT_VERSION}"

    def server_info(self) -> dict[str, Any]:
        return json.loads(self.admin("/server_info").body)

    def envoy_pid(self) -> int:
        (pid,) = self.process.children()
        return pid


def static_bootstrap(http_port: int, admin_port: int, backend_port: int) -> str:
    """An Envoy that sends everything to a port of this machine, and needs no control plane."""
    return f"""\
node: {{id: "{{{{.PodName}}}}.{{{{.PodNamespace}}}}", cluster: gateway}}
admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {admin_port}}}}}}}
static_resources:
  listeners:
  - name: http
    address: {{socket_address: {{address: 127.0.0.1, port_value: {http_port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: http
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{{match: {{prefix: /}}, route: {{cluster: backend, timeout: 60s}}}}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
  - name: backend
    type: STATIC
    connect_timeout: 1s
    load_assignment:
      cluster_name: backend
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {backend_port}}}}}}}
"""


class KeepAliveClient:
    """Sends request after request on one connection, and makes a new one when the server says that it closes it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._ending = threading.Event()
        self.answers = 0
        self.connections = 0
        self.faults: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop_connecting(self) -> None:
        """From here on, the client goes when its connection does."""
        self._ending.set()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)
        assert not self._thread.is_alive(), "a client did not end"

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self._port), timeout=10) as connection:
                    self.connections += 1
                    self._talk(connection)
            except OSError as error:
                self.faults.append(f"connection {self.connections}: {error}")
                return

    def _talk(self, connection: socket.socket) -> None:
        reader = connection.makefile("rb")
        while True:
            connection.sendall(b"GET /status/200 HTTP/1.1\r\nhost: localhost\r\n\r\n")
            status = reader.readline()
            if not status.startswith(b"HTTP/1.1 200"):
                self.faults.append(f"connection {self.connections}: got {status!r}")
                return
            length, closes = 0, False
            while (line := reader.readline().lower().strip()) != b"":
                if line.startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
                closes = closes or line == b"connection: close"
            if len(reader.read(length)) != length:
                self.faults.append(f"connection {self.connections}: half an answer")
                return
            self.answers += 1
            if closes:
                return
