#!/usr/bin/env bash
# Serves examples/petstore: the example's backend and k8sgateway, until Ctrl-C.
set -euo pipefail
cd "$(dirname "$0")/.."

python3 tools/petstore.py &
backend=$!
trap 'kill "$backend" 2>/dev/null || true' EXIT
echo
echo "  curl http://127.0.0.1:${K8SGATEWAY_HTTP_PORT:-8080}/api/pets"
echo
# Ctrl-C reaches all of us: k8sgateway drains, the backend ends.
build/release/k8sgateway run examples/petstore
