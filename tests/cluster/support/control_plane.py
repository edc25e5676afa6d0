"""A control plane and Envoys beside the cluster: processes in its network, with the rights of a ServiceAccount."""

import json
import os
import pathlib
import signal
from typing import Any

import yaml

from harness import client
from harness.ports import free_port
from harness.process import Process, binary, default_envoy
from harness.waiting import wait_until

from .cluster import Cluster, Object

SYSTEM = "gloo-system"
ACCOUNT = "gloo"
XDS_PORT, VALIDATION_PORT = 9977, 9988
READY_SECONDS = 20.0
# What the control plane may do; cases take rules away and give them back.
READ = ["get", "list", "watch"]
RULES: list[Object] = [
    {
        "apiGroups": [""],
        "resources": ["services", "pods", "nodes", "secrets", "configmaps", "namespaces"],
        "verbs": READ,
    },
    {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["gloo-refusals"], "verbs": ["patch"]},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": READ},
    {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": READ},
    {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "verbs": ["get", "create", "update", "patch"],
    },
    {
        "apiGroups": ["gateway.solo.io"],
        "resources": ["*"],
        "verbs": [*READ, "patch"],
    },
    {
        "apiGroups": ["gloo.solo.io"],
        "resources": ["*"],
        "verbs": [*READ, "create", "update", "patch", "delete"],
    },
    {
        "apiGroups": ["enterprise.gloo.solo.io", "ratelimit.solo.io", "gateway.gloo.solo.io"],
        "resources": ["*"],
        "verbs": [*READ, "patch"],
    },
    {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]},
    {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
    {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
]


def role(rules: list[Object]) -> Object:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": ACCOUNT},
        "rules": rules,
    }


def install_account(cluster: Cluster) -> None:
    """The namespace, the account and its rights."""
    cluster.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}},
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": ACCOUNT, "namespace": SYSTEM},
        },
        role(RULES),
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": ACCOUNT},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": ACCOUNT,
            },
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": SYSTEM}],
        },
    )


class Account:
    """Files that let a process be the ServiceAccount, as a pod is: the token may be replaced at any time."""

    def __init__(
        self, cluster: Cluster, folder: pathlib.Path, name: str = ACCOUNT, namespace: str = SYSTEM
    ) -> None:
        self._cluster = cluster
        self._folder = folder
        self._name, self._namespace = name, namespace
        self.kubeconfig = folder / "gloo.conf"
        self.token = folder / "token"
        self.renew()
        admin = yaml.safe_load((cluster.folder / "admin.conf").read_text())
        self.kubeconfig.write_text(
            yaml.safe_dump(
                {**admin, "users": [{"name": "admin", "user": {"tokenFile": str(self.token)}}]}
            )
        )

    def renew(self, seconds: int = 3600) -> None:
        """A new token in the place of the old one, which stays good as long as it was."""
        part = self._folder / "token.part"
        part.write_text(
            self._cluster.kubectl(
                "-n", self._namespace, "create", "token", self._name, f"--duration={seconds}s"
            )
        )
        os.replace(part, self.token)

    def delete_lease(self, namespace: str) -> None:
        """Nobody leads any more, if the API server is there to be told so."""
        self._cluster.attempt("-n", namespace, "delete", "lease", "gloo", "--ignore-not-found")


class ControlPlane:
    """A running `k8sgateway gloo`.

    One that was killed leaves its Lease behind, which the next would wait for, 15 s and more, before it writes a status.
    So the Lease goes with it, unless a case is about that wait.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        preset: str,
        account: Account,
        name: str,
        *more: str,
        namespace: str = SYSTEM,
    ) -> None:
        self.name = name
        self._account = account
        self._namespace = namespace
        self.environment: dict[str, str] = {}  # of the next start
        self.status_file = folder / f"{name}.status.json"
        self._admin_port = free_port()
        self._args = [
            str(binary(preset)),
            "gloo",
            "--kubeconfig",
            str(account.kubeconfig),
            "--namespace",
            namespace,
            "--status-file",
            str(self.status_file),
            # Several share a network.
            "--health-bind",
            "127.0.0.1:0",
            "--admin-bind",
            f"127.0.0.1:{self._admin_port}",
            *more,
        ]
        self.process = self._start()

    def _start(self) -> Process:
        self.status_file.unlink(missing_ok=True)
        # As the downward API tells a pod its name, which is that of a candidate for the Lease.
        place = {"POD_NAME": self.name, "POD_NAMESPACE": self._namespace}
        return Process(self._args, {**place, **self.environment})

    def status(self) -> dict[str, Any]:
        try:
            return json.loads(self.status_file.read_text())
        except FileNotFoundError:
            return {}

    def metric(self, name: str) -> float:
        """The value of a metric without labels."""
        lines = client.get(self._admin_port, "/metrics").body.decode().splitlines()
        return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        self.process.wait_line(lambda line: line.startswith("ready"), "ready", seconds=seconds)

    def restart(self) -> None:
        """As when the node kills it, unless it is gone already; the new one has other ids and the same name."""
        if self.process.running():
            self.kill()
        self.process = self._start()

    def restart_gently(self) -> None:
        """As in a rollout: the old one gives the Lease back, so the new one need not wait for it."""
        self.process.stop()
        self.process = self._start()

    def kill(self, leave_lease: bool = False) -> None:
        self.process.signal(signal.SIGKILL)
        self.process.wait_exit()
        if not leave_lease:
            self._account.delete_lease(self._namespace)

    def forget_peak_memory(self) -> None:
        """Counts from what it has now."""
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def peak_memory(self) -> int:
        """Resident memory at most so far, in MiB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) // 1024


class Proxy:
    """A real Envoy that has everything from the control plane."""

    def __init__(
        self,
        folder: pathlib.Path,
        admin_port: int,
        control_plane: str = "127.0.0.1",
        proxy: str = "gateway-proxy",
        config: Object | None = None,
        runtime: Object | None = None,
    ) -> None:
        """`config` is a bootstrap in the place of the usual one; `runtime` are settings of this Envoy alone."""
        self.admin_port = admin_port
        path = folder / f"envoy-{admin_port}.yaml"
        config = config or bootstrap(f"{SYSTEM}~{proxy}", control_plane, admin_port)
        if runtime:
            config["layered_runtime"] = {"layers": [{"name": "own", "static_layer": runtime}]}
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        self.process = Process(
            [
                default_envoy(),
                "-c",
                str(path),
                "--disable-hot-restart",
                "--concurrency",
                "1",
                "-l",
                "warning",
            ]
        )

    def stop(self) -> None:
        self.process.stop()

    def stat(self, name: str) -> int:
        """A counter or gauge; 0 when Envoy has none of that name."""
        answer = client.get(self.admin_port, f"/stats?filter=^{name}$")
        return int(answer.body.decode().rpartition(":")[2] or 0)

    def routes(self) -> str:
        """The tables that it has, without when it got them."""
        dump = client.get(self.admin_port, "/config_dump?resource=dynamic_route_configs").body
        tables = [one["route_config"] for one in json.loads(dump).get("configs", [])]
        return json.dumps(sorted(tables, key=lambda one: one["name"]), sort_keys=True)

    def updates(self, tables: bool = False) -> dict[str, int]:
        """How often clusters and listeners that were there have changed, and maybe tables of routes.

        Tables change when objects of earlier cases go, too: see Stage.await_quiet.
        """
        names = ("listener_manager.listener_modified", "cluster_manager.cluster_modified")
        routes = {"rds": self._sum("config_reload")} if tables else {}
        return {name: self.stat(name) for name in names} | routes

    def _sum(self, ending: str) -> int:
        answer = client.get(self.admin_port, f"/stats?filter=rds.*{ending}$")
        return sum(int(line.rpartition(":")[2]) for line in answer.body.decode().splitlines())

    def wait_ready(self) -> None:
        wait_until(
            lambda: client.get(self.admin_port, "/ready").status == 200,
            "Envoy is ready",
            READY_SECONDS,
        )


# Envoy's own pause before it connects again grows to half a minute.
_RETRY = {"retry_back_off": {"base_interval": "0.25s", "max_interval": "2s"}}


def bootstrap(
    role_name: str, control_plane: str, admin_port: int, xds_port: int = XDS_PORT
) -> Object:
    """Delta ADS for everything."""
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    source = {"ads": {}, "resource_api_version": "V3"}
    address = {"socket_address": {"address": control_plane, "port_value": xds_port}}
    endpoint = {"endpoint": {"address": address}}
    return {
        "node": {"id": f"proxy-{admin_port}", "cluster": "gateway", "metadata": {"role": role_name}},
        "admin": {
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": admin_port}}
        },
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "grpc_services": [{"envoy_grpc": {"cluster_name": "xds", "retry_policy": _RETRY}}],
                "set_node_on_first_message_only": True,
            },
            "lds_config": source,
            "cds_config": source,
        },
        "static_resources": {
            "clusters": [
                {
                    "name": "xds",
                    "type": "STATIC",
                    "connect_timeout": "1s",
                    "typed_extension_protocol_options": {
                        options: {
                            "@type": f"type.googleapis.com/{options}",
                            "explicit_http_config": {
                                "http2_protocol_options": {
                                    "connection_keepalive": {"interval": "5s", "timeout": "5s"}
                                }
                            },
                        }
                    },
                    "load_assignment": {
                        "cluster_name": "xds",
                        "endpoints": [{"lb_endpoints": [endpoint]}],
                    },
                }
            ]
        },
    }
