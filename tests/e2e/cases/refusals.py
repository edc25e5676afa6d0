"""`gloo`: what an Envoy refuses is told on the object that is to blame."""

from harness import objects
from harness.process import APPLY_SECONDS
from harness.scenario import Scenario, Suite, await_answer, expect_answer, expect_line
from harness.waiting import wait_until

from .file_mode import FileMode

SUITE = Suite()


@SUITE.case_in_both_forms("gloo: what an Envoy refuses is told on the object that changed, and mended by its next change")
def refused(scenario: Scenario) -> None:
    mode = FileMode(scenario)
    other = objects.flat_direct("other").replace("site", "other").replace("*", "other.test")
    mode.write("virtualservices", "other", other)
    # This Envoy takes short regexes only, which we cannot know.
    mode.envoy(api_type="DELTA_GRPC", runtime="re2.max_program_size.error_level: 20")
    await_answer(mode.http_port, "hello", seconds=20)
    scenario.expect_form()
    mark = mode.process.mark()
    long_regex = objects.flat_direct("new").replace("prefix: /", 'regex: "/[a-z]{1,15}"')
    mode.write("virtualservices", "site", long_regex)
    line = expect_line(mode.process, "VirtualService gloo-system/site", "Envoy refused", after=mark)
    assert "site.yaml:" in line and "program size" in line, line
    # The table is named, not one of the parts, in each of which the host of all domains stands.
    assert f"Envoy refused listener-127.0.0.1-{mode.http_port}-routes, so" in line and "-routes/" not in line, line
    expect_answer(mode.http_port, "hello")
    copies = 16 if scenario.divided else 1
    wait_until(lambda: mode.status()["nacks"] >= copies, "each refusal is counted", APPLY_SECONDS)
    told = [line for line in mode.process.lines()[mark:] if "Envoy refused" in line]
    assert len(told) == 1, f"told more than once: {told}"
    mark = mode.process.mark()
    mode.write("virtualservices", "site", objects.flat_direct("mended"))
    await_answer(mode.http_port, "mended")
    expect_line(mode.process, "mended: .*VirtualService gloo-system/site", after=mark)
    mark = mode.process.mark()
    mode.write("virtualservices", "other", other.replace("prefix: /", 'regex: "/[a-z]{1,15}"'))
    line = expect_line(mode.process, "VirtualService gloo-system/other", "Envoy refused", after=mark)
    assert "other.yaml:" in line and "program size" in line and "-routes/" not in line, line
    expect_answer(mode.http_port, "other", "other.test")
    expect_answer(mode.http_port, "mended")
    mode.write("virtualservices", "other", other)
    wait_until(lambda: mode.status()["errors"] == 0, "no more errors", APPLY_SECONDS)
