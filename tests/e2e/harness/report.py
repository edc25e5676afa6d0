"""The output of the end-to-end tests: a line per check, a tally at the end."""


class Report:
    """Prints results as they come and counts them."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    def ok(self, name: str) -> None:
        self.passed += 1
        print(f"ok    {name}", flush=True)

    def skip(self, name: str, why: str) -> None:
        """Something that cannot be tried here; counts neither way."""
        print(f"skip  {name}: {why}", flush=True)

    def fail(self, name: str, details: list[str]) -> None:
        self.failed += 1
        print(f"FAIL  {name}", flush=True)
        for detail in details:
            for line in detail.splitlines():
                print(f"        {line}", flush=True)

    def finish(self) -> int:
        """Prints the tally; returns the exit code: having checked nothing is a failure too."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed or not self.passed else 0
