"""The rate-limit service of the Envoy project, with a Redis of its own."""

import pathlib
import subprocess
import urllib.request

from .ports import free_port
from .process import ROOT, Process
from .scenario import Scenario
from .waiting import wait_until

REDIS = pathlib.Path("/usr/bin/redis-check-rdb")  # the same program, which goes by its name
_BUILD = ROOT / "tests/e2e/programs/ratelimit/build.sh"


def program() -> pathlib.Path:
    """Builds it the first time."""
    return pathlib.Path(subprocess.run([_BUILD], check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


class RateLimitService:
    """Redis and the service, on loopback, for one case, with these rules."""

    def __init__(self, scenario: Scenario, rules: str) -> None:
        self.port, http = free_port(), free_port()
        socket = scenario.folder / "redis"
        words = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no"]
        redis = scenario.own(Process(["/bin/bash", "-c", f'exec -a redis-server {REDIS} "$@"', "redis", *words]))
        redis.wait_line(lambda line: "ready to accept connections" in line.lower(), "Redis is ready")
        config = scenario.folder / "runtime/limits/config"
        config.mkdir(parents=True)
        (config / "custom.yaml").write_text(rules)
        env = {
            "REDIS_SOCKET_TYPE": "unix",
            "REDIS_URL": str(socket),
            "RUNTIME_ROOT": str(scenario.folder / "runtime"),
            "RUNTIME_SUBDIRECTORY": "limits",
            "RUNTIME_WATCH_ROOT": "false",
            "USE_STATSD": "false",
            "HOST": "127.0.0.1",
            "GRPC_HOST": "127.0.0.1",
            "DEBUG_HOST": "127.0.0.1",
            "PORT": str(http),
            "GRPC_PORT": str(self.port),
            "DEBUG_PORT": str(free_port()),
        }
        self.process = scenario.own(Process([str(program())], env))

        def healthy() -> bool:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{http}/healthcheck", timeout=1) as answer:
                    return answer.status == 200
            except OSError:
                return False

        wait_until(healthy, "the rate-limit service is healthy", 20)
