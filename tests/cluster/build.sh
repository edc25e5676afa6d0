#!/usr/bin/env bash
# Builds all programs of a real Kubernetes, once: they go to a cache folder outside the tree, whose name is the hash of
# what they are made from. Prints that folder; says on stderr what it does. Safe to repeat, and to interrupt.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${K8SGATEWAY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/k8sgateway}
kubernetes=1.34.4 # as in programs/go.mod
helm=3.19.5
inputs=(build.sh image.py programs/go.{sh,txt,mod,sum} programs/dns/main.go programs/pause.c)
hash=$(cd "$here" && sha256sum "${inputs[@]}" | sha256sum | cut -c1-16)
out=$cache/cluster/$hash

if [[ -e $out/done ]]; then
  touch "$out/done"
  echo "$out"
  exit
fi

say() { echo "cluster: $*" >&2; }
mkdir -p "$out"/{bin,images,packages,root}
exec 9>"$out/lock"
flock -n 9 || { say "waiting for another build"; flock 9; }

source "$here/programs/go.sh"

# The container runtime is Debian's; it is unpacked here, not installed.
packages=(
  containerd runc containernetworking-plugins nftables
  libnftables1 libnftnl11 libmnl0 libjansson4 libxtables12 libseccomp2
)
if [[ ! -e $out/packages/done ]]; then
  say "unpacking ${#packages[@]} Debian packages"
  cd "$out/packages"
  apt-get download -qq "${packages[@]}" 2>/dev/null || {
    sudo=()
    ((EUID == 0)) || sudo=(sudo)
    "${sudo[@]}" apt-get update -qq
    apt-get download -qq "${packages[@]}"
  }
  for package in *.deb; do dpkg-deb -x "$package" "$out/root"; done
  rm -f ./*.deb
  touch done
fi

# build PROGRAM PACKAGE LDFLAGS...: compiles one program.
cd "$here/programs"
build() {
  local program=$1 package=$2
  shift 2
  [[ -x $out/bin/$program ]] && return
  say "building $program"
  "$go" build -ldflags "-s -w $*" -o "$out/bin/$program.part" "$package"
  mv "$out/bin/$program.part" "$out/bin/$program"
}
# Without its version the API server calls itself 0.0, and charts that ask for more are refused.
version=()
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  version+=(
    "-X $package.gitVersion=v$kubernetes" "-X $package.gitMajor=${kubernetes%%.*}"
    "-X $package.gitMinor=$(cut -d. -f2 <<<"$kubernetes")" "-X $package.gitTreeState=clean"
  )
done
[[ -x $out/bin/helm ]] || say "nine programs; with a cold cache of Go this takes ten minutes or more"
build etcd go.etcd.io/etcd/server/v3
for program in kube-apiserver kubectl kube-controller-manager kubelet kube-scheduler kube-proxy; do
  build "$program" "k8s.io/kubernetes/cmd/$program" "${version[@]}"
done
build coredns ./dns
build helm helm.sh/helm/v3/cmd/helm "-X helm.sh/helm/v3/internal/version.version=v$helm" \
  "-X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=34" \
  "-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=34"

gcc -Os -static -s -o "$out/bin/pause" pause.c
for program in pause coredns; do
  /usr/bin/python3 "$here/image.py" "$out/images/$program.tar" "k8sgateway.test/$program:1" "/$program" \
    "$out/bin/$program=/$program"
done
touch "$out/done"
# What nobody used for a month.
find "$cache/cluster" -mindepth 2 -maxdepth 2 -name done -mtime +30 -printf '%h\0' | xargs -0r rm -rf
echo "$out"
