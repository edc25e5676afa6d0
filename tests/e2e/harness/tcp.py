"""What the kernel tells about TCP connections of this machine."""

import os
import pathlib
import socket

from .waiting import wait_until

_KEEPALIVE_TIMER = "02"
_SECONDS = 2.0


def keepalive_of_peer(connection: socket.socket) -> float | None:
    """Seconds until the other end of a loopback connection asks whether we are still there.

    None when it will not. The timer is only seen while nothing that was sent waits for its ACK.
    """
    peer, own = (_as_kernel(name) for name in (connection.getpeername(), connection.getsockname()))

    def found() -> float | None:
        for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            timer, _, when = fields[5].partition(":")
            if fields[1:3] == [peer, own] and timer == _KEEPALIVE_TIMER:
                return int(when, 16) / os.sysconf("SC_CLK_TCK")
        return None

    try:
        return wait_until(found, "a keep-alive timer", _SECONDS)
    except TimeoutError:
        return None


def _as_kernel(address: tuple[str, int]) -> str:
    number = int.from_bytes(socket.inet_aton(address[0]), "little")
    return f"{number:08X}:{address[1]:04X}"
