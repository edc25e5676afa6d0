"""The commands of users, run as the administrator of the cluster."""

import json
import subprocess
from typing import Any

from harness.process import binary

from .scenario import Scenario

# Of installations, which wait for pods.
_SECONDS = 400


class Cli:
    """Runs the program as somebody at a terminal does."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario

    def attempt(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Whatever its exit code is."""
        command = [str(binary(self.scenario.preset)), *args]
        return subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)

    def run(self, *args: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = self.attempt(*args)
        shown = f"{' '.join(args)}: exit code {done.returncode}, not {code}:\n{done.stdout}{done.stderr}"
        assert done.returncode == code, shown
        return done

    def __call__(self, *args: str, code: int = 0) -> str:
        return self.run(*args, code=code).stdout

    def all_problems(self, *args: str) -> list[dict[str, Any]]:
        """All that `check` finds."""
        done = self.attempt("check", "-o", "json", *args)
        found = json.loads(done.stdout)
        assert done.returncode == (1 if found["errors"] else 0), found
        problems: list[dict[str, Any]] = found["problems"]
        return problems

    def problems(self, *args: str) -> list[dict[str, Any]]:
        """What `check` finds in the namespace of the case."""
        return [one for one in self.all_problems(*args) if f"{self.scenario.namespace}/" in one.get("object", "")]
