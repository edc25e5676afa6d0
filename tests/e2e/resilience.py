#!/usr/bin/env python3
"""Tests whole processes: `k8sgateway run`, `k8sgateway gloo` and other components with real Envoys."""

import sys

from cases import (
    access_log,
    certgen,
    file_mode,
    files,
    module,
    mtls,
    processes,
    sds,
    sharding,
    transcoding,
    validation_service,
)
from harness.scenario import main

_SUITES = [
    files.SUITE,
    transcoding.SUITE,
    processes.SUITE,
    file_mode.SUITE,
    validation_service.SUITE,
    certgen.SUITE,
    sds.SUITE,
    mtls.SUITE,
    access_log.SUITE,
    module.SUITE,
    sharding.SUITE,
]

if __name__ == "__main__":
    sys.exit(main(__doc__, _SUITES))
