#!/usr/bin/env bash
# Measures beside a cluster that comes up for it and leaves nothing: run.sh BUILD ENVOY FIGURES.json [flags of k8sgw_bench]
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(realpath "$1")
envoy=$(realpath "$2")
json=$(realpath -m "$3")
shift 3
folder=$(mktemp -d -t k8sgateway-bench-XXXXXX)
export K8SGATEWAY_CLUSTER=$folder/cluster
cluster=$root/tests/cluster/cluster.sh

trap '"$cluster" down; rm -rf "$folder"' EXIT
trap 'exit 143' TERM INT
"$cluster" up
"$build/k8sgateway" crds >"$folder/crds.yaml"
"$cluster" exec kubectl apply --server-side -f "$folder/crds.yaml" >/dev/null
# kubectl cannot wait for definitions that the server has not yet looked at.
established() { "$cluster" exec kubectl wait --for=condition=Established crd --all --timeout=30s >/dev/null; }
for _ in {1..20}; do
  ! established 2>/dev/null || break
  sleep 0.5
done
established
"$cluster" exec "$build/benchmarks/k8sgw_bench" --gateway "$build/k8sgateway" --envoy "$envoy" \
  --kubeconfig "$K8SGATEWAY_CLUSTER/admin.conf" --json "$json" "$@"
