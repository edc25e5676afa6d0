"""The alerts and the dashboard, as Prometheus itself understands them: promtool tries them on series."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
from typing import Any, Iterator

import yaml

_HERE = pathlib.Path(__file__).resolve().parent
_ROOT = _HERE.parents[1]
_ALERTS = _ROOT / "chart/files/alerts.yaml"
_DASHBOARD = _ROOT / "chart/files/dashboard.json"
_METRICS = _ROOT / "docs/metrics.md"
_ROW = re.compile(r"^\| `(\w+)` \| (counter|gauge|histogram) \| (.*?) \| ", re.M)
# What Grafana and Prometheus themselves know.
_LABELS = {"le", "instance"}
Json = dict[str, Any]


def _promtool() -> str:
    named = os.environ.get("K8SGATEWAY_PROMTOOL")
    if named:
        return named
    return subprocess.run([_HERE / "promtool.sh"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def _run(program: str, *words: str) -> list[str]:
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    return [] if done.returncode == 0 else [f"promtool {words[0]} {words[1]}: {done.stdout}{done.stderr}"]


def _rules() -> dict[str, Json]:
    groups = yaml.safe_load(_ALERTS.read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def _test(alert: str, rule: Json, case: Json, fires: bool) -> Json:
    """A test in promtool's own form."""
    expected = [
        {
            "exp_labels": {**rule["labels"], **labels},
            "exp_annotations": {"summary": case.get("summary", rule["annotations"]["summary"])},
        }
        for labels in case.get("labels", [{}])
    ]
    looked_at: Json = {"alertname": alert, "eval_time": case["at"]}
    if fires:
        looked_at["exp_alerts"] = expected
    series = [{"series": name, "values": str(values)} for name, values in case["series"].items()]
    return {"interval": "1m", "input_series": series, "alert_rule_test": [looked_at]}


def _alerts(program: str, folder: pathlib.Path) -> Iterator[str]:
    rules, cases = _rules(), yaml.safe_load((_HERE / "alerts.yaml").read_text())
    if rules.keys() != cases.keys():
        yield f"alerts.yaml: alerts without cases, or the reverse: {sorted(rules.keys() ^ cases.keys())}"
        return
    tests = [
        _test(alert, rules[alert], case, fires=kind == "fires")
        for alert, of in cases.items()
        for kind in ("fires", "quiet")
        for case in of[kind]
    ]
    path = folder / "tests.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [str(_ALERTS)], "evaluation_interval": "1m", "tests": tests}))
    yield from _run(program, "test", "rules", str(path))


def _queries(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("expr"), str):
            yield node["expr"]
        node = list(node.values())
    for child in node if isinstance(node, list) else []:
        yield from _queries(child)


def _metrics() -> dict[str, tuple[str, list[str]]]:
    """Types and labels of what we export."""
    rows = _ROW.findall(_METRICS.read_text())
    return {name: (kind, re.findall(r"`(\w+)`", labels)) for name, kind, labels in rows}


def _series() -> Iterator[Json]:
    """One of each metric, which grows."""
    for name, (kind, labels) in _metrics().items():
        text = ", ".join([*(f'{label}="x"' for label in labels), 'instance="i"'])
        if kind == "histogram":
            yield {"series": f"{name}_count{{{text}}}", "values": "1+1x20"}
            for bound in ("1", "+Inf"):
                yield {"series": f'{name}_bucket{{{text}, le="{bound}"}}', "values": "1+1x20"}
        else:
            yield {"series": f"{name}{{{text}}}", "values": "1+1x20"}


def _labels_of(query: str) -> Iterator[str]:
    """Labels that a query goes by, and no metric in it has."""
    metrics = _metrics()
    known = set(_LABELS)
    for name in re.findall(r"\w+", query):
        known |= set(metrics.get(re.sub("_(bucket|count|sum)$", "", name), metrics.get(name, ("", [])))[1])
    for labels in re.findall(r"\b(?:by|on) *\(([^)]*)\)", query):
        yield from (label for label in re.split(r"[ ,]+", labels) if label not in known)


def _dashboard(program: str, folder: pathlib.Path) -> Iterator[str]:
    """Each query is one, goes by labels that there are, and has an answer where every metric has a series."""
    queries = list(_queries(json.loads(_DASHBOARD.read_text())))
    if len(queries) < 20:
        yield f"dashboard.json: {len(queries)} queries"
    for query in queries:
        yield from (f"{query}: no metric in it has the label {label}" for label in _labels_of(query))
    rules = [{"alert": f"Query{number}", "expr": f"count({query}) > 0"} for number, query in enumerate(queries)]
    path = folder / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    wrong = _run(program, "check", "rules", str(path))
    if wrong:
        yield from wrong
        return
    fires = {"eval_time": "10m", "exp_alerts": [{"exp_labels": {}}]}
    answered = [{"alertname": f"Query{number}", **fires} for number in range(len(queries))]
    tests = [{"interval": "1m", "input_series": list(_series()), "alert_rule_test": answered}]
    file = folder / "answers.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(path)], "evaluation_interval": "1m", "tests": tests}))
    for fault in _run(program, "test", "rules", str(file)):
        numbers = sorted({int(number) for number in re.findall(r"alertname: *Query(\d+)", fault)})
        yield "".join([fault, *(f"\nQuery{number}: {queries[number]}" for number in numbers)])


def faults() -> list[str]:
    program = _promtool()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        return [
            *_run(program, "check", "rules", str(_ALERTS)),
            *_alerts(program, folder),
            *_dashboard(program, folder),
        ]
