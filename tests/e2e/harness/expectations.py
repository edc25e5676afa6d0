"""Compares responses with what a table expects of them."""

import collections
import json
import re
from typing import Any, Iterable

from .client import Response

_COMPARISON = re.compile(r"(>=|<=|>|<|==)\s*(\d+(?:\.\d+)?)$")
_KNOWN = {
    "status",
    "headers",
    "absent",
    "echo",
    "body",
    "count",
    "upstreams",
    "seen_by",
    "took_ms",
    "certificate",
    "spelled",
    "mss",
    "hosts",
    "logged",
}
_KNOWN_ECHO = {
    "method",
    "path",
    "protocol",
    "headers",
    "absent",
    "body",
    "upstream",
    "host",
    "tls",
    "proxy_protocol",
    "spelled",
    "connection",
    "connections",
    "request",
    "keepalive",
}


def matches(expected: Any, actual: Any) -> bool:
    """True when a value is equal, or fits a list of choices, a /regex/ or a comparison (">=1")."""
    if isinstance(expected, list):
        return any(matches(one, actual) for one in expected)
    if isinstance(expected, dict):
        return isinstance(actual, dict) and all(
            matches(v, actual.get(k)) for k, v in expected.items()
        )
    if expected is None or actual is None:
        return expected is actual
    text = str(expected)
    if len(text) > 1 and text.startswith("/") and text.endswith("/") and isinstance(actual, str):
        return re.search(text[1:-1], actual) is not None
    comparison = _COMPARISON.match(text)
    if comparison and isinstance(actual, (int, float)):
        return _compare(comparison[1], float(actual), float(comparison[2]))
    return text == str(actual)


def _compare(operator: str, actual: float, bound: float) -> bool:
    return {
        ">=": actual >= bound,
        "<=": actual <= bound,
        ">": actual > bound,
        "<": actual < bound,
        "==": actual == bound,
    }[operator]


def check_known(expect: dict[str, Any]) -> None:
    """Refuses misspelt expectations, which would pass without a word."""
    unknown = set(expect) - _KNOWN
    unknown |= {f"echo.{key}" for key in set(expect.get("echo") or {}) - _KNOWN_ECHO}
    if unknown:
        raise ValueError(f"unknown in expect: {', '.join(sorted(unknown))}")


def differences(expect: dict[str, Any], response: Response) -> list[str]:
    """What is not as expected, one line each."""
    found: list[str] = []
    if "status" in expect and not matches(expect["status"], response.status or "closed"):
        found.append(
            _differs("status", expect["status"], response.status or f"closed ({response.error})")
        )
    elif response.error and (response.status or "status" not in expect):
        found.append(f"the response is broken: {response.error}")
    for name, value in (expect.get("headers") or {}).items():
        if not matches(_text_or_pattern(value), response.header(name)):
            found.append(_differs(f"header {name}", value, response.header(name)))
    for name in expect.get("absent") or []:
        if response.header(name) is not None:
            found.append(_differs(f"header {name}", "nothing", response.header(name)))
    if "body" in expect and not matches(expect["body"], response.body.decode("utf-8", "replace")):
        found.append(_differs("body", expect["body"], response.body.decode("utf-8", "replace")))
    if "took_ms" in expect and not matches(expect["took_ms"], response.seconds * 1000):
        found.append(_differs("took_ms", expect["took_ms"], round(response.seconds * 1000)))
    found += _spelling_differences("spelled", expect, response.spelled)
    if "mss" in expect and not matches(expect["mss"], response.mss):
        found.append(_differs("mss", expect["mss"], response.mss))
    if "certificate" in expect and not matches(expect["certificate"], response.certificate):
        found.append(_differs("certificate", expect["certificate"], response.certificate))
    if "echo" in expect:
        found += _echo_differences(expect["echo"], response)
    return found


def _echo_differences(expect: dict[str, Any], response: Response) -> list[str]:
    try:
        echo = json.loads(response.body)
        echo["path"]
    except (ValueError, KeyError, TypeError):
        return [
            _differs("echo", "an answer of the backend", response.body.decode("utf-8", "replace"))
        ]
    return seen_differences(expect, echo)


def seen_differences(expect: dict[str, Any], seen: dict[str, Any]) -> list[str]:
    """Compares a request as the backend saw it with what is expected of it."""
    found = []
    for name, value in (expect.get("headers") or {}).items():
        if not matches(_text_or_pattern(value), seen["headers"].get(name.lower())):
            found.append(_differs(f"echo header {name}", value, seen["headers"].get(name.lower())))
    for name in expect.get("absent") or []:
        if name.lower() in seen["headers"]:
            found.append(_differs(f"echo header {name}", "nothing", seen["headers"][name.lower()]))
    found += _spelling_differences("echo spelled", expect, seen["spelled"])
    for key in sorted(set(expect) - {"headers", "absent", "spelled"}):
        # A path begins with a slash, and may end with one: that makes no regex of it.
        same = seen[key] == expect[key] if key == "path" else matches(expect[key], seen.get(key))
        if not same and not (
            key == "path" and isinstance(expect[key], list) and seen[key] in expect[key]
        ):
            found.append(_differs(f"echo {key}", expect[key], seen[key]))
    return found


def _spelling_differences(what: str, expect: dict[str, Any], names: list[str]) -> list[str]:
    """Names of headers that must be there letter by letter."""
    missing = [name for name in expect.get("spelled") or [] if name not in names]
    return [_differs(f"{what} {', '.join(missing)}", "there", names)] if missing else []


def tally_differences(expect: dict[str, Any], responses: Iterable[Response]) -> list[str]:
    """Checks `count` (by status), `upstreams` (by the one that answered) and `hosts` (how many did)."""
    responses = list(responses)
    tallies = {
        "count": collections.Counter(str(r.status or "closed") for r in responses),
        "upstreams": collections.Counter(r.header("x-upstream") or "none" for r in responses),
    }
    found = []
    for kind, tally in tallies.items():
        for key, expected in (expect.get(kind) or {}).items():
            if not matches(expected, tally[str(key)]):
                found.append(
                    _differs(f"{kind} {key}", expected, f"{tally[str(key)]} of {dict(tally)}")
                )
    return found + _host_differences(expect.get("hosts"), responses)


def _host_differences(expected: Any, responses: list[Response]) -> list[str]:
    """How many hosts answered; or, by their indexes, how often each did."""
    tally = collections.Counter(r.header("x-host-index") for r in responses if r.status)
    tally.pop(None, None)
    if isinstance(expected, dict):
        fine = all(matches(count, tally[str(host)]) for host, count in expected.items())
    else:
        fine = expected is None or matches(expected, len(tally))
    return [] if fine else [_differs("hosts", expected, f"{len(tally)}: {dict(tally)}")]


def log_differences(wanted: list[Any], lines: list[str]) -> list[str]:
    """Compares all lines of an access log with what they must be."""
    if len(wanted) == len(lines) and all(matches(one, line) for one, line in zip(wanted, lines)):
        return []
    return [
        _differs(
            "access log", "\n            ".join(map(str, wanted)), "\n            ".join(lines)
        )
    ]


def _text_or_pattern(value: Any) -> str | list[str]:
    """Header values are text: 1 and true of YAML are "1" and "true"."""
    if isinstance(value, list):
        return [str(one) for one in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def _differs(what: str, expected: Any, actual: Any) -> str:
    return f"{what}:\n  expected  {expected}\n  got       {actual}"
