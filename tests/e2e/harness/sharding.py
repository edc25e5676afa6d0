"""What the cases about divided route tables share: an Envoy with our module, quick requests, load."""

import json
import pathlib
import random
import socket
import threading
import time
from typing import Mapping

from . import client
from .process import APPLY_SECONDS, ROOT, RunFlags
from .waiting import wait_until

# The header that carries the key, and the one where that is not free; see module/shard.h.
HEADER = "expect"
OWN_HEADER = "x-k8sgw-shard"
# The version of the module, as Envoys report it.
MODULE = "3"


def envoy_with_module(preset: str) -> str:
    """The Envoy beside which the build has put the module."""
    return str(ROOT / "build" / preset / "envoy")


def module_of(preset: str) -> pathlib.Path:
    """The module that the build has made."""
    return ROOT / "build" / preset / f"libk8sgateway_{MODULE}.so"


def module_env(preset: str) -> dict[str, str]:
    """What an Envoy needs to find it."""
    return {"ENVOY_DYNAMIC_MODULES_SEARCH_PATH": str(module_of(preset).parent)}


def divided(flags: RunFlags, shards: str) -> RunFlags:
    """The flags of a `run` that divides its tables."""
    flags.envoy = envoy_with_module(flags.preset)
    flags.more = [*flags.more, "--route-shards", shards]
    return flags


class Keepalive:
    """One connection that sends requests for any host; opened again when the server has closed it."""

    def __init__(self, port: int, address: str = "127.0.0.1") -> None:
        self._place = (address, port)
        self._socket: socket.socket | None = None
        self._file = None

    def close(self) -> None:
        if self._socket:
            if self._file:
                self._file.close()
            self._socket.close()
            self._socket = self._file = None

    def get(self, host: str, headers: str = "") -> tuple[int, str]:
        """The status and the body; (0, words) when there is no answer."""
        try:
            if self._socket is None:
                self._socket = socket.create_connection(self._place, timeout=10)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._file = self._socket.makefile("rb")
            self._socket.sendall(f"GET / HTTP/1.1\r\nhost: {host}\r\n{headers}\r\n".encode("latin-1"))
            return self._read()
        except (OSError, ValueError, IndexError) as error:
            self.close()
            return 0, f"{type(error).__name__}: {error}"

    def _read(self) -> tuple[int, str]:
        line = self._file.readline()
        if not line:
            self.close()
            return 0, "closed"
        length, close = 0, False
        while (header := self._file.readline().lower()) not in (b"\r\n", b""):
            name, _, value = header.partition(b":")
            if name == b"content-length":
                length = int(value)
            elif name == b"connection" and value.strip() == b"close":
                close = True
        body = self._file.read(length).decode()
        if close:
            self.close()
        return int(line.split()[1]), body


class Load:
    """Requests without pause for hosts whose answers are known, on some connections, until it is stopped. Where the body
    is None any 200 will do. `fresh` ones have a connection for each request: those that stay are with the listener that
    took them, so only these find a new one at once."""

    def __init__(
        self,
        port: int,
        expected: Mapping[str, str | None],
        connections: int = 3,
        address: str = "127.0.0.1",
        fresh: bool = False,
    ) -> None:
        self._place = (port, address)
        self._fresh = fresh
        self._expected = list(expected.items())
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(seed,), daemon=True) for seed in range(connections)
        ]
        self.requests = 0
        self.wrong: list[str] = []
        for thread in self._threads:
            thread.start()

    def _run(self, seed: int) -> None:
        choose = random.Random(seed)
        connection = Keepalive(*self._place)
        while not self._stop.is_set():
            host, body = choose.choice(self._expected)
            answer = connection.get(host)
            if self._fresh:
                connection.close()
            self.requests += 1
            if answer[0] != 200 or body not in (None, answer[1]):
                self.wrong.append(f"{time.monotonic():.3f} {host}: {answer}")
            time.sleep(0.001)
        connection.close()

    def stop(self) -> None:
        """Ends it when it has asked often enough, and fails when any answer was wrong."""
        wait_until(lambda: self.wrong or self.requests > 100, "a hundred requests", APPLY_SECONDS)
        self._stop.set()
        for thread in self._threads:
            thread.join()
        assert not self.wrong, f"{len(self.wrong)} of {self.requests} wrong: {self.wrong[:5]}"


def admin(port: int, path: str) -> str:
    """A page of Envoy's admin port."""
    return client.get(port, path).body.decode()


def is_divided(admin_port: int) -> bool:
    """Whether some listener in force looks for routes in parts of a table."""
    answer = client.get(admin_port, "/config_dump?resource=dynamic_listeners")
    listeners = json.loads(answer.body).get("configs", []) if answer.status == 200 else []
    return any("scoped_routes" in json.dumps(one.get("active_state")) for one in listeners)


def scopes_in(dump: object) -> dict[str, str]:
    """The keys of the scopes that Envoy's dump of its configuration shows, by their names."""
    keys: dict[str, str] = {}

    def walk(node: object) -> None:
        if isinstance(node, dict):
            if "route_configuration_name" in node:
                keys[str(node["route_configuration_name"])] = node["key"]["fragments"][0]["string_key"]
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(dump)
    return keys


def _scopes(admin_port: int) -> dict[str, str]:
    answer = client.get(admin_port, "/config_dump?resource=dynamic_scoped_route_configs")
    return scopes_in(json.loads(answer.body) if answer.status == 200 else {})


def scopes_of(admin_port: int) -> list[str]:
    """The names of the scopes that an Envoy has; none of one that is about to start."""
    return sorted(_scopes(admin_port))


def keys_of(admin_port: int) -> list[str]:
    """What the module says for those."""
    return sorted(_scopes(admin_port).values())
