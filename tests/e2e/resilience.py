#!/usr/bin/env python3
"""Tests whole processes: `k8sgateway run` and `k8sgateway gloo` with real Envoys."""

import sys

from cases import file_mode, files, processes, transcoding, validation_service
from harness.scenario import main

if __name__ == "__main__":
    suites = [files.SUITE, transcoding.SUITE, processes.SUITE, file_mode.SUITE, validation_service.SUITE]
    sys.exit(main(__doc__, suites))
