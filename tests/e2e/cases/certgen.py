"""`certgen` without a cluster."""

import pathlib
import stat
import subprocess

from harness.process import Process, binary
from harness.scenario import Scenario, Suite, expect_exit, expect_line

SUITE = Suite()


def _run(scenario: Scenario, *flags: str, code: int = 0) -> str:
    """Its log."""
    process = scenario.own(Process([str(binary(scenario.preset)), "certgen", *flags]))
    expect_exit(process, code)
    return process.log()


@SUITE.case("certgen: makes files that OpenSSL takes, once, with a key for its owner only")
def makes(scenario: Scenario) -> None:
    folder = scenario.folder / "made" / "here"
    assert "certificate made" in _run(scenario, "--out", str(folder), "--svc-name", "web", "--svc-namespace", "shop")
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "web.shop.svc"]
    subprocess.run([*command, "-CAfile", folder / "ca.crt", folder / "tls.crt"], check=True, capture_output=True)
    public = [_public(["x509", "-pubkey", "-noout"], folder / "tls.crt"), _public(["pkey", "-pubout"], folder / "tls.key")]
    assert public[0] == public[1]
    assert stat.S_IMODE((folder / "tls.key").stat().st_mode) == 0o600
    before = (folder / "tls.crt").read_bytes()
    assert "nothing to do" in _run(scenario, "--out", str(folder), "--svc-name", "web", "--svc-namespace", "shop")
    assert (folder / "tls.crt").read_bytes() == before


@SUITE.case("certgen: a run that does not wait does no step before its distance from the one before")
def distance(scenario: Scenario) -> None:
    flags = ["--out", str(scenario.folder / "out")]
    _run(scenario, *flags)
    _run(scenario, *flags, "--force-rotation")
    trusted = (scenario.folder / "out/ca.crt").read_bytes()
    serving = (scenario.folder / "out/tls.crt").read_bytes()
    _run(scenario, *flags, "--step-distance", "1h")
    assert (scenario.folder / "out/tls.crt").read_bytes() == serving
    _run(scenario, *flags, "--step-distance", "0s")
    assert (scenario.folder / "out/tls.crt").read_bytes() != serving
    assert (scenario.folder / "out/ca.crt").read_bytes() == trusted


def _public(command: list[str], path: pathlib.Path) -> bytes:
    return subprocess.run(["openssl", *command, "-in", path], check=True, capture_output=True).stdout


@SUITE.case("certgen: what is asked in vain is an error of usage that says why")
def usage(scenario: Scenario) -> None:
    out = ["--out", str(scenario.folder / "out")]
    for flags, words in (
        (["--renew-before", "9000h"], "--renew-before must be less than --valid-for"),
        (["--valid-for", "1x"], '"1x" is no duration'),
        (["--svc-name", "Web"], '"Web" is no name of Kubernetes'),
        (["--cluster-domain", "a..b"], '"a..b" is no domain'),
        (["--secret-cert-name", "a/b"], '"a/b" is no key of a Secret'),
        (["--server-key-name", "tls.crt"], "must differ"),
        (["--server-ca-name", "next.key"], "must differ"),
        (["--validating-webhook-configuration-name", "w"], "needs a cluster"),
        (["--kubeconfig", "x"], "excludes"),
    ):
        said = _run(scenario, *out, *flags, code=2)
        assert words in said, said
    assert not (scenario.folder / "out").exists()


@SUITE.case("certgen: without a cluster that can be found, it says what to give")
def no_cluster(scenario: Scenario) -> None:
    empty = {"KUBECONFIG": "", "HOME": str(scenario.folder), "KUBERNETES_SERVICE_HOST": ""}
    process = scenario.own(Process([str(binary(scenario.preset)), "certgen"], empty))
    expect_exit(process, 1)
    expect_line(process, "--kubeconfig FILE", "--out DIR")
