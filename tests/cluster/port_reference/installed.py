"""What all installations of rows have: the chart in a namespace of its own, and a backend."""

import pathlib
from typing import Any

from support.cluster import Cluster, Object
from support.guarded import AUDIENCE
from support.release import Release
from support.scenario import Scenario

_LOGGED = {"accessLog": [{"grpcService": {"logName": "requests", "staticClusterName": "access_log_cluster"}}]}
# Values with which requests are logged by `access-log`.
WITH_ACCESS_LOG: Object = {
    "accessLogger": {"enabled": True},
    "gatewayProxies": {"gatewayProxy": {"gatewaySettings": {"accessLoggingService": _LOGGED}}},
}


class Installed:
    """Whose pods and Services are looked for by name."""

    def __init__(self, cluster: Cluster, preset: str, namespace: str, values: Object) -> None:
        self.scenario = Scenario(cluster, namespace, preset)
        self.folder: pathlib.Path = cluster.folder / namespace
        self.folder.mkdir(exist_ok=True)
        # One that rows have had before, and that failed, may still be on its way out.
        cluster.attempt("wait", "--for=delete", f"namespace/{namespace}", "--timeout=60s")
        self.scenario.begin()
        self.scenario.install_definitions()
        self.scenario.deploy_echo()
        self.release = Release(self.scenario)
        self.release.install(values)

    def pod(self, name: str) -> Any:
        """The pod of a component."""
        raise NotImplementedError

    def service(self, name: str) -> Any:
        return self.scenario.get("service", name)

    def address(self, name: str) -> str:
        return str(self.pod(name)["status"]["podIP"])

    def page(self, name: str, port: int, path: str) -> str:
        """What a port on loopback of a pod serves."""
        return self.scenario.page(self.pod(name)["metadata"]["name"], port, path)

    def close(self) -> None:
        self.scenario.cleanup.close()

    def token(self) -> str:
        """That of a pod of gateway-proxy."""
        return self.scenario.kubectl("create", "token", "gateway-proxy", f"--audience={AUDIENCE}").strip()

    @property
    def role(self) -> str:
        return f"{self.scenario.namespace}~gateway-proxy"
