#!/usr/bin/env bash
# Builds the rate-limit service of the Envoy project, once: into a cache folder outside the tree, named by the hash of
# what it is made from. Prints the program; says on stderr what it does. Safe to repeat, and to interrupt.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cluster=$here/../../../cluster/programs
cache=${K8SGATEWAY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/k8sgateway}
hash=$(cd "$here" && sha256sum build.sh go.mod go.sum | sha256sum | cut -c1-16)
out=$cache/ratelimit/$hash
say() { echo "ratelimit: $*" >&2; }
mkdir -p "$out"
exec 9>"$out/lock"
flock 9
if [[ ! -x $out/ratelimit ]]; then
  source "$cluster/go.sh"
  say "building the rate-limit service"
  cd "$here"
  "$go" build -ldflags '-s -w' -o "$out/ratelimit.part" github.com/envoyproxy/ratelimit/src/service_cmd >&2
  mv "$out/ratelimit.part" "$out/ratelimit"
fi
echo "$out/ratelimit"
