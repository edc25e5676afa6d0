"""Waiting for a condition, with a deadline."""

import time
from typing import Callable, TypeVar

T = TypeVar("T")
POLL_SECONDS = 0.002


def wait_until(condition: Callable[[], T], what: str, seconds: float) -> T:
    """Returns the first true value of `condition`; TimeoutError says what did not happen."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(POLL_SECONDS)
