#!/usr/bin/env bash
# A real Kubernetes of one node, inside namespaces of its own: nothing of it listens outside, nothing in it reaches out.
#
#   cluster.sh up                 starts it, and waits until pods run and names are found
#   cluster.sh exec COMMAND…      runs a command inside, with kubectl and helm in PATH
#   cluster.sh load IMAGE.tar…    gives images to the node
#   cluster.sh tag NAME OTHER     an image of the node has another name, too
#   cluster.sh stop|start NAME    one of etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubelet,
#                                 kube-proxy, containerd, load-balancer
#   cluster.sh status             shows nodes and pods
#   cluster.sh down               ends it; nothing is left
#   cluster.sh guard              ends it as soon as its own standard input does, as when the starter of this dies
#
# K8SGATEWAY_CLUSTER is its folder (/tmp/k8sgateway-cluster); another folder is another cluster. Needs root.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
state=$(realpath -m "${K8SGATEWAY_CLUSTER:-/tmp/k8sgateway-cluster}")
pki=$state/pki
logs=$state/logs
socket=$state/run/containerd.sock
cgroup=/k8sgateway-$(sha256sum <<<"$state" | cut -c1-12)
address=172.30.0.1 # of the node; 172.30.100.0/24 are load balancers, 10.244/16 pods, 10.96/16 Services
programs=$(readlink "$state/programs" || true)

fail() { echo "cluster: $*" >&2; exit 1; }

# Processes are known by their id outside and when they began, so that another with the same id is left alone.
born() { sed -n 's/.*) [^ZX] //p' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f19; }
remember() { echo "$2 $(born "$2")" >"$state/$1"; }
recall() {
  local pid since
  read -r pid since 2>/dev/null <"$state/$1" && [[ -n $since && $(born "$pid") == "$since" ]] || return 1
  echo "$pid"
}

# Sets `within` to the words before a command that is to run in the namespaces.
within=()
find_within() {
  local pid
  pid=$(recall leader) || fail "there is no cluster in $state; start it with: $0 up"
  within=(
    nsenter -t "$pid" -n -m -p -u -i --wdns="$PWD" -- env
    "KUBECONFIG=$state/admin.conf" "KUBECACHEDIR=$state/kubectl"
    "HELM_CACHE_HOME=$state/helm" "HELM_CONFIG_HOME=$state/helm" "HELM_DATA_HOME=$state/helm"
    "PATH=$programs/root/usr/sbin:$programs/root/usr/bin:$programs/bin:$PATH"
    "LD_LIBRARY_PATH=$programs/root/usr/lib/x86_64-linux-gnu"
  )
}

inside() {
  find_within
  "${within[@]}" "$@"
}

# launch NAME COMMAND…: runs it inside, in the background; its id inside goes to run/NAME.pid.
launch() {
  local name=$1
  shift
  find_within
  setsid "${within[@]}" bash -c 'echo $$ >"$0"; exec "$@"' "$state/run/$name.pid" "$@" \
    >>"$logs/$name.log" 2>&1 </dev/null &
  disown
}

# wait_for SECONDS COMMAND…: tries until the command succeeds.
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >"$logs/waiting.log" 2>&1; do
    ((SECONDS < deadline)) || { tail -n 3 "$logs/waiting.log" >&2; fail "gave up waiting for: $*"; }
    sleep 0.1
  done
}

write_files() {
  mkdir -p "$state"/{config,logs,run,pki}
  ln -sfn "$programs" "$state/programs"
  local snapshotter=overlayfs file name
  # One overlay cannot be the upper layer of another, as in a container that runs this.
  [[ $(stat -f -c %T "$state") != overlayfs ]] || snapshotter=native
  cp -r "$here/config/." "$state/config"
  find "$state/config" -type f -print0 | xargs -0 sed -i \
    -e "s|@STATE@|$state|g" -e "s|@ROOT@|$programs/root|g" -e "s|@CGROUP@|$cgroup|g" -e "s|@SNAPSHOTTER@|$snapshotter|g"
  "$here/certificates.sh" "$pki" "$address"
  for name in admin kubelet kube-controller-manager kube-scheduler kube-proxy; do
    cat >"$state/$name.conf" <<EOF
apiVersion: v1
kind: Config
current-context: test
clusters: [{name: test, cluster: {server: "https://$address:6443", certificate-authority: $pki/ca.crt}}]
users: [{name: $name, user: {client-certificate: $pki/$name.crt, client-key: $pki/$name.key}}]
contexts: [{name: test, context: {cluster: test, user: $name}}]
EOF
  done
}

# The kubelet puts pods below our own cgroup, which must be there in every hierarchy.
cgroups() {
  if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
    echo "/sys/fs/cgroup$cgroup"
    return
  fi
  local hierarchy
  for hierarchy in /sys/fs/cgroup/*/; do
    [[ -L ${hierarchy%/} ]] || echo "$hierarchy${cgroup#/}"
  done
}

make_cgroups() {
  cgroups | xargs mkdir -p
  local file
  for file in cpuset.cpus cpuset.mems; do
    [[ ! -e /sys/fs/cgroup/cpuset/$file ]] || cat "/sys/fs/cgroup/cpuset/$file" >"/sys/fs/cgroup/cpuset$cgroup/$file"
  done
}

# The first process inside: makes a network that ends at its own bridge, then only waits.
enter_namespaces() {
  set -euo pipefail
  hostname node1
  mount --make-rshared /
  mount --bind "$state/config/resolv.conf" /etc/resolv.conf
  ip link set lo up
  ip link add node type bridge
  ip addr add "$address/16" dev node
  ip link set node up
  ip route add default via "$address" dev node
  # The kubelet sets these for the whole kernel. It is shown files that say so already; the machine keeps its own.
  local setting file
  for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
    kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
    file=$state/run/${setting//\//.}
    echo "${setting#*=}" >"$file"
    mount --bind "$file" "/proc/sys/${setting%=*}"
  done
  echo 1 >/proc/sys/net/ipv4/ip_forward
  echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
  touch "$state/run/entered"
  exec "$programs/bin/pause"
}

make_namespaces() {
  export state address programs
  export -f enter_namespaces
  setsid unshare -n -m -p -u -i --fork --kill-child --mount-proc --propagation private -- \
    bash -c enter_namespaces >"$logs/namespaces.log" 2>&1 </dev/null &
  local outer=$! pid
  disown
  remember outer "$outer"
  wait_for 5 test -e "$state/run/entered"
  pid=$(tr -d " " <"/proc/$outer/task/$outer/children")
  remember leader "$pid"
}

start() {
  local name=$1 flags=()
  local loopback=http://127.0.0.1
  case $name in
    etcd)
      flags=(
        --data-dir "$state/etcd" --unsafe-no-fsync
        --listen-client-urls $loopback:2379 --advertise-client-urls $loopback:2379
        --listen-peer-urls $loopback:2380 --initial-advertise-peer-urls $loopback:2380
        --initial-cluster default=$loopback:2380
      )
      ;;
    containerd) flags=(-c "$state/config/containerd.toml") ;;
    kube-apiserver)
      flags=(
        --etcd-servers $loopback:2379 --advertise-address $address --secure-port 6443
        --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" --client-ca-file "$pki/ca.crt"
        --service-account-issuer https://kubernetes.default.svc.cluster.local
        --service-account-key-file "$pki/service-accounts.pub"
        --service-account-signing-key-file "$pki/service-accounts.key"
        --kubelet-client-certificate "$pki/kubelet-client.crt" --kubelet-client-key "$pki/kubelet-client.key"
        --kubelet-preferred-address-types InternalIP
        --requestheader-client-ca-file "$pki/front-ca.crt" --requestheader-allowed-names front-proxy-client
        --requestheader-extra-headers-prefix X-Remote-Extra- --requestheader-group-headers X-Remote-Group
        --requestheader-username-headers X-Remote-User
        --proxy-client-cert-file "$pki/front.crt" --proxy-client-key-file "$pki/front.key"
        --service-cluster-ip-range 10.96.0.0/16 --authorization-mode Node,RBAC
        --enable-admission-plugins NodeRestriction --allow-privileged
      )
      ;;
    kube-controller-manager | kube-scheduler)
      local config=$state/$name.conf
      flags=(
        --kubeconfig "$config" --authentication-kubeconfig "$config" --authorization-kubeconfig "$config"
        --leader-elect=false --bind-address 127.0.0.1
      )
      [[ $name == kube-scheduler ]] || flags+=(
        --root-ca-file "$pki/ca.crt" --service-account-private-key-file "$pki/service-accounts.key"
        --cluster-signing-cert-file "$pki/ca.crt" --cluster-signing-key-file "$pki/ca.key"
        --use-service-account-credentials --allocate-node-cidrs=false
      )
      ;;
    kubelet)
      flags=(
        --config "$state/config/kubelet.yaml" --kubeconfig "$state/kubelet.conf" --root-dir "$state/kubelet"
        --hostname-override node1 --node-ip $address
      )
      ;;
    kube-proxy) flags=(--config "$state/config/kube-proxy.yaml") ;;
    load-balancer)
      launch "$name" /usr/bin/python3 "$here/load_balancer.py" "https://$address:6443" "$pki" 172.30.100.0/24
      return
      ;;
    *) fail "there is no $name" ;;
  esac
  launch "$name" "$name" "${flags[@]}"
}

# stop NAME: ends one of them at once, as a crash would. It may have ended itself: some do when the API server is away.
stop() {
  local pid
  pid=$(cat "$state/run/$1.pid" 2>/dev/null) || fail "$1 was not started"
  rm "$state/run/$1.pid"
  inside grep -qs -- "$1" "/proc/$pid/cmdline" || return 0
  inside kill -9 "$pid" 2>/dev/null || return 0
  # Its ports are free when it is gone.
  wait_for 10 bash -c "! '$0' exec kill -0 $pid"
}

load() {
  local image
  for image in "$@"; do inside ctr -a "$socket" -n k8s.io images import "$image" >/dev/null; done
}

up() {
  ((EUID == 0)) || fail "needs root, to make namespaces"
  [[ ! -e $state ]] || fail "$state is there already; end it with: $0 down"
  programs=$("$here/build.sh")
  mkdir -p -m 700 "$state"
  trap 'trap - EXIT; tail -n 2 "$logs"/*.log | cut -c1-300 >&2; down' EXIT
  write_files
  make_cgroups
  make_namespaces
  start etcd
  start containerd
  start kube-apiserver
  wait_for 20 inside ctr -a "$socket" version
  load "$programs"/images/*.tar
  wait_for 60 inside kubectl get --raw /readyz
  inside kubectl create clusterrolebinding node1-kubelet --clusterrole system:node --user system:node:node1 >/dev/null
  local name
  for name in kube-controller-manager kube-scheduler kubelet kube-proxy load-balancer; do start $name; done
  inside kubectl apply -f "$state/config/coredns.yaml" >/dev/null
  wait_for 60 inside kubectl wait --for condition=Ready node/node1 --timeout 5s
  inside kubectl -n kube-system rollout status deployment/coredns --timeout 60s >/dev/null
  wait_for 20 inside getent ahostsv4 kubernetes.default.svc.cluster.local
  trap - EXIT
}

down() {
  local pid file
  for file in leader outer; do # with the leader, everything inside ends
    pid=$(recall $file) || continue
    kill -9 "$pid" 2>/dev/null || true
    while recall $file >/dev/null; do sleep 0.02; done
  done
  for _ in {1..50}; do
    cgroups | while read -r file; do
      [[ ! -d $file ]] || find "$file" -depth -type d -exec rmdir {} + 2>/dev/null || true
    done
    [[ -n $(cgroups | xargs -I{} find {} -maxdepth 0 2>/dev/null) ]] || break
    sleep 0.1
  done
  rm -rf "$state"
}

command=${1:-}
shift || true
case $command in
  up | down) "$command" ;;
  guard)
    trap '' INT TERM HUP
    cat >/dev/null
    down
    ;;
  exec) inside "$@" ;;
  load) load "$@" ;;
  tag) inside ctr -a "$socket" -n k8s.io images tag --force "${1:?which image?}" "${2:?which name?}" >/dev/null ;;
  start | stop) "$command" "${1:?which one?}" ;;
  status) inside kubectl get nodes,pods -A -o wide ;;
  *)
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"
    exit 2
    ;;
esac
