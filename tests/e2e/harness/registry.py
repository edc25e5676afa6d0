"""A real OCI registry on loopback, and what one pushes to it."""

import base64
import contextlib
import gzip
import hashlib
import http.client
import io
import json
import pathlib
import subprocess
import tarfile
import urllib.parse

from .ports import free_port, is_open
from .process import ROOT, Process
from .waiting import wait_until

MODULE = "application/vnd.module.wasm.content.layer.v1+wasm"
ARCHIVE = "application/vnd.oci.image.layer.v1.tar+gzip"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_BUILD_SECONDS = 900.0
USER, PASSWORD = "ada", "s3cret"
_HASHED = "$2y$05$abcdefghijklmnopqrstuuLK7U1u6pVRmL7L1BBM2aS35PSZnDXlK"  # bcrypt of the password
# The file of those who may pull and push.
USERS = f"{USER}:{_HASHED}\n"


def digest(data: bytes) -> str:
    """As registries write it."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def archive(module: bytes, name: str = "plugin.wasm") -> bytes:
    """A layer with the module as a file, as container tools make it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, data in (("README", b"hello"), (name, module)):
            info = tarfile.TarInfo(path)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(out.getvalue())


def program() -> pathlib.Path:
    """Builds it the first time."""
    script = ROOT / "tests/e2e/programs/registry/build.sh"
    done = subprocess.run([script], stdout=subprocess.PIPE, text=True, check=True, timeout=_BUILD_SECONDS)
    return pathlib.Path(done.stdout.strip())


class Registry:
    """Keeps what was pushed in its folder, also while it does not run."""

    def __init__(self, folder: pathlib.Path, users: bool = False) -> None:
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        self.users = users
        self._data = folder / f"registry-{self.port}"
        self._data.mkdir()
        self._config = self._data / "config.yaml"
        self._config.write_text(json.dumps(self._settings()))

    def _settings(self) -> dict:
        settings = {
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": str(self._data / "store")}},
            "http": {"addr": self.host, "secret": "of no use"},
        }
        if self.users:
            passwords = self._data / "users"
            passwords.write_text(USERS)
            settings["auth"] = {"htpasswd": {"realm": "test", "path": str(passwords)}}
        return settings

    def start(self) -> Process:
        """Runs it; the caller ends it."""
        process = Process([str(program()), str(self._config)])
        wait_until(lambda: is_open(self.port), "the registry listens", 20)
        return process

    def _send(self, method: str, path: str, body: bytes = b"", kind: str = "application/octet-stream") -> http.client.HTTPResponse:
        with contextlib.closing(http.client.HTTPConnection(self.host, timeout=20)) as connection:
            headers = {"Content-Type": kind}
            if self.users:
                pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
                headers["Authorization"] = f"Basic {pair}"
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            said = response.read()
            assert response.status < 300, (method, path, response.status, said)
            return response

    def _push_blob(self, name: str, blob: bytes) -> dict:
        begun = self._send("POST", f"/v2/{name}/blobs/uploads/")
        place = urllib.parse.urlsplit(begun.getheader("Location") or "")
        query = f"{place.query}&digest={digest(blob)}".lstrip("&")
        self._send("PUT", f"{place.path}?{query}", blob)
        return {"digest": digest(blob), "size": len(blob)}

    def push(self, name: str, tag: str, layer: bytes, kind: str = MODULE) -> str:
        """An image of one layer; returns the digest of its manifest."""
        return digest(self._push_image(name, tag, layer, kind))

    def _push_image(self, name: str, tag: str, layer: bytes, kind: str) -> bytes:
        """Returns the manifest."""
        config = {"mediaType": "application/vnd.module.wasm.config.v1+json", **self._push_blob(name, b"{}")}
        layers = [{"mediaType": kind, **self._push_blob(name, layer)}]
        manifest = json.dumps({"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": layers}).encode()
        self._send("PUT", f"/v2/{name}/manifests/{tag}", manifest, _MANIFEST)
        return manifest

    def push_index(self, name: str, tag: str, layer: bytes) -> None:
        """An image for several platforms, of which one is there."""
        inner = self._push_image(name, f"{tag}-wasm", layer, MODULE)
        entry = {
            "mediaType": _MANIFEST,
            "digest": digest(inner),
            "size": len(inner),
            "platform": {"os": "wasip1", "architecture": "wasm"},
        }
        index = json.dumps({"schemaVersion": 2, "mediaType": _INDEX, "manifests": [entry]}).encode()
        self._send("PUT", f"/v2/{name}/manifests/{tag}", index, _INDEX)

    def corrupt(self, layer: bytes, other: bytes) -> None:
        """The disk of the registry holds other bytes than it says."""
        name = digest(layer).split(":")[1]
        paths = list(self._data.glob(f"store/**/sha256/*/{name}/data"))
        assert paths, "the layer was not pushed"
        for path in paths:
            path.write_bytes(other)


def docker_config(host: str, password: str = PASSWORD) -> str:
    """The .dockerconfigjson of a Secret."""
    pair = base64.b64encode(f"{USER}:{password}".encode()).decode()
    return json.dumps({"auths": {host: {"auth": pair}}})
