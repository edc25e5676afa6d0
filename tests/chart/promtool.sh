#!/usr/bin/env bash
# Prints the path of Prometheus's promtool, which is Debian's: unpacked into the cache once, not installed.
set -euo pipefail

cache=${K8SGATEWAY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/k8sgateway}
out=$cache/promtool
program=$out/usr/bin/promtool

if [[ ! -x $program ]]; then
  echo "promtool: unpacking Debian's package prometheus" >&2
  mkdir -p "$out"
  exec 9>"$out/lock"
  flock 9
  part=$(mktemp -d "$out/part.XXXXXX")
  trap 'rm -rf "$part"' EXIT
  cd "$part"
  apt-get download -qq prometheus 2>/dev/null || {
    sudo=()
    ((EUID == 0)) || sudo=(sudo)
    "${sudo[@]}" apt-get update -qq
    apt-get download -qq prometheus
  }
  dpkg-deb -x ./*.deb "$part"
  mkdir -p "$out/usr/bin"
  mv -f usr/bin/promtool "$program"
fi
echo "$program"
