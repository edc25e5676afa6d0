"""A rotation of the certificate of mTLS by the CronJob of the chart: one step in each run, as by default."""

import base64
import contextlib
import datetime
import http.client
import pathlib
import re
import subprocess
import threading
import time
from typing import Any, Iterator

from cases.mtls import FILES, SECRET, Installed, client_with, expect_no_restart, is_done, is_refused, is_served
from harness import client, mtls
from harness.process import binary
from harness.scenario import Suite
from harness.waiting import wait_until
from support.load import under_load
from support.scenario import Scenario, ask

SUITE = Suite()
_SECONDS = 60
_STEP_AT = "k8sgateway.io/certgen-step-at"
# What certgen lets pass between two runs, for kubelets to renew what is mounted.
_DISTANCE_SECONDS = 150
# From the end of a connection until Envoy asks again it waits half a second at most; the rest is for a busy machine.
_RECONNECT_SECONDS = 5.0
# So many streams begin with each mixture of what is in the Secret and what is mounted.
_NEW_STREAMS = 3
_PORTS = (9977, 9976)
# When the certificate ends that sds gives the sidecar: by what gloo counts, and by what the proxy's Envoy has.
_ENDS = r'k8sgateway_certificate_expiry_timestamp_seconds\{certificate="mtls"\}'
_PROXY_ENDS = r'envoy_cluster_ssl_certificate_expiration_unix_time_seconds\{envoy_tls_certificate="server_cert",[^}]*\}'
_DAY = 24 * 3600


class _Streams:
    """What gloo counts of xDS, looked at all the time: for how long at once no stream was there."""

    def __init__(self, installed: Installed) -> None:
        self._address = installed.pod("gloo")["status"]["podIP"]
        self._stop = threading.Event()
        self.longest_away = 0.0

    def stat(self, name: str) -> int:
        page = ask(self._address, 9091, path="/metrics").body.decode()
        found = re.search(rf"(?m)^{name} (\d+)$", page)
        assert found, f"no {name} in {page[:200]!r}"
        return int(found[1])

    def begun(self) -> int:
        """Streams, and all other questions."""
        return self.stat("k8sgateway_xds_admitted_total")

    def _watch(self) -> None:
        seen = time.monotonic()
        while not self._stop.wait(0.05):
            # Who cannot be asked has no stream.
            with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
                if self.stat("k8sgateway_xds_streams"):
                    seen = time.monotonic()
            self.longest_away = max(self.longest_away, time.monotonic() - seen)

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()


class _Rotation:
    """The steps, and what a client of the Secret and the pods have of each."""

    def __init__(self, installed: Installed) -> None:
        self.installed, self.scenario = installed, installed.scenario
        self.streams = _Streams(installed)
        self._token, self._runs, self._turns = installed.token(), 0, 0

    def secret(self) -> Any:
        return self.scenario.get("secret", SECRET)

    def part(self, name: str) -> bytes:
        return base64.b64decode(self.secret()["data"][name])

    def give(self, pair: pathlib.Path) -> None:
        """To the Secret, as certgen had made it some time ago."""
        files = [f"--from-file={name}={pair / name}" for name in FILES]
        made = self.scenario.kubectl("create", "secret", "generic", SECRET, *files, "--dry-run=client", "-o", "json")
        patch = self.installed.folder / "patch.json"
        patch.write_text(made)
        self.scenario.kubectl("patch", "secret", SECRET, "--type=merge", f"--patch-file={patch}")
        self.await_mounted()

    def run(self) -> None:
        """The CronJob, once. Meanwhile, and after it, changes arrive."""
        self._runs += 1
        name = f"run-{self._runs}"
        self.scenario.kubectl("create", "job", name, "--from=cronjob/gloo-mtls-certgen-cronjob")
        self.turn()
        while not is_done(self.scenario.get("job", name)):
            self.turn()

    def turn(self) -> None:
        """A change reaches the proxy, and who has just read the Secret is answered by both ports."""
        self._turns += 1
        self.installed.say(f"turn {self._turns}")
        self.installed.await_said(f"turn {self._turns}")
        for port in _PORTS:
            assert is_served(self.installed, port, self.installed.context(), self._token), port

    def pass_time(self) -> None:
        """Until all have what is stored, and streams have begun with it; what certgen waits for that is said to be
        over."""
        self.await_mounted()
        begun, turns = self.streams.begun(), self._turns
        # Each turn asks each port once.
        while self.streams.begun() - begun - len(_PORTS) * (self._turns - turns) < _NEW_STREAMS:
            self.turn()
        before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=_DISTANCE_SECONDS)
        if _STEP_AT in self.secret()["metadata"].get("annotations", {}):
            text = f"{before:%Y-%m-%dT%H:%M:%SZ}"
            self.scenario.kubectl("annotate", "secret", SECRET, f"{_STEP_AT}={text}", "--overwrite")

    def await_mounted(self) -> None:
        """Each sds has the files of the Secret."""
        data = self.secret()["data"]
        wanted = {name: base64.b64decode(data[name]) for name in FILES}
        for name in ("gloo", "gateway-proxy"):
            root = _sds_of(self.installed.pod(name)["metadata"]["name"]) / "root/etc/envoy/ssl"
            there = lambda root=root: all((root / file).read_bytes() == text for file, text in wanted.items())
            wait_until(there, f"{name} has what is in the Secret", _SECONDS)


def _sds_of(pod: str) -> pathlib.Path:
    """Its process, in /proc."""
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_sds = (entry / "cmdline").read_bytes().split(b"\0")[1:2] == [b"sds"]
            if is_sds and f"HOSTNAME={pod}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                return entry
    raise AssertionError(f"no sds runs in {pod}")


def _days_left(installed: Installed) -> set[int]:
    """Of the certificate, as the metrics say by which the alerts go."""
    days = set()
    for name, port, series in (("gloo", 9091, _ENDS), ("gateway-proxy", 8081, _PROXY_ENDS)):
        page = ask(installed.pod(name)["status"]["podIP"], port, path="/metrics").body.decode()
        ends = re.findall(rf"(?m)^{series} ([\d.e+]+)$", page)
        assert ends, f"no {series} of {name}"
        days |= {round((float(one) - time.time()) / _DAY) for one in ends}
    return days


def _ending(scenario: Scenario, folder: pathlib.Path) -> pathlib.Path:
    """A pair that ends in sixty days, which is less than the ninety that certgen has one renewed before."""
    words = ["--svc-name", "gloo", "--svc-namespace", scenario.namespace, "--valid-for", "1440h", "--renew-before", "1h"]
    program = str(binary(scenario.preset))
    subprocess.run([program, "certgen", "--out", str(folder), *words], check=True, capture_output=True)
    return folder


@SUITE.case("mtls: with one step in each run of the CronJob, three runs rotate under load; then the new authority alone counts")
def by_default(scenario: Scenario) -> None:
    installed = Installed(scenario)
    rotation = _Rotation(installed)
    old = _ending(scenario, installed.folder / "old")
    rotation.give(old)
    wait_until(lambda: _days_left(installed) == {60}, "the metrics tell when it ends", _SECONDS)
    installed.say("before")
    installed.await_said("before")
    target = client.Target(80, address=scenario.balanced("gateway-proxy"))
    with under_load(target, "site.test") as load, rotation.streams.watched():
        rotation.run()
        assert rotation.part("tls.crt") == (old / "tls.crt").read_bytes() and rotation.part("ca.crt").count(b"BEGIN") == 2
        stored = rotation.secret()["data"]
        rotation.run()
        assert rotation.secret()["data"] == stored, "the next step came before it was due"
        rotation.pass_time()
        rotation.run()
        pair = rotation.part("tls.crt")
        assert pair != (old / "tls.crt").read_bytes() and rotation.part("ca.crt").count(b"BEGIN") == 2
        rotation.pass_time()
        rotation.run()
        assert rotation.part("tls.crt") == pair and set(rotation.secret()["data"]) == set(FILES)
        rotation.pass_time()
    wait_until(lambda: _days_left(installed) == {365}, "the metrics tell of the new one", _SECONDS)
    scenario.note(f"{load.expect_no_failure(at_least=100)}; without a stream for {rotation.streams.longest_away:.2f} s")
    assert rotation.streams.longest_away < _RECONNECT_SECONDS, rotation.streams.longest_away
    assert rotation.part("ca.crt").count(b"BEGIN") == 1
    assert rotation.part("ca.crt") != (old / "ca.crt").read_bytes()
    trusted, token = installed.folder / "ca.crt", installed.token()
    for port in _PORTS:
        assert is_refused(installed, port, client_with(trusted, old), token), f"{port} takes the old certificate"
    with contextlib.suppress(OSError):
        mtls.fetch_listeners(installed.server(), client_with(old / "ca.crt", installed.folder), installed.role(), token)
        raise AssertionError("the old authority has signed what is served")
    rotation.turn()
    expect_no_restart(scenario)
