#!/usr/bin/env python3
"""Tests whole processes: `k8sgateway run`, `k8sgateway gloo` and other components with real Envoys."""

import sys

from cases import (
    access_log,
    admin,
    certgen,
    ext_auth,
    file_mode,
    files,
    images,
    module,
    module_swap,
    mtls,
    mtls_chart,
    mtls_readers,
    processes,
    proxy,
    proxy_debug,
    proxy_tls,
    rate_limit,
    refusals,
    rest_xds,
    sds,
    sharding,
    sharding_differential,
    sharding_held,
    sharding_shown,
    transcoding,
    validation_service,
    wasm,
    xds_services,
)
from harness.scenario import main

_SUITES = [
    files.SUITE,
    transcoding.SUITE,
    processes.SUITE,
    file_mode.SUITE,
    refusals.SUITE,
    validation_service.SUITE,
    rest_xds.SUITE,
    xds_services.SUITE,
    proxy_debug.SUITE,
    admin.SUITE,
    certgen.SUITE,
    sds.SUITE,
    mtls.SUITE,
    mtls_chart.SUITE,
    mtls_readers.SUITE,
    access_log.SUITE,
    module.SUITE,
    module_swap.SUITE,
    ext_auth.SUITE,
    rate_limit.SUITE,
    proxy.SUITE,
    proxy_tls.SUITE,
    images.SUITE,
    sharding.SUITE,
    sharding_differential.SUITE,
    sharding_held.SUITE,
    sharding_shown.SUITE,
    wasm.SUITE,
]

if __name__ == "__main__":
    sys.exit(main(__doc__, _SUITES))
