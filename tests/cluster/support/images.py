"""The images that the cases run: the two that users get, and backends and servers of the tests."""

import json
import pathlib
import subprocess
import sys

import image
from harness import rate_limit_service
from harness import registry as oci_registry
from harness.process import ROOT, binary

OURS, TAG = "k8sgateway.test", "built"
# The control plane with all components but Envoy, and the same with Envoy and our module.
GATEWAY, PROXY = (f"{OURS}/{name}:{TAG}" for name in ("k8sgateway", "k8sgateway-proxy"))
ECHO = "k8sgateway.test/echo:1"
REGISTRY = "k8sgateway.test/registry:1"
EXT_AUTH = "k8sgateway.test/ext-auth:1"
RATE_LIMIT = "k8sgateway.test/rate-limit:1"
_PYTHON = "/usr/bin/python3"
_APP = "/app"
# Prints the files of all modules that the backend is made of, with what it may import later.
_MODULES = """
import sys, json
sys.path[:0] = sys.argv[1:]
import echo, encodings.idna, encodings.latin_1, encodings.utf_8, http.server, os
modules, kinds = sys.modules.values(), ('__file__', '__cached__')
found = [getattr(module, kind, None) for module in modules for kind in kinds]
print(json.dumps([f for f in found if f]))
"""


def built(folder: pathlib.Path, preset: str) -> list[pathlib.Path]:
    """GATEWAY and PROXY as docker/Dockerfile describes them."""
    tool = [sys.executable, ROOT / "docker/images.py", "--preset", preset, "--registry", OURS, "--tag", TAG]
    made = folder / "built"
    subprocess.run([*tool, made], stdout=subprocess.DEVNULL, check=True)
    archives = sorted(made.glob("*.tar"))
    assert len(archives) == 2, archives
    return archives


def registry(folder: pathlib.Path) -> pathlib.Path:
    """The registry of the end-to-end tests."""
    return _of_one(folder, REGISTRY, oci_registry.program())


def ext_auth(folder: pathlib.Path, preset: str) -> pathlib.Path:
    """The authorization server of the end-to-end tests, which takes its port as argument."""
    return _of_one(folder, EXT_AUTH, binary(preset).parent / "tests/ext_auth_server")


def rate_limit(folder: pathlib.Path) -> pathlib.Path:
    """The rate-limit service of the Envoy project, and Redis."""
    redis = {"/usr/local/bin/redis-server": rate_limit_service.REDIS}
    return _of_one(folder, RATE_LIMIT, rate_limit_service.program(), redis)


def _of_one(folder: pathlib.Path, name: str, program: pathlib.Path, more: image.Files | None = None) -> pathlib.Path:
    archive = folder / f"{name.rpartition('/')[2].partition(':')[0]}.tar"
    files = {"/usr/local/bin/program": program, **(more or {})}
    image.write(archive, image.Image(name, ["/usr/local/bin/program"], files))
    return archive


def echo(folder: pathlib.Path) -> pathlib.Path:
    """The echo backend, and as much of Python as it and the backend of examples/cluster need."""
    archive = folder / "echo.tar"
    own = [ROOT / "tests/cluster", ROOT / "tests/e2e"]
    shown = subprocess.run(
        [_PYTHON, "-I", "-B", "-c", _MODULES, *map(str, own)],
        capture_output=True,
        text=True,
        check=True,
    )
    files = {_PYTHON: pathlib.Path(_PYTHON).resolve()}
    for path in filter(pathlib.Path.exists, map(pathlib.Path, json.loads(shown.stdout))):
        top = next((top for top in own if path.is_relative_to(top)), None)
        files[f"{_APP}/{path.relative_to(top)}" if top else str(path)] = path
    image.write(archive, image.Image(ECHO, [_PYTHON, "-E", "-S", f"{_APP}/echo.py"], files))
    return archive
