"""A folder of certificates as a mounted Secret, kept by `k8sgateway certgen`, or filled in by hand."""

import pathlib
import ssl
import subprocess
import time

from .process import binary


class CertificateFolder:
    """`tls.crt`, `tls.key` and `ca.crt` in a folder, as links through `..data`."""

    def __init__(self, folder: pathlib.Path, preset: str) -> None:
        self.folder = folder
        self._preset = preset
        self.run()

    def command(self, *more: str) -> list[str]:
        return [str(binary(self._preset)), "certgen", "--out", str(self.folder), *more]

    def run(self, *more: str) -> None:
        subprocess.run(self.command(*more), check=True, capture_output=True)

    def version(self) -> pathlib.Path:
        """The present files; those of a client are read from one version."""
        return self.folder / (self.folder / "..data").readlink()

    def swap(self, **contents: bytes) -> None:
        """As the kubelet does, with other contents for some files: `tls_key=…`."""
        old = self.version()
        new = self.folder / f"..{time.monotonic_ns()}"
        new.mkdir()
        for path in old.iterdir():
            (new / path.name).write_bytes(contents.get(path.name.replace(".", "_"), path.read_bytes()))
        link = self.folder / "..data_tmp"
        link.symlink_to(new.name)
        link.rename(self.folder / "..data")

    def client(self, with_certificate: bool = True) -> ssl.SSLContext:
        """A client that trusts and shows what the files are now."""
        while True:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            try:
                version = self.version()
                context.load_verify_locations(version / "ca.crt")
                if with_certificate:
                    context.load_cert_chain(version / "tls.crt", version / "tls.key")
                return context
            except FileNotFoundError:  # the version has gone while it was read
                continue
