"""The webhook over the wire: each verdict is what `validate` says of the objects before and after."""

import collections
import concurrent.futures
import dataclasses
import itertools
import json
import os
from collections.abc import Set
from typing import Any, Callable, Iterator

import yaml

from harness import judged, reviews
from harness.judged import Bench, Golden
from harness.objects import gateway, to_backend
from harness.process import ROOT, default_envoy
from harness.reviews import Answer, Object, key_of
from harness.scenario import Scenario, Suite

SUITE = Suite()
_RULES: list[Object] = [{"alwaysAccept": False, "allowWarnings": allowed} for allowed in (True, False)]
# How many of the cases are also asked about as a List.
_LISTED = 0.3
# Of what the original says nothing of.
_NOTICES = ("has no effect", "is not served")
_ASKED_ENVOY = (
    "tests/cases/delegation.yaml",
    "tests/cases/fail_regex_bombs.yaml",
    "plugins/cors/testdata/basic.yaml",
    "plugins/static_upstream/testdata/basic.yaml",
)
Words = set[str]
Future = concurrent.futures.Future[Words]
Told = Callable[[list[Object]], Future]


@dataclasses.dataclass
class Question:
    """A review, and what `validate` says of the objects without the change and with it."""

    body: bytes
    before: Future
    after: Future
    # What is wrong with these is told even if it was wrong before.
    own: list[str] = dataclasses.field(default_factory=list)
    # Nobody looks, so nothing is said.
    passes: bool = False

    def words(self) -> Words:
        if self.passes:
            return set()
        before, after = self.before.result(), self.after.result()
        return {one for one in after if one not in before or _is_about(one, self.own)}


def _is_about(words: str, keys: list[str]) -> bool:
    return words.split(": ", 1)[1].startswith(tuple(f"{key}: " for key in keys))


Step = tuple[list[Object], list[Question]]


def _without(objects: list[Object], *gone: Object) -> list[Object]:
    return [one for one in objects if not any(one is other for other in gone)]


def _steps(golden: Golden, told: Told, rare: Set[str] = frozenset()) -> Iterator[Step]:
    """What is served, and what is asked then: of one object, and of one of each rare kind."""
    everything, asked = golden.objects, golden.judged
    # Without any Gateway, `validate` would take the two that an installation has.
    gateways = [one for one in asked if one["kind"] == "Gateway"]
    if len(gateways) == 1:
        asked = _without(asked, *gateways)
    if not asked:
        return
    whole = told(everything)
    together = _without(asked, *gateways)
    if together and golden.random.random() < _LISTED:
        others, keys = _without(everything, *together), [key_of(one) for one in together]
        body = reviews.review("CREATE", reviews.list_of(together))
        passes = not any(map(golden.counts, together))
        yield others, [Question(body, told(others), whole, keys, passes)]
    often = [one for one in asked if one["kind"] not in rare]
    chosen = [golden.random.choice(often)] if often else []
    for kind in sorted(rare):
        chosen += [one for one in asked if one["kind"] == kind][:1]
    steps = [step for one in chosen for step in _about_one(golden, told, whole, one)]
    # There everything is served.
    steps[-1][1].extend(_about_secret(golden, told, whole) + _about_namespace(golden, told, whole))
    yield from steps


def _about_one(golden: Golden, told: Told, whole: Future, one: Object) -> Iterator[Step]:
    everything = golden.objects
    rest, key, passes = _without(everything, one), [key_of(one)], not golden.counts(one)
    less = told(rest)
    yield rest, [Question(reviews.review("CREATE", one, dry=False), less, whole, key, passes)]
    changed = golden.changed(one)
    status = {**one, "status": {"statuses": {"gloo-system": {"state": 1}}}}
    skipped = {**changed, "metadata": {**one["metadata"], "annotations": {"gateway.solo.io/skip_validation": "true"}}}
    questions = [
        Question(reviews.review("DELETE", one), whole, less, [], passes),
        # Nothing can be changed in an empty one, and nobody looks at what is the same.
        Question(reviews.review("UPDATE", changed, one), whole, told([*rest, changed]), key, passes or changed == one),
        Question(reviews.review("UPDATE", status, one), whole, whole, passes=True),
        Question(reviews.review("UPDATE", skipped, one), whole, whole, passes=True),
    ]
    yield everything, questions


def _is_secret(one: Object) -> bool:
    return (one["kind"], one["apiVersion"]) == ("Secret", "v1")


def _about_secret(golden: Golden, told: Told, whole: Future) -> list[Question]:
    everything = golden.objects
    secrets = list(filter(_is_secret, everything))
    if not secrets:
        return []
    secret = golden.random.choice(secrets)
    gone = told(_without(everything, secret))
    return [
        Question(reviews.review("DELETE", secret), whole, gone, [], not golden.counts(secret)),
        Question(reviews.review("CREATE", secret), whole, whole, passes=True),
    ]


def _about_namespace(golden: Golden, told: Told, whole: Future) -> list[Question]:
    """It goes with what is judged in it. Which count is not a matter of labels where objects are files."""
    everything = golden.objects
    name = golden.random.choice(golden.judged)["metadata"]["namespace"]
    inside = [
        one for one in everything if (judged.judged(one) or _is_secret(one)) and one["metadata"]["namespace"] == name
    ]
    left = _without(everything, *inside)
    if not any(one["kind"] == "Gateway" for one in left):
        return []
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "namespace": name}}
    labelled = {**namespace, "metadata": {**namespace["metadata"], "labels": {"other": "label"}}}
    return [
        Question(reviews.review("DELETE", namespace), whole, told(left), [], not golden.counts(namespace)),
        Question(reviews.review("UPDATE", labelled, namespace), whole, whole, passes=True),
    ]


class _Run:
    """Asks the judges of a bench, and counts what they say."""

    def __init__(self, scenario: Scenario, rules: list[Object], *more: str) -> None:
        self._scenario, self._rules, self._more = scenario, rules, more
        self.bench = Bench(scenario, *rules)
        self.seen = {"denied": 0, "warned": 0, "clean": 0}
        self.notices: set[str] = set()
        # What was asked, by kind and operation; not what nobody looks at.
        self.compared: collections.Counter[tuple[str, str]] = collections.Counter()
        self._failures: list[str] = []
        self._folders = iter(range(100_000))
        self._pool = concurrent.futures.ThreadPoolExecutor(max(2, os.cpu_count() or 1))
        scenario.cleanup.callback(self._pool.shutdown, cancel_futures=True)

    def tell(self, settings: Object) -> Told:
        """`validate` on objects, with these Settings."""
        whole = self.bench.judges[0].settings(settings)

        def told(objects: list[Object]) -> Future:
            folder = self._scenario.folder / f"told-{next(self._folders)}"
            copy = list(objects)
            return self._pool.submit(judged.validate, self._scenario.preset, folder, copy, whole, *self._more)

        return told

    def ask(self, name: str, settings: Object, steps: list[Step]) -> None:
        self.bench.serve([], settings)
        for objects, questions in steps:
            self.bench.serve(objects, settings)
            for question, (judge, rules) in itertools.product(questions, zip(self.bench.judges, self._rules)):
                try:
                    self._expect(judge.ask(question.body), question, rules)
                except AssertionError as error:
                    self._failures.append(f"{name}: {question.body[:200]!r}: {rules}: {error}")

    def _expect(self, answer: Answer, question: Question, rules: Object) -> None:
        words = question.words()
        if not question.passes:
            request = json.loads(question.body)["request"]
            self.compared[request["kind"]["kind"], request["operation"]] += 1
        fault = _fault(answer, words, {one for one in words if _is_about(one, question.own)}, rules)
        assert not fault, fault
        if answer.allowed and not rules["allowWarnings"]:
            self.notices |= {one.split(": ", 2)[2] for one in words}
        self.seen["denied" if not answer.allowed else "warned" if words else "clean"] += 1

    def end(self) -> int:
        """Fails unless all were as they must be; the number of verdicts."""
        count = sum(self.seen.values())
        print(f"      {count} verdicts: {self.seen}", flush=True)
        assert not self._failures, f"{len(self._failures)} differ:\n" + "\n".join(self._failures[:40])
        return count


def _fault(answer: Answer, words: Words, own: Words, rules: Object) -> str:
    """What is wrong with an answer, if `validate` says these words, and some of them of the object itself."""
    errors, own = ({one for one in some if one.startswith("error: ")} for some in (words, own))
    wanted = {reviews.cut(one) for one in words}
    difference = f"only it says {sorted(answer.words - wanted)}; not {sorted(wanted - answer.words)}"
    if answer.allowed:
        if errors:
            return f"allowed, in spite of {sorted(errors)}"
        return "" if answer.says(words) else f"allowed: {difference}"
    if rules["allowWarnings"] or errors:
        # What cannot be read is all that is said of it.
        complete = answer.says(errors) or (own and answer.says(own))
        strict = not rules["allowWarnings"] and own <= answer.words <= wanted
        return "" if errors and (complete or strict) else f"denied: {difference}"
    return "" if answer.words and answer.words <= wanted else f"denied: {difference}"


@SUITE.case("webhook: each verdict of the golden cases, over HTTPS, is what `validate` says")
def golden_cases(scenario: Scenario) -> None:
    run = _Run(scenario, _RULES)
    cases = [Golden(path) for path in judged.find_all()]
    rare = judged.rare_kinds(cases)
    plans = [(golden, list(_steps(golden, run.tell(golden.settings), rare))) for golden in cases]
    for golden, steps in plans:
        run.ask(golden.name, golden.settings, steps)
    assert run.end() > 3000 and min(run.seen.values()) > 150, run.seen
    missing = sorted(_all_judged() - set(run.compared))
    assert not missing, f"the webhook judges these, and no case asks: {missing}"
    # What an allowed change may say where warnings deny.
    strange = {one for one in run.notices if not any(word in one for word in _NOTICES)}
    assert not strange, sorted(strange)


def _all_judged() -> set[tuple[str, str]]:
    """What can be asked: all of what has a definition, and what the chart registers the webhook for."""
    found = set(itertools.product(judged.judged_kinds(), ("CREATE", "UPDATE", "DELETE")))
    kinds = {plural: kind for kind, (_, plural) in judged.definitions().items()}
    kinds |= {"secrets": "Secret", "namespaces": "Namespace"}
    chart = yaml.load_all((ROOT / "tests/chart/golden/default.yaml").read_text(), Loader=yaml.CSafeLoader)
    for one in chart:
        if one and one["kind"] == "ValidatingWebhookConfiguration":
            for rule in (rule for webhook in one["webhooks"] for rule in webhook["rules"]):
                found |= set(itertools.product((kinds[plural] for plural in rule["resources"]), rule["operations"]))
    assert ("Secret", "DELETE") in found, "the chart has no webhook"
    # Where objects are files no labels of namespaces count, so nobody looks; that is asked, too.
    return found - {("Namespace", "UPDATE")}


@SUITE.case("webhook: with fullEnvoyValidation each verdict is what `validate --envoy` says")
def with_envoy(scenario: Scenario) -> None:
    rules: list[Object] = [{"alwaysAccept": False, "allowWarnings": True, "fullEnvoyValidation": True}]
    run = _Run(scenario, rules, "--envoy", "--envoy-path", default_envoy())
    told = run.tell({})
    good = yaml.safe_load_all(to_backend("site", 1) + "---\n" + gateway(8080))
    standing: list[Object] = list(good)
    files = {"sslFiles": {"rootCa": "/nowhere/authority.pem"}}
    host = {"domains": ["b.test"], "routes": [{"matchers": [{"prefix": "/"}], "directResponseAction": {"status": 200}}]}
    keys = {"sslFiles": {"tlsCert": "/nowhere/tls.crt", "tlsKey": "/nowhere/tls.key"}, "sniDomains": ["b.test"]}
    secure = {"bindAddress": "127.0.0.1", "bindPort": 8443, "ssl": True, "httpGateway": {}}
    only_envoy = [
        _object("gloo", "Upstream", "secure", static={"hosts": [{"addr": "127.0.0.1", "port": 443}]}, sslConfig=files),
        _object("gateway", "VirtualService", "secure", virtualHost=host, sslConfig=keys),
    ]
    standing.append(_object("gateway", "Gateway", "secure", "gloo-system", **secure))
    fine = [
        _object("gloo", "Upstream", "fine", static={"hosts": [{"addr": "127.0.0.1", "port": 1}]}),
        _object("gateway", "VirtualService", "fine", virtualHost={**host, "domains": ["c.test"]}),
    ]
    before = told(standing)
    questions = [
        Question(reviews.review("CREATE", one), before, told([*standing, one]), [key_of(one)])
        for one in (*only_envoy, *fine)
    ]
    run.ask("only Envoy", {}, [(standing, questions)])
    run.end()
    assert (run.seen["denied"], run.seen["clean"]) == (2, 2), run.seen
    assert all("Envoy" in " ".join(question.words()) for question in questions[:2])
    for name in _ASKED_ENVOY:
        golden = Golden(ROOT / name)
        run.ask(name, golden.settings, list(_steps(golden, run.tell(golden.settings))))
    assert run.end() > 20 and run.seen["denied"] > 4, run.seen


def _object(group: str, kind: str, name: str, namespace: str = "default", **spec: Any) -> Object:
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": f"{group}.solo.io/v1", "kind": kind, "metadata": meta, "spec": spec}
