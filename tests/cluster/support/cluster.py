"""A real cluster of one node, which `cluster.sh` starts and ends, and its kubectl."""

import contextlib
import ctypes
import hashlib
import json
import os
import pathlib
import subprocess
import sys
from typing import IO, Any, Iterator

import yaml

from harness.process import ROOT
from harness.waiting import wait_until

Object = dict[str, Any]
_SCRIPT = ROOT / "tests/cluster/cluster.sh"
_SERVERS = ("kube-apiserver", "etcd")
# Not the kubelet: one that begins anew may call its pods unready for a moment.
_CLIENTS = ("kube-controller-manager", "kube-scheduler", "kube-proxy")
_CLONE_NEWNET = 0x40000000
# What Kubernetes sets for the whole kernel where it may.
_SETTINGS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
    "net/ipv4/ip_forward",
    "net/netfilter/nf_conntrack_max",
)


def run(args: list[str], stdin: str = "", check: bool = True, seconds: float = 120) -> str:
    """Runs a command and returns what it printed; a failure says what it complained of."""
    done = subprocess.run(
        args, input=stdin, capture_output=True, text=True, timeout=seconds, check=False
    )
    if check and done.returncode:
        shown = (done.stderr or done.stdout).strip()
        raise AssertionError(f"{' '.join(args)}: exit code {done.returncode}\n{shown}")
    return done.stdout


class Cluster:
    """The cluster in a folder; nothing else on the machine knows of it."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.definitions: list[str] = []  # those of our kinds that are installed
        self.stage: Any = None  # the Stage that cases share, once one of them has asked for it
        self.installation: Any = None  # that of the port reference, once one of its rows has asked for it
        self.mtls_installation: Any = None  # the same with mTLS
        self._before = machine_state()
        self._space = ""
        self._guard: subprocess.Popen[bytes] | None = None

    def close_installations(self) -> None:
        """Those of the port reference, which watch all namespaces and are of no use to other cases."""
        for one in (self.installation, self.mtls_installation):
            if one:
                one.close()
        self.installation = self.mtls_installation = None

    def up(self, keep: bool = False) -> None:
        """Starts it; unless it is to be kept it ends with this process, however that ends."""
        env = {**os.environ, "K8SGATEWAY_CLUSTER": str(self.folder)}
        if not keep:
            self._guard = subprocess.Popen(
                [_SCRIPT, "guard"], env=env, stdin=subprocess.PIPE, start_new_session=True
            )
        if subprocess.run(
            [_SCRIPT, "up"], env=env, stdin=subprocess.DEVNULL, check=False
        ).returncode:
            sys.exit("the cluster did not come up")
        self._space = os.readlink(f"/proc/{self._leader()}/ns/pid")

    def down(self) -> None:
        """Ends it, however far it came."""
        if self._guard:
            self._guard.communicate()

    def load(self, *images: pathlib.Path) -> None:
        """Gives images to the node."""
        self._script("load", *map(str, images))

    def tag(self, image: str, other: str) -> None:
        """An image of the node has another name, too."""
        self._script("tag", image, other)

    def start(self, name: str) -> None:
        """Starts a part that was stopped, such as `kube-apiserver`."""
        self._script("start", name)

    def stop(self, name: str) -> None:
        """Ends a part at once, as a crash would."""
        self._script("stop", name)

    def stop_servers(self) -> None:
        """The API server and etcd are away from now on."""
        for name in _SERVERS:
            self.stop(name)

    def start_servers(self) -> None:
        """They come back, and all that Kubernetes has besides is at work again."""
        for name in reversed(_SERVERS):
            self.start(name)
        self._recover()

    def restart_api_server(self) -> None:
        """With it goes its own memory of what was."""
        self.stop("kube-apiserver")
        self.start("kube-apiserver")
        self._recover()

    def _recover(self) -> None:
        ready = lambda: self.kubectl("get", "--raw", "/readyz", check=False) == "ok"
        wait_until(ready, "readyz", 60)
        # After an outage its own parts pause for half a minute and more; begun anew, they do not.
        for name in _CLIENTS:
            self.stop(name)
            self.start(name)

    def inside(self, *args: str) -> str:
        """Runs a command in all namespaces of the cluster, where its names are found."""
        return self._script("exec", *args)

    @contextlib.contextmanager
    def network(self) -> Iterator[None]:
        """This process and its children are in the cluster's network, and kubectl speaks to it."""
        os.environ["KUBECONFIG"] = str(self.folder / "admin.conf")
        os.environ["KUBECACHEDIR"] = str(self.folder / "kubectl")
        with open("/proc/self/ns/net", "rb") as ours:
            with open(f"/proc/{self._leader()}/ns/net", "rb") as theirs:
                _join(theirs)
            try:
                yield
            finally:
                _join(ours)

    @property
    def kubectl_path(self) -> str:
        return str(self.folder / "programs/bin/kubectl")

    def kubectl(self, *args: str, stdin: str = "", check: bool = True) -> str:
        """Only within `network`."""
        return run([self.kubectl_path, *args], stdin, check)

    def attempt(self, *args: str, stdin: str = "") -> tuple[bool, str]:
        """Whether kubectl succeeds, and all that it says."""
        done = subprocess.run(
            [self.kubectl_path, *args], input=stdin, capture_output=True, text=True, check=False
        )
        return done.returncode == 0, done.stdout + done.stderr

    def get(self, *args: str) -> Any:
        """What `kubectl get` knows of something."""
        return json.loads(self.kubectl("get", *args, "-o", "json"))

    def apply(self, *objects: Object) -> None:
        self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects, sort_keys=False))

    @property
    def cgroup(self) -> str:
        """As cluster.sh names it; those of other clusters are none of ours."""
        return "k8sgateway-" + hashlib.sha256(f"{self.folder}\n".encode()).hexdigest()[:12]

    def pids(self) -> list[int]:
        """All processes of the cluster, by their ids outside."""
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{name}/ns/pid") == self._space:
                    found.append(int(name))
        return found

    def memory(self) -> dict[str, int]:
        """MiB of each of its programs; what is shared counts once."""
        used: dict[str, float] = {}
        for pid in self.pids():
            with contextlib.suppress(OSError, StopIteration):
                process = pathlib.Path(f"/proc/{pid}")
                lines = (process / "smaps_rollup").read_text().splitlines()
                pss = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
                name = (process / "comm").read_text().strip()
                used[name] = used.get(name, 0) + pss / 1024
        return {name: round(mib) for name, mib in sorted(used.items(), key=lambda one: -one[1])}

    def left(self) -> list[str]:
        """What is still there of it, and what is not as it was before."""
        after = machine_state()
        found = [f"a process: {pid}" for pid in self.pids() if self._space]
        found += [f"a cgroup: {path}" for path in sorted(after["cgroups"]) if self.cgroup in path]
        found += [f"a mount: {line}" for line in after["mounts"] if str(self.folder) in line]
        found += [
            f"{name} was {self._before['settings'][name]}, is {value}"
            for name, value in after["settings"].items()
            if value != self._before["settings"][name]
        ]
        found += [f"a link: {name}" for name in sorted(after["links"] - self._before["links"])]
        return found + ([f"its folder: {self.folder}"] if self.folder.exists() else [])

    def _leader(self) -> int:
        return int((self.folder / "leader").read_text().split()[0])

    def _script(self, *args: str) -> str:
        return run(["env", f"K8SGATEWAY_CLUSTER={self.folder}", str(_SCRIPT), *args])


def _join(space: IO[bytes]) -> None:
    """Puts this thread, and those that it starts, into a network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(space.fileno(), _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def machine_state() -> dict[str, Any]:
    """What a cluster must leave as it is."""
    settings = {}
    for name in _SETTINGS:
        with contextlib.suppress(OSError):
            settings[name] = pathlib.Path("/proc/sys", name).read_text().strip()
    return {
        "settings": settings,
        "cgroups": set(map(str, pathlib.Path("/sys/fs/cgroup").glob("**/k8sgateway-*"))),
        "mounts": pathlib.Path("/proc/self/mountinfo").read_text().splitlines(),
        "links": set(os.listdir("/sys/class/net")),
    }
