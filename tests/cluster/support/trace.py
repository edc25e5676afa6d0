"""What a process asks of the kernel, by strace: the programs it starts, the files it opens, whom it speaks to."""

import contextlib
import pathlib
import re
import subprocess
from typing import Iterator

from harness.waiting import wait_until

_CALLS = "execve,execveat,openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,"
_CALLS += "unlink,unlinkat,connect,sendto,sendmsg,sendmmsg"


class Trace:
    """Lines of strace, of a process and of all that it starts."""

    def __init__(self, file: pathlib.Path) -> None:
        self._file = file

    def calls(self, *names: str) -> list[str]:
        """The calls of these names, or all of them."""
        lines = re.findall(r"^\d+ +((\w+)\(.*)", self._file.read_text(errors="replace"), re.MULTILINE)
        return [line for line, name in lines if not names or name in names]

    def started(self) -> list[str]:
        return self.calls("execve", "execveat")

    def written(self) -> list[str]:
        """Files that were opened to be written, made, moved or removed."""
        opened = [line for line in self.calls("openat", "open") if re.search("O_(WRONLY|RDWR|CREAT)", line)]
        others = self.calls("creat", "mkdir", "mkdirat", "rename", "renameat", "renameat2")
        links = self.calls("link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat")
        return opened + others + links

    def peers(self) -> set[str]:
        """Addresses outside of this host's files that it connected to, or sent a datagram to."""
        return {
            f"{address}:{port}"
            for line in self.calls("connect", "sendto", "sendmsg", "sendmmsg")
            for port, address in re.findall(
                r'sin6?_port=htons\((\d+)\).*?(?:inet_addr\(|inet_pton\(AF_INET6, )"([^"]+)"', line
            )
        }


@contextlib.contextmanager
def traced(pid: int, file: pathlib.Path) -> Iterator[Trace]:
    """All threads of a process that runs, until the end of the block."""
    strace = subprocess.Popen(
        ["strace", "-f", "-qq", "-s", "300", "-e", f"trace={_CALLS}", "-o", str(file), "-p", str(pid)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(lambda: strace.poll() is not None or _is_traced(pid, strace.pid), "strace is there", 10)
        assert strace.poll() is None, strace.stderr and strace.stderr.read()
        yield Trace(file)
    finally:
        strace.terminate()
        strace.wait(10)


def _is_traced(pid: int, by: int) -> bool:
    """Whether all threads are."""
    tasks = pathlib.Path(f"/proc/{pid}/task").glob("*/status")
    return all(re.search(rf"^TracerPid:\t{by}$", task.read_text(), re.MULTILINE) for task in tasks)
