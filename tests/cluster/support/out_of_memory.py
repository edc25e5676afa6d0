"""A container that has no memory left: the kernel kills what is in it, the kubelet begins it anew."""

import contextlib
import pathlib
import subprocess
import sys
import time

from harness.waiting import wait_until

_MIB = 1 << 20
_LEFT_MIB, _EATEN_MIB = 4, 128
# By the version of the cgroups: where they are, and the files of what may be used and what is.
_FILES = (("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
          ("/sys/fs/cgroup", "memory.max", "memory.current"))
# One that joins them and takes what is left. Its score is that of any process; that of pods without requests is the
# highest that there is, so it is not the one that the kernel chooses.
_EAT = "import os, sys; open(sys.argv[1], 'w').write(str(os.getpid())); len(b'x' * int(sys.argv[2]))"


def pid_of(pod: str) -> int:
    """The process that knows by the downward API that it is of this pod; 0 while there is none."""
    mark = f"POD_NAME={pod}".encode()
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                return int(entry.name)
    return 0


def exhaust(pid: int) -> float:
    """The memory of the container of this process is used up; returns when the kernel had killed it."""
    folder, limit, usage = _cgroup(pid)
    used = int((folder / usage).read_text())
    (folder / limit).write_text(str(used + _LEFT_MIB * _MIB))
    procs = str(folder / "cgroup.procs")
    with subprocess.Popen([sys.executable, "-c", _EAT, procs, str(_EATEN_MIB * _MIB)]):
        wait_until(lambda: not pathlib.Path(f"/proc/{pid}/exe").exists(), "the kernel kills it", 20)
        return time.monotonic()


def _cgroup(pid: int) -> tuple[pathlib.Path, str, str]:
    name = next(
        line.rpartition("/")[2]
        for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines()
        if line.split(":")[1] in ("memory", "")
    )
    for root, limit, usage in _FILES:
        for folder in pathlib.Path(root).glob(f"**/{name}"):
            if (folder / limit).exists() and str(pid) in (folder / "cgroup.procs").read_text().split():
                return folder, limit, usage
    raise AssertionError(f"no cgroup of {pid} bounds its memory")
