"""The images that are made without a container engine, out of what docker/Dockerfile says."""

import json
import os
import pathlib
import subprocess
import sys
import tarfile

from harness.process import ROOT
from harness.scenario import Scenario, Suite

SUITE = Suite()
_TOOL = ROOT / "docker/images.py"


def make(scenario: Scenario, name: str) -> pathlib.Path:
    folder = scenario.folder / name
    subprocess.run([sys.executable, _TOOL, "--preset", scenario.preset, folder], check=True, capture_output=True)
    return folder


def unpack(archive: pathlib.Path, folder: pathlib.Path) -> dict[str, object]:
    """Unpacks the file system of an image; returns what a container is started with."""
    with tarfile.open(archive) as tar:

        def blob(digest: str) -> bytes:
            file = tar.extractfile(f"blobs/{digest.replace(':', '/')}")
            assert file
            return file.read()

        index = tar.extractfile("index.json")
        assert index
        manifest = json.loads(blob(json.loads(index.read())["manifests"][0]["digest"]))
        layer = tar.extractfile(f"blobs/{manifest['layers'][0]['digest'].replace(':', '/')}")
        with tarfile.open(fileobj=layer) as files:
            files.extractall(folder)
        return json.loads(blob(manifest["config"]["digest"]))["config"]


@SUITE.case("images: the same twice, and as the Dockerfile says")
def images(scenario: Scenario) -> None:
    first, second = make(scenario, "first"), make(scenario, "second")
    for name, command in (("k8sgateway", None), ("k8sgateway-proxy", ["proxy"])):
        archive = first / f"{name}.tar"
        assert archive.read_bytes() == (second / f"{name}.tar").read_bytes(), f"{name} differs"
        root = scenario.folder / f"root-{name}"
        config = unpack(archive, root)
        assert config["Entrypoint"] == ["/usr/local/bin/k8sgateway"], config
        assert config["User"] == "10101:10101" and config.get("Cmd") == command, config
        assert "10101:10101" in (root / "etc/passwd").read_text()
        assert (root / "etc/ssl/certs/ca-certificates.crt").stat().st_size > 10_000
        for file in ("envoy", "libk8sgateway_3.so"):
            assert (root / "usr/local/bin" / file).exists() == (command is not None), file
        if os.geteuid() == 0:
            _starts(root, "k8sgateway", "k8sgateway ")
            if command:
                _starts(root, "envoy", "/1.40.0/")
                assert (root / "etc/envoy/envoy.yaml").read_text() == (ROOT / "docker/envoy.yaml").read_text()


def _starts(root: pathlib.Path, program: str, version: str) -> None:
    """Nothing but what is in the image is needed."""
    args = ["chroot", "--userspec=10101:10101", root, f"/usr/local/bin/{program}", "--version"]
    os.chmod(root.parent, 0o755)
    shown = subprocess.run(args, capture_output=True, text=True, check=False)
    assert version in shown.stdout, f"{shown.stdout}{shown.stderr}"
