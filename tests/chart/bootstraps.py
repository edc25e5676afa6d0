"""Each rendered bootstrap is what the real Envoy accepts, without a word about things that are deprecated; sidecars open to
nobody without a certificate."""

import os
import pathlib
import re
import subprocess
import tempfile
from typing import Any

import yaml

Object = dict[str, Any]
_ENVOY = os.environ.get("K8SGATEWAY_ENVOY", str(pathlib.Path.home() / ".cache/k8sgateway/envoy-1.40.0"))
# As `k8sgateway proxy` fills it in.
_POD = {"PodName": "gateway-proxy-abc", "PodNamespace": "gloo-system", "PodIp": "10.0.0.1", "NodeName": "node"}


def _fill(text: str) -> str:
    return re.sub(r"\{\{\.(\w+)\}\}", lambda match: _POD[match[1]], text)


def _validate(files: dict[str, str], bootstrap: str) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        token = pathlib.Path(folder, "token")
        token.write_text("token")
        authorities = pathlib.Path(folder, "authorities.crt")
        authorities.write_bytes(pathlib.Path("/etc/ssl/certs/ca-certificates.crt").read_bytes())
        for name, text in files.items():
            moved = text.replace("/etc/envoy/", f"{folder}/").replace("/var/run/secrets/k8sgateway/token", str(token))
            moved = moved.replace("/var/run/secrets/k8sgateway", folder)
            pathlib.Path(folder, name).write_text(_fill(moved))
        command = [_ENVOY, "--mode", "validate", "-c", f"{folder}/{bootstrap}", "-l", "warning"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if done.returncode:
        return [f"Envoy refuses it: {said}"]
    lines = [line for line in said.splitlines() if re.search("deprecat|warning", line, re.I)]
    # The published value tracing.provider has no other place.
    return [f"Envoy warns: {line}" for line in lines if "bootstrap.v3.Bootstrap.tracing" not in line]


def _shape(config: Object, domain: str, map_name: str) -> list[str]:
    """What operations of the product rely on."""
    clusters = {one["name"] for one in config["static_resources"]["clusters"]}
    faults = [
        f"{map_name}: the bootstrap has no cluster {name}"
        for name in ("rest_xds_cluster", "wasm-cache", "admin_port_cluster")
        if name not in clusters
    ]
    server = config["dynamic_resources"]["ads_config"]["grpc_services"][0]["envoy_grpc"]["cluster_name"]
    if server not in clusters or not re.fullmatch(rf"gloo\.[\w.-]+:\d+", server):
        faults.append(f"{map_name}: ADS comes from {server}, which is no cluster")
    if server.startswith("gloo.gloo-system") and domain not in server:
        faults.append(f"{map_name}: {server} is not in the domain {domain}")
    return faults


def _open_doors(config: Object) -> list[str]:
    """Listeners of a sidecar that let in who shows no certificate, or one that nobody looked at."""
    faults = []
    for listener in config["static_resources"]["listeners"]:
        for chain in listener["filter_chains"]:
            tls = chain.get("transport_socket", {}).get("typed_config", {})
            validation = tls.get("common_tls_context", {}).get("combined_validation_context", {})
            if tls.get("require_client_certificate") is not True:
                faults.append(f"the listener {listener['name']} asks for no certificate")
            if not validation.get("default_validation_context", {}).get("match_typed_subject_alt_names"):
                faults.append(f"the listener {listener['name']} takes any name")
            if not validation.get("validation_context_sds_secret_config"):
                faults.append(f"the listener {listener['name']} knows no authority")
    return faults


def faults_of(objects: list[Object], domain: str) -> list[str]:
    faults = []
    for one in objects:
        files = one.get("data", {}) if one["kind"] == "ConfigMap" else {}
        bootstrap = next((name for name in ("envoy.yaml", "envoy-sidecar.yaml") if name in files), None)
        if not bootstrap:
            continue
        name = one["metadata"]["name"]
        faults += [f"{name}: {fault}" for fault in _validate(files, bootstrap)]
        config = yaml.safe_load(_fill(files[bootstrap]))
        if bootstrap == "envoy-sidecar.yaml":
            faults += [f"{name}: {fault}" for fault in _open_doors(config)]
        if "dynamic_resources" in config:
            faults += _shape(config, domain, name)
    return faults
