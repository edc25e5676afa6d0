#!/usr/bin/env python3
"""The backend of the end-to-end tests in a pod; answers on port 8080 with the name of the pod."""

import signal
import socket
import sys

from harness.backend import Backend, Identity


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Backend().listen(Identity(socket.gethostname()), 8080, address="")
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
