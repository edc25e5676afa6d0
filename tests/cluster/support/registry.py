"""A real OCI registry in a pod."""

import json
import pathlib
from typing import Any

from harness.registry import USERS, Registry

from . import images
from .objects import meta
from .scenario import RESTRICTED, Scenario

_PORT = 5000
_CONFIG: dict[str, Any] = {
    "version": 0.1,
    "log": {"level": "warn"},
    "storage": {"filesystem": {"rootdirectory": "/data"}},
    "http": {"addr": f":{_PORT}", "secret": "of no use"},
}
_FOR_USERS = {"auth": {"htpasswd": {"realm": "test", "path": "/config/users"}}}


class PodRegistry(Registry):
    """In the namespace of a scenario; pushed to by its address, and pulled from by its name, with `users` by those alone."""

    def __init__(self, scenario: Scenario, folder: pathlib.Path, users: bool = False) -> None:
        super().__init__(folder, users)
        scenario.cluster.load(images.registry(folder))
        data = {"config.yaml": json.dumps({**_CONFIG, **(_FOR_USERS if users else {})}), "users": USERS}
        scenario.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("registry"), "data": data})
        mounts = [{"name": "config", "mountPath": "/config"}, {"name": "data", "mountPath": "/data"}]
        volumes = [{"name": "config", "configMap": {"name": "registry"}}, {"name": "data", "emptyDir": {}}]
        container = {
            "image": images.REGISTRY,
            "args": ["/config/config.yaml"],
            "ports": [{"containerPort": _PORT}],
            "readinessProbe": {"tcpSocket": {"port": _PORT}, "periodSeconds": 1},
            "volumeMounts": mounts,
        }
        scenario.deploy("registry", container, securityContext={**RESTRICTED, "fsGroup": 65534}, volumes=volumes)
        self.host = f"{scenario.get('service', 'registry')['spec']['clusterIP']}:{_PORT}"
        self.name = name_of(scenario.namespace)


def name_of(namespace: str) -> str:
    """As pods know it."""
    return f"registry.{namespace}.svc.cluster.local:{_PORT}"
