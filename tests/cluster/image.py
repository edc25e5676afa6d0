#!/usr/bin/env python3
"""Makes an OCI image archive out of files of this machine; no registry, no base image, no daemon.

  image.py OUT.tar NAME:TAG ENTRYPOINT FILE=/path/in/image ...

The shared libraries of programs go along. Nothing else is in it but users, groups and /tmp.
"""

import dataclasses
import hashlib
import io
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tarfile
import tempfile
from typing import BinaryIO

_USERS = b"root:x:0:0::/:/none\nnobody:x:65534:65534::/:/none\n"
_GROUPS = b"root:x:0:\nnobody:x:65534:\n"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"

Files = dict[str, pathlib.Path]  # by the path in the image


@dataclasses.dataclass
class Image:
    """What a container is started from."""

    name: str  # in full: registry, repository and tag
    entrypoint: list[str]
    files: Files
    env: dict[str, str] = dataclasses.field(default_factory=dict)
    command: list[str] = dataclasses.field(default_factory=list)
    user: str = ""
    # The time of all files; their own when it is None.
    mtime: int | None = None


@dataclasses.dataclass
class _Blob:
    """A part of an archive, by its digest."""

    content: bytes
    kind: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def descriptor(self) -> dict[str, object]:
        return {
            "mediaType": self.kind,
            "digest": f"sha256:{self.digest}",
            "size": len(self.content),
        }


def with_libraries(files: Files) -> Files:
    """The same files and the shared libraries that they need, where the linker looks for them."""
    return files | libraries(files)


def libraries(files: Files) -> Files:
    """The shared libraries that programs among the files need."""
    found: Files = {}
    for path in files.values():
        with path.open("rb") as file:
            if file.read(4) != b"\x7fELF":
                continue
        shown = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
        for name in re.findall(r"(/\S+) \(0x", shown):
            found[name] = pathlib.Path(name).resolve()
    return found


def write(archive: pathlib.Path, image: Image) -> None:
    """Writes the image, in one step."""
    with tempfile.TemporaryFile() as layer:
        digest, size = _write_layer(layer, with_libraries(image.files), image)
        config = _Blob(_config(image, digest), _CONFIG)
        manifest = _Blob(_manifest(config, digest, size), _MANIFEST)
        named = manifest.descriptor() | {
            "annotations": {"io.containerd.image.name": image.name},
        }
        part = archive.with_suffix(".part")
        with tarfile.open(part, "w") as tar:
            _add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
            _add(tar, "index.json", _json({"schemaVersion": 2, "manifests": [named]}))
            for blob in (config, manifest):
                _add(tar, f"blobs/sha256/{blob.digest}", blob.content)
            layer.seek(0)
            info = tarfile.TarInfo(f"blobs/sha256/{digest}")
            info.size = size
            tar.addfile(info, layer)
        os.replace(part, archive)


def _write_layer(layer: BinaryIO, files: Files, image: Image) -> tuple[str, int]:
    """Writes the file system; returns its digest and size."""
    with tarfile.open(fileobj=layer, mode="w") as tar:
        folders = {"tmp", "etc"} | {
            str(folder).lstrip("/")
            for name in files
            for folder in pathlib.PurePosixPath(name).parents
            if str(folder) not in ("/", ".")
        }
        for folder in sorted(folders):
            info = tarfile.TarInfo(folder)
            info.type = tarfile.DIRTYPE
            info.mode = 0o1777 if folder == "tmp" else 0o755
            tar.addfile(info)
        user, _, group = image.user.partition(":")
        group = group or user
        own = (f"k8sgateway:x:{user}:{group}::/:/none\n", f"k8sgateway:x:{group}:\n") if user else ("", "")
        _add(tar, "etc/passwd", _USERS + own[0].encode())
        _add(tar, "etc/group", _GROUPS + own[1].encode())
        for name, path in sorted(files.items()):
            with path.open("rb") as file:
                info = tarfile.TarInfo(name.lstrip("/"))
                stat = path.stat()
                info.size = stat.st_size
                info.mode = 0o755 if stat.st_mode & 0o111 else 0o644
                # By which Python knows that its .pyc is fresh.
                info.mtime = int(stat.st_mtime) if image.mtime is None else image.mtime
                tar.addfile(info, file)
    layer.seek(0)
    digest = hashlib.file_digest(layer, "sha256").hexdigest()  # type: ignore[arg-type]
    return digest, layer.seek(0, io.SEEK_END)


def _config(image: Image, layer: str) -> bytes:
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", **image.env}
    config: dict[str, object] = {
        "Entrypoint": image.entrypoint,
        "Env": [f"{name}={value}" for name, value in env.items()],
        "WorkingDir": "/",
    }
    if image.command:
        config["Cmd"] = image.command
    if image.user:
        config["User"] = image.user
    return _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}"]},
        }
    )


def _manifest(config: _Blob, layer: str, size: int) -> bytes:
    layers = [{"mediaType": _LAYER, "digest": f"sha256:{layer}", "size": size}]
    return _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": config.descriptor(),
            "layers": layers,
        }
    )


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def main() -> int:
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    archive, name, entrypoint, *pairs = sys.argv[1:]
    files = {inside: pathlib.Path(path) for path, inside in (p.split("=", 1) for p in pairs)}
    write(pathlib.Path(archive), Image(name, shlex.split(entrypoint), files))
    return 0


if __name__ == "__main__":
    sys.exit(main())
