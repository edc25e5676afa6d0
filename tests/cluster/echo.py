#!/usr/bin/env python3
"""The backend of the end-to-end tests in a pod; answers on port 8080 with the name of the pod.

On the ports of its command line, if there are any, with the port behind that name."""

import signal
import socket
import sys

from harness.backend import Backend, Identity


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    backend, name = Backend(), socket.gethostname()
    for port in map(int, sys.argv[1:]):
        backend.listen(Identity(f"{name}:{port}"), port, address="")
    if not sys.argv[1:]:
        backend.listen(Identity(name), 8080, address="")
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
