"""A load by a schedule that waits for nobody, and what became of its requests in each phase of a case."""

import dataclasses
import json
import signal
from typing import Any, Mapping

from harness.process import Process, binary
from harness.waiting import wait_until

from .scenario import Scenario

# A phase is over when its last request is: so long does the program wait for one, and some more.
_SECONDS = 60
# The program sends what is due, however long others take; but for its last millisecond, it has sent all of it.
_SHARE = 0.95


@dataclasses.dataclass
class Failing:
    """How many tries an address may fail to answer in a phase, at most."""

    at_once: float
    each_second: float = 0


class HttpLoad:
    """One running `http_load`: one host, and the addresses that serve it."""

    def __init__(
        self, scenario: Scenario, host: str, rate: int, targets: list[str], anew: bool = False
    ) -> None:
        program = str(binary(scenario.preset).parent / "tests/http_load")
        self.rate = rate
        self._process = Process([program, *(["--anew"] if anew else []), host, str(rate), *targets])
        self._ended = 0
        scenario.cleanup.callback(self._process.stop)

    def _lines(self) -> list[Any]:
        return [json.loads(line) for line in self._process.lines() if line.startswith("{")]

    def sent(self) -> int:
        """Requests of the phase that runs, some of which are under way."""
        return max((one["sent"] for one in self._lines() if one["phase"] == self._ended), default=0)

    def begin_next(self) -> None:
        assert self._process.running(), self._process.log()
        self._process.signal(signal.SIGUSR1)
        self._ended += 1

    def ended(self) -> Any:
        """All about the phase before, when its last request is over."""
        over = lambda: [one for one in self._lines() if one["over"] and one["phase"] == self._ended - 1]
        return wait_until(over, f"phase {self._ended - 1} is over", _SECONDS)[0]


class Loads:
    """Several at once, which have their phases in common."""

    def __init__(self, scenario: Scenario, *loads: HttpLoad) -> None:
        self._scenario, self._loads = scenario, loads
        self._rate = sum(load.rate for load in loads)

    def await_sent(self, count: int) -> None:
        """Until so many requests of this phase are on their way."""
        there = lambda: sum(load.sent() for load in self._loads) >= count
        wait_until(there, f"{count} requests are sent", _SECONDS + count / self._rate)

    def end_phase(self, what: str, may_fail: Mapping[str, Failing] | None = None) -> None:
        """No request of it was lost, all that was due was sent, and only these targets may have failed to answer, no
        more often than that, or have ended connections."""
        may_fail = may_fail or {}
        for load in self._loads:
            load.begin_next()
        ended = [load.ended() for load in self._loads]
        total = lambda name: sum(one[name] for one in ended)
        failed, cut = ({k: v for one in ended for k, v in one[name].items() if v} for name in ("failed", "cut"))
        seconds, sent = max(one["seconds"] for one in ended), total("sent")
        slowest = max(one["slowest_ms"] for one in ended)
        line = (
            f"{what}: {sent} requests in {seconds:.1f} s, {sent / seconds:.0f} a second, {total('late')} late, "
            f"the slowest took {slowest} ms; tried again: {failed or 'none'}"
        )
        self._scenario.note(line)
        assert total("lost") == 0 and total("bad") == 0 and total("good") == sent, f"{line}; {ended}"
        assert not (set(failed) | set(cut)) - set(may_fail), f"{line}; connections cut: {cut}"
        most = {name: one.at_once + one.each_second * seconds for name, one in may_fail.items()}
        too_often = {name: count for name, count in failed.items() if count > most[name]}
        assert not too_often, f"{line}; at most {({name: round(most[name]) for name in too_often})} may fail"
        assert sent >= _SHARE * self._rate * seconds, f"{line}; it should be {self._rate} a second"
