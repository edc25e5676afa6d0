#!/usr/bin/env python3
"""Makes the images that docker/Dockerfile describes as OCI archives, without a container engine and without a base image.

  docker/images.py [--preset release] [--registry NAME] [--tag TAG] FOLDER

Files, users, entry points and variables are those of the Dockerfile; instead of Debian's packages, the images hold what
the programs need of them: shared libraries, and the certificates of authorities. The same input gives the same bytes.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/cluster"))
import image  # pylint: disable=wrong-import-position

TARGETS = ("k8sgateway", "k8sgateway-proxy")
_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


@dataclasses.dataclass
class Stage:
    """What a target of the Dockerfile is."""

    entrypoint: list[str] = dataclasses.field(default_factory=list)
    command: list[str] = dataclasses.field(default_factory=list)
    user: str = ""
    env: dict[str, str] = dataclasses.field(default_factory=dict)
    copies: dict[str, str] = dataclasses.field(default_factory=dict)  # from, by the path in the image
    packages: set[str] = dataclasses.field(default_factory=set)


def read_stages(dockerfile: str) -> dict[str, Stage]:
    """All targets by their names. Instructions that we do not know are errors, so that none is overlooked."""
    stages: dict[str, Stage] = {}
    stage = Stage()
    for line in re.sub(r"\\\n", " ", dockerfile).splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stage = _copy(stages[base]) if base in stages else Stage()
            stages[name] = stage
        elif word == "COPY":
            *_, source, target = rest.split()
            stage.copies[target] = source
        elif word == "RUN":
            for names in re.findall(r"apt-get install ([^&]*)", rest):
                stage.packages |= {name for name in names.split() if not name.startswith("-")}
        elif word == "ENV":
            name, _, value = rest.partition("=")
            stage.env[name] = value
        elif word == "USER":
            stage.user = rest
        elif word in ("ENTRYPOINT", "CMD"):
            setattr(stage, "entrypoint" if word == "ENTRYPOINT" else "command", json.loads(rest))
        elif word != "WORKDIR":
            raise ValueError(f"docker/Dockerfile: {word} is not understood here")
    return stages


def _copy(stage: Stage) -> Stage:
    copies = {f.name: getattr(stage, f.name).copy() for f in dataclasses.fields(Stage) if f.name != "user"}
    return Stage(user=stage.user, **copies)


def make(stage: Stage, name: str, archive: pathlib.Path, preset: str, scratch: pathlib.Path) -> None:
    """Writes one image."""
    files = {target: _source(source, preset, scratch) for target, source in stage.copies.items()}
    missing = _missing_packages(files, stage.packages)
    if missing:
        raise ValueError(f"docker/Dockerfile installs no package with {', '.join(sorted(missing))}")
    if "ca-certificates" in stage.packages:
        files[_AUTHORITIES] = pathlib.Path(_AUTHORITIES)
    described = image.Image(name, stage.entrypoint, files, stage.env, stage.command, stage.user, mtime=0)
    image.write(archive, described)


def _source(source: str, preset: str, scratch: pathlib.Path) -> pathlib.Path:
    """The file of this machine that the build stage would have made."""
    if source in ("/out/k8sgateway", "/out/libk8sgateway_3.so"):
        built = pathlib.Path(source).name
        stripped = scratch / built
        if not stripped.exists():
            subprocess.run(["strip", "-o", stripped, ROOT / "build" / preset / built], check=True)
        return stripped
    if source == "/out/envoy":
        cache = os.environ.get("K8SGATEWAY_CACHE") or (
            os.environ.get("XDG_CACHE_HOME", str(pathlib.Path.home() / ".cache")) + "/k8sgateway"
        )
        return pathlib.Path(os.environ.get("K8SGATEWAY_ENVOY", f"{cache}/envoy-1.40.0"))
    return ROOT / source


def _missing_packages(files: image.Files, packages: set[str]) -> set[str]:
    """Libraries that neither the packages nor what these need would bring."""
    brought: set[str] = set()
    ahead = set(packages) | {"libc6", "libgcc-s1", "libstdc++6"}
    while ahead:
        brought |= ahead
        shown = _query("-W", "-f", "${Depends}, ${Pre-Depends}\n", *sorted(ahead))
        ahead = set(re.findall(r"(?:^|[,|] *)([a-z0-9][a-z0-9.+-]+)", shown, re.M)) - brought
    owners = _owners(sorted(image.libraries(files)))
    return {library for library, packages in owners.items() if not packages & brought}


def _owners(libraries: list[str]) -> dict[str, set[str]]:
    """The packages that each library is of. All are asked for at once, as dpkg reads the lists of all packages each time."""
    names = {library: _names_of(library) for library in libraries}
    found: dict[str, set[str]] = {}
    for line in _query("-S", *sorted(set().union(*names.values()))).splitlines():
        packages, _, path = line.partition(": ")
        found.setdefault(path, set()).update(name.split(":")[0] for name in packages.split(", "))
    return {library: set().union(*(found.get(name, set()) for name in names[library])) for library in libraries}


def _names_of(library: str) -> set[str]:
    """A package may have it where it was before /usr held everything, or below the name of a link."""
    real = str(pathlib.Path(library).resolve())
    return {real, real.removeprefix("/usr"), library}


def _query(*args: str) -> str:
    return subprocess.run(["dpkg-query", *args], capture_output=True, text=True, check=False).stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, metavar="FOLDER")
    parser.add_argument("--preset", default="release", help="which build goes into them [%(default)s]")
    parser.add_argument("--registry", default="k8sgateway.local", help="before their names [%(default)s]")
    parser.add_argument("--tag", default="built", help="behind their names [%(default)s]")
    arguments = parser.parse_args()
    stages = read_stages((ROOT / "docker/Dockerfile").read_text())
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for target in TARGETS:
            archive = arguments.folder / f"{target}.tar"
            name = f"{arguments.registry}/{target}:{arguments.tag}"
            make(stages[target], name, archive, arguments.preset, pathlib.Path(scratch))
            print(f"{archive}: {name}, {archive.stat().st_size / 2**20:.1f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
