"""Free loopback ports that nobody else is likely to take."""

import fcntl
import pathlib
import random
import socket
import tempfile

# Below the range from which the kernel picks the ports of outgoing connections, so that none of
# those takes a port between our choice and its use.
_FIRST, _LAST = 15000, 31999
_given: set[int] = set()
# Byte N is locked by the test process that was given port N, until it ends: test runs that go on
# side by side do not give out the same port.
_RESERVED = (pathlib.Path(tempfile.gettempdir()) / "k8sgateway-test-ports").open("a+b")


def free_port() -> int:
    """Returns a port that is free on all addresses and was not given before."""
    for _ in range(1000):
        port = random.randint(_FIRST, _LAST)
        if port not in _given and _reserve(port) and is_free(port):
            _given.add(port)
            return port
    raise RuntimeError("no free port found")


def _reserve(port: int) -> bool:
    try:
        fcntl.lockf(_RESERVED, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        return True
    except OSError:
        return False


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


def is_open(port: int, address: str = "127.0.0.1") -> bool:
    """Tells whether somebody accepts connections on a port."""
    try:
        socket.create_connection((address, port), timeout=1).close()
        return True
    except OSError:
        return False
