"""Free loopback ports that nobody else is likely to take."""

import random
import socket

# Below the range from which the kernel picks the ports of outgoing connections, so that none of
# those takes a port between our choice and its use.
_FIRST, _LAST = 15000, 31999
_given: set[int] = set()


def free_port() -> int:
    """Returns a port that is free on all addresses and was not given before."""
    for _ in range(1000):
        port = random.randint(_FIRST, _LAST)
        if port not in _given and is_free(port):
            _given.add(port)
            return port
    raise RuntimeError("no free port found")


def is_free(port: int) -> bool:
    """Tells whether a port can be bound on every address of this machine."""
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((address, port))
        except OSError as error:
            if family == socket.AF_INET6 and error.errno in (97, 99):  # no IPv6 on this machine
                continue
            return False
    return True
