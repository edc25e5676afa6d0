#!/usr/bin/env python3
"""Tests whole processes: `k8sgateway run` and `k8sgateway gloo` with real Envoys."""

import sys

from cases import file_mode, files, processes, validation_service
from harness.scenario import main

if __name__ == "__main__":
    sys.exit(main(__doc__, [files.SUITE, processes.SUITE, file_mode.SUITE, validation_service.SUITE]))
