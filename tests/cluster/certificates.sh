#!/usr/bin/env bash
# certificates.sh FOLDER ADDRESS: the keys and certificates of a cluster, for ten years.
set -euo pipefail
cd "$1"
address=$2

new_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }

# authority FILE NAME
authority() {
  new_key "$1"
  openssl req -x509 -new -key "$1.key" -subj "/CN=$2" -days 3650 -out "$1.crt" \
    -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature
}

# certificate FILE SUBJECT AUTHORITY [NAMES]
certificate() {
  local extensions="basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth,clientAuth
${4:+subjectAltName=$4}"
  new_key "$1"
  openssl req -new -key "$1.key" -subj "$2" |
    openssl x509 -req -CA "$3.crt" -CAkey "$3.key" -CAcreateserial -days 3650 -extfile <(echo "$extensions") \
      -out "$1.crt" 2>/dev/null
}

authority ca kubernetes-ca
authority front-ca front-proxy-ca
openssl genrsa -out service-accounts.key 2048 2>/dev/null
openssl rsa -in service-accounts.key -pubout -out service-accounts.pub 2>/dev/null
api=DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local
certificate apiserver /CN=kube-apiserver ca "$api,DNS:localhost,IP:127.0.0.1,IP:$address,IP:10.96.0.1"
certificate front /CN=front-proxy-client front-ca
certificate admin /O=system:masters/CN=admin ca
certificate kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client ca
certificate kubelet /O=system:nodes/CN=system:node:node1 ca "DNS:node1,IP:$address"
certificate kube-controller-manager /CN=system:kube-controller-manager ca
certificate kube-scheduler /CN=system:kube-scheduler ca
certificate kube-proxy /CN=system:kube-proxy ca
