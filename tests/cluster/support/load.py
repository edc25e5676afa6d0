"""A small steady load that remembers every answer, beside which a case changes things."""

import collections
import contextlib
import dataclasses
import threading
import time
from typing import Callable, Iterator

from harness import client


@dataclasses.dataclass
class Load:
    """What was answered so far; threads write, the case reads after the end or at any time."""

    answers: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    slowest: float = 0.0
    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    def add(self, key: str, seconds: float) -> None:
        with self.lock:
            self.answers[key] += 1
            self.slowest = max(self.slowest, seconds)

    def total(self) -> int:
        with self.lock:
            return sum(self.answers.values())

    def failures(self, good: str = "200") -> dict[str, int]:
        """All answers of another kind."""
        with self.lock:
            return {key: count for key, count in self.answers.items() if key != good}

    def expect_no_failure(self, at_least: int = 1) -> str:
        """Fails unless all were answered with 200; returns a line about them."""
        assert not self.failures(), f"answers under load: {dict(self.answers)}"
        assert self.total() >= at_least, f"only {self.total()} requests were sent"
        return f"{self.total()} requests, the slowest took {self.slowest * 1000:.0f} ms"


@contextlib.contextmanager
def under_load(
    target: client.Target,
    host: str = "localhost",
    path: str = "/",
    clients: int = 2,
    pause: float = 0.01,
    key: Callable[[client.Response], str] | None = None,
) -> Iterator[Load]:
    """Clients that ask one after another, each request on a connection of its own, until the end of the block."""
    load = Load()
    stop = threading.Event()
    request = client.compose("GET", path, "HTTP/1.1", [("host", host)], b"")
    name = key or (lambda one: str(one.status) if one.status else one.error)

    def ask() -> None:
        while not stop.is_set():
            begin = time.monotonic()
            answer = client.exchange(target, request, retry_seconds=0, want_certificate=target.tls)
            load.add(name(answer), time.monotonic() - begin)
            time.sleep(pause)

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        stop.set()
        for thread in threads:
            thread.join()
