#!/usr/bin/env bash
# Builds an OCI registry, once: it goes to a cache folder outside the tree, whose name is the hash of what it is made
# from. Prints the program; says on stderr what it does. Safe to repeat, and to interrupt.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${K8SGATEWAY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/k8sgateway}
cluster=$here/../../../cluster/programs
inputs=(build.sh main.go go.mod go.sum ../../../cluster/programs/go.txt)
hash=$(cd "$here" && sha256sum "${inputs[@]}" | sha256sum | cut -c1-16)
program=$cache/registry/$hash

if [[ -x $program ]]; then
  echo "$program"
  exit
fi

say() { echo "registry: $*" >&2; }
mkdir -p "$cache/registry"
exec 9>"$cache/registry/lock"
flock -n 9 || { say "waiting for another build"; flock 9; }

source "$cluster/go.sh"

if [[ ! -x $program ]]; then
  say "building; with a cold cache of Go this takes two minutes"
  cd "$here"
  "$go" build -ldflags '-s -w' -o "$program.part" .
  mv "$program.part" "$program"
fi
echo "$program"
