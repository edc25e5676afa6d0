"""`run`: what happens to the files."""

import os
import pathlib
import shutil
import time

from harness import objects
from harness.process import APPLY_SECONDS
from harness.scenario import (
    Scenario,
    Suite,
    await_answer,
    await_gone,
    await_kept,
    expect_answer,
    expect_line,
)
from harness.waiting import wait_until

SUITE = Suite()


@SUITE.case("run: start, ready, an answer")
def start(scenario: Scenario) -> None:
    scenario.write("site.yaml", objects.direct("site", "hello"))
    gateway = scenario.run()
    expect_answer(gateway.flags.http_port, "hello")  # ready means ready: no second try
    status = gateway.wait_applied(0)
    assert status["errors"] == 0, f"errors in {status}"


@SUITE.case("run: an edit in place gives the new answer")
def edit(scenario: Scenario) -> None:
    site = scenario.write("site.yaml", objects.direct("site", "old"))
    gateway = scenario.run()
    expect_answer(gateway.flags.http_port, "old")
    site.write_text(objects.direct("site", "new"))
    await_answer(gateway.flags.http_port, "new")


@SUITE.case("run: a half-written file keeps the old answer and is told with file and line")
def half_written(scenario: Scenario) -> None:
    site = scenario.write("site.yaml", objects.direct("site", "old"))
    gateway = scenario.run()
    mark = gateway.process.mark()
    site.write_text(objects.direct("site", "new").rpartition("status: 200")[0])
    expect_line(gateway.process, r"site\.yaml:\d+", after=mark)
    expect_answer(gateway.flags.http_port, "old")
    site.write_text(objects.direct("site", "whole"))
    await_answer(gateway.flags.http_port, "whole")


@SUITE.case("run: an unknown field is told with file and line")
def unknown_field(scenario: Scenario) -> None:
    scenario.write("site.yaml", objects.direct("site", "hello").replace("domains:", "dmains:"))
    gateway = scenario.run()
    expect_line(gateway.process, r"site\.yaml:6\b", "dmains")


@SUITE.case("run: a bad object keeps its last good version while another changes")
def last_good(scenario: Scenario) -> None:
    scenario.write("a.yaml", objects.direct("a", "old-a", "a.example"))
    scenario.write("b.yaml", objects.direct("b", "old-b", "b.example"))
    gateway = scenario.run()
    mark = gateway.process.mark()
    scenario.write("a.yaml", objects.without_action("a"))
    expect_line(gateway.process, r"a\.yaml:\d+", after=mark)
    scenario.write("b.yaml", objects.direct("b", "new-b", "b.example"))
    await_answer(gateway.flags.http_port, "new-b", "b.example")
    expect_answer(gateway.flags.http_port, "old-a", "a.example")
    assert gateway.status()["errors"] > 0, "the bad object is not counted"
    mark = gateway.process.mark()
    scenario.write("a.yaml", objects.direct("a", "new-a", "a.example"))
    await_answer(gateway.flags.http_port, "new-a", "a.example")
    wait_until(lambda: gateway.status()["errors"] == 0, "no more errors", APPLY_SECONDS)


@SUITE.case("run: a lower limit of direct responses holds up nobody else")
def lower_body_limit(scenario: Scenario) -> None:
    flags = scenario.flags()

    def gateway_with(limit: int) -> str:
        return objects.gateway(flags.http_port, f"{{maxDirectResponseBodySizeBytes: {limit}}}")

    scenario.write("gateway.yaml", gateway_with(20))
    scenario.write("a.yaml", objects.direct("a", "fifteen-letters", "a.example"))
    scenario.write("b.yaml", objects.direct("b", "old-b", "b.example"))
    gateway = scenario.run(flags)
    mark = gateway.process.mark()
    scenario.write("gateway.yaml", gateway_with(10))
    expect_line(gateway.process, r"a\.yaml:\d+", "directResponseAction.body", after=mark)
    scenario.write("b.yaml", objects.direct("b", "new-b", "b.example"))
    await_answer(gateway.flags.http_port, "new-b", "b.example")
    expect_answer(gateway.flags.http_port, "fifteen-letters", "a.example")


@SUITE.case("run: with --state-dir, a restart while files are broken serves their last good versions")
def restart_while_broken(scenario: Scenario) -> None:
    state = scenario.folder / "state"
    flags = scenario.flags(more=["--state-dir", str(state)])
    for name in ("refused", "torn", "gone", "good"):
        scenario.write(f"{name}.yaml", objects.direct(name, f"old-{name}", f"{name}.example"))
    first = scenario.run(flags)
    port = flags.http_port
    for name in ("refused", "torn", "gone", "good"):
        await_kept(state, f"old-{name}")
    scenario.write("refused.yaml", objects.without_action("refused"))
    torn = objects.direct("torn", "new", "torn.example").rpartition("status: 200")[0]
    scenario.write("torn.yaml", torn)
    (scenario.objects / "gone.yaml").unlink()
    await_gone(port, "gone.example")
    first.process.stop()
    scenario.write("good.yaml", objects.direct("good", "new-good", "good.example"))
    second = scenario.run(flags)
    expect_answer(port, "old-refused", "refused.example")  # from the first moment on
    expect_answer(port, "old-torn", "torn.example")
    expect_answer(port, "new-good", "good.example")
    await_gone(port, "gone.example")
    expect_line(second.process, r"refused\.yaml:\d+")
    expect_line(second.process, r"torn\.yaml:\d+")
    for name in ("refused", "torn"):
        scenario.write(f"{name}.yaml", objects.direct(name, f"new-{name}", f"{name}.example"))
        await_answer(port, f"new-{name}", f"{name}.example")


@SUITE.case("run: a --state-dir that cannot be used is told, and holds nothing up")
def unusable_state(scenario: Scenario) -> None:
    scenario.write("site.yaml", objects.direct("site", "hello"))
    gateway = scenario.run(scenario.flags(more=["--state-dir", "/proc/no-such-folder"]))
    expect_line(gateway.process, "last good versions are not kept", "/proc/no-such-folder")
    expect_answer(gateway.flags.http_port, "hello")


@SUITE.case("run: an sslConfig whose Secret is missing keeps nobody waiting")
def missing_secret(scenario: Scenario) -> None:
    scenario.write("site.yaml", objects.direct("site", "hello"))
    secret = "spec:\n  sslConfig: {secretRef: {name: missing, namespace: default}}"
    tls = objects.direct("tls", "never", "tls.example").replace("spec:", secret, 1)
    scenario.write("tls.yaml", tls)
    gateway = scenario.run()  # ready, although the listener of 8443 has nothing to show
    expect_answer(gateway.flags.http_port, "hello")
    status = gateway.wait_applied(0)
    assert status["in_sync"] and status["errors"] == 1, f"not as expected: {status}"


@SUITE.case("run: a deleted file takes its objects with it")
def delete_file(scenario: Scenario) -> None:
    scenario.write("a.yaml", objects.direct("a", "a", "a.example"))
    gone = scenario.write("b.yaml", objects.direct("b", "b", "b.example"))
    gateway = scenario.run()
    expect_answer(gateway.flags.http_port, "b", "b.example")
    gone.unlink()
    await_answer(gateway.flags.http_port, "", "b.example", status=404)
    expect_answer(gateway.flags.http_port, "a", "a.example")


@SUITE.case("run: the folder is deleted and comes back")
def delete_folder(scenario: Scenario) -> None:
    scenario.write("site.yaml", objects.direct("site", "before"))
    gateway = scenario.run()
    shutil.rmtree(scenario.objects)
    await_gone(gateway.flags.http_port)
    scenario.objects.mkdir()
    (scenario.objects / "site.yaml").write_text(objects.direct("site", "after"))
    await_answer(gateway.flags.http_port, "after")
    (scenario.objects / "site.yaml").write_text(objects.direct("site", "later"))
    await_answer(gateway.flags.http_port, "later")


@SUITE.case("run: the folder appears after the start")
def late_folder(scenario: Scenario) -> None:
    scenario.objects.rmdir()
    gateway = scenario.run()
    scenario.objects.mkdir()
    scenario.write("site.yaml", objects.direct("site", "hello"))
    await_answer(gateway.flags.http_port, "hello")


@SUITE.case("run: a file renamed into place is read")
def atomic_rename(scenario: Scenario) -> None:
    scenario.write("site.yaml", objects.direct("site", "old"))
    gateway = scenario.run()
    for number in range(5):
        scenario.write("site.yaml", objects.direct("site", f"new-{number}"))
        await_answer(gateway.flags.http_port, f"new-{number}")


@SUITE.case("run: the swap of ..data is noticed, before the old folder is removed")
def symlink_swap(scenario: Scenario) -> None:
    def version(name: str, body: str) -> pathlib.Path:
        folder = scenario.objects / name
        folder.mkdir()
        (folder / "site.yaml").write_text(objects.direct("site", body))
        (scenario.objects / "..data_tmp").symlink_to(name)
        os.rename(scenario.objects / "..data_tmp", scenario.objects / "..data")
        return folder

    old = version("..2024_01", "old")
    (scenario.objects / "site.yaml").symlink_to("..data/site.yaml")
    gateway = scenario.run()
    expect_answer(gateway.flags.http_port, "old")
    version("..2024_02", "new")
    await_answer(gateway.flags.http_port, "new")
    shutil.rmtree(old)
    third = version("..2024_03", "newest")
    await_answer(gateway.flags.http_port, "newest")
    assert third.exists()


@SUITE.case("run: a sub-folder with files is moved in, and out")
def subfolder(scenario: Scenario) -> None:
    scenario.write("a.yaml", objects.direct("a", "a", "a.example"))
    gateway = scenario.run()
    outside = scenario.folder / "outside"
    outside.mkdir()
    (outside / "b.yaml").write_text(objects.direct("b", "b", "b.example"))
    os.rename(outside, scenario.objects / "team")
    await_answer(gateway.flags.http_port, "b", "b.example")
    os.rename(scenario.objects / "team", outside)
    await_answer(gateway.flags.http_port, "", "b.example", status=404)


@SUITE.case("run: a pipe among the files is told, and holds nobody up")
def pipe(scenario: Scenario) -> None:
    scenario.write("site.yaml", objects.direct("site", "old"))
    gateway = scenario.run()
    os.mkfifo(scenario.objects / "pipe.yaml")
    expect_line(gateway.process, r"pipe\.yaml:1\b", "no regular file")
    scenario.write("site.yaml", objects.direct("site", "new"))
    await_answer(gateway.flags.http_port, "new")


@SUITE.case("run: a folder that is a link to itself is told, and counts once it is one")
def loop(scenario: Scenario) -> None:
    scenario.objects.rmdir()
    scenario.objects.symlink_to(scenario.objects)
    gateway = scenario.run()
    expect_line(gateway.process, "symbolic links")
    scenario.objects.unlink()
    scenario.objects.mkdir()
    scenario.write("site.yaml", objects.direct("site", "hello"))
    await_answer(gateway.flags.http_port, "hello")


@SUITE.case("run: a status file that cannot be written keeps what it said, until it can")
def full_disk(scenario: Scenario) -> None:
    scenario.write("site.yaml", objects.direct("site", "old"))
    gateway = scenario.run()
    path = scenario.folder / "status.json"
    before = path.read_text()
    part = path.with_name(path.name + ".part")
    part.symlink_to("/dev/full")
    scenario.write("site.yaml", objects.direct("site", "new"))
    await_answer(gateway.flags.http_port, "new")
    assert not path.is_symlink() and path.read_text() == before
    part.unlink()
    wait_until(lambda: path.read_text() != before, "the status is written", APPLY_SECONDS)


@SUITE.case("run: what is written beside the folder makes no revision, nor does its own status file")
def beside(scenario: Scenario) -> None:
    scenario.write("site.yaml", objects.direct("site", "old"))
    gateway = scenario.run()
    revision = gateway.revision()
    for number in range(10):
        (scenario.folder / f"beside-{number}.txt").write_text("no object")
        time.sleep(0.05)
    assert gateway.revision() == revision
    scenario.write("site.yaml", objects.direct("site", "new"))
    await_answer(gateway.flags.http_port, "new")
    gateway.wait_applied(revision)
    assert gateway.revision() == revision + 1


@SUITE.case("run: many fast edits end with the last one")
def many_edits(scenario: Scenario) -> None:
    scenario.write("site.yaml", objects.direct("site", "start"))
    gateway = scenario.run()
    for number in range(200):
        scenario.write("site.yaml", objects.direct("site", f"edit-{number}"))
    await_answer(gateway.flags.http_port, "edit-199")
