"""A self-signed certificate for the backend."""

import pathlib
import subprocess


def self_signed(folder: pathlib.Path, name: str) -> pathlib.Path:
    """Makes a certificate for a name and returns one PEM file with the key and the certificate."""
    key, cert, both = (folder / f"{name}.{ext}" for ext in ("key", "crt", "pem"))
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            key,
            "-out",
            cert,
            "-days",
            "2",
            "-subj",
            f"/CN={name}",
            "-addext",
            f"subjectAltName=DNS:{name}",
        ],
        check=True,
        capture_output=True,
    )
    both.write_bytes(key.read_bytes() + cert.read_bytes())
    return both


class Authority:
    """An authority of somebody's own, which signs certificates for any name."""

    def __init__(self, folder: pathlib.Path, name: str = "authority") -> None:
        self._folder = folder
        self._both = self_signed(folder, name)
        self.certificate = folder / f"{name}.crt"

    def issue(self, folder: pathlib.Path, name: str, days: int = 2) -> pathlib.Path:
        """Makes a folder with `tls.crt`, `tls.key` and `ca.crt` of this authority; expired with negative days."""
        folder.mkdir()
        request, names = folder / "request", folder / "names"
        names.write_text(f"subjectAltName=DNS:{name}\n")
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", folder / "tls.key"]
        _openssl("req", *key, "-out", request, "-subj", f"/CN={name}")
        signer = ["-CA", self._both, "-CAkey", self._both, "-days", str(days), "-extfile", names]
        _openssl("x509", "-req", "-in", request, *signer, "-out", folder / "tls.crt")
        (folder / "ca.crt").write_bytes(self.certificate.read_bytes())
        return folder


def _openssl(*words: str | pathlib.Path) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)
