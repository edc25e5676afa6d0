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
