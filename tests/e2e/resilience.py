#!/usr/bin/env python3
"""Tests whole processes: `k8sgateway run`, `k8sgateway gloo` and other components with real Envoys."""

import sys

from cases import access_log, certgen, file_mode, files, images, processes, proxy, sds, transcoding, validation_service
from harness.scenario import main

if __name__ == "__main__":
    modules = (files, transcoding, processes, file_mode, validation_service, certgen, sds, access_log, proxy, images)
    sys.exit(main(__doc__, [module.SUITE for module in modules]))
