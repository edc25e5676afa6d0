#!/usr/bin/env python3
"""Runs the fuzz targets that build/asan holds: all seeds first, then inputs made from them.

  run.py [--runs N] [--seed N] [TARGET ...]

Without --runs, each target makes a fixed number of new inputs from a fixed seed and the seeds of the tree alone; runs of
the same program still differ a little in what they make. With --runs, what earlier long runs found worth keeping is a
start as well: build/asan/corpus/<target>. Ends with 1 when something broke; the input is then in build/asan/found/<target>.
Standard library only.
"""
import argparse
import hashlib
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HERE = ROOT / "tests" / "fuzz"
BUILD = ROOT / "build" / "asan"
# New inputs of a short run: about ten seconds each on a quiet machine.
RUNS = {
    "yaml_to_model": 2500,
    "model_to_envoy": 800,
    "xds_requests": 20000,
    "kube_answers": 20000,
    "admission_reviews": 4000,
    "shard": 20000,
}
MAX_LENGTH = {target: 1024 if target == "xds_requests" else 16384 for target in RUNS}
# These share their seeds, and those that the golden cases are.
READS_OBJECTS = ("yaml_to_model", "model_to_envoy")
SECONDS_BETWEEN_LINES = 10


def case_objects():
    """The objects of every golden case and example, without what is expected of them."""
    for pattern in ("plugins/*/testdata/*.yaml", "tests/cases/*.yaml", "examples/**/*.yaml"):
        for path in sorted(ROOT.glob(pattern)):
            yield path.read_bytes().split(b"--- # expect")[0]


def write_seeds(target):
    """All seeds of a target in one folder, by the hash of their content, so that their order is always the same."""
    kinds = ["yaml_to_model", "model_to_envoy"] if target in READS_OBJECTS else [target]
    texts = [path.read_bytes() for kind in kinds for path in HERE.glob(f"*/{kind}/*")]
    if target in READS_OBJECTS:
        texts += case_objects()
    folder = BUILD / "seeds" / target
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for text in texts:
        if len(text) <= MAX_LENGTH[target]:
            (folder / hashlib.sha256(text).hexdigest()[:16]).write_bytes(text)
    return folder


def shown(path):
    """How a path is typed at the root of the tree."""
    return shlex.quote(str(path.relative_to(ROOT)))


def report(target, program, found, log):
    lines = log.read_text(errors="replace").splitlines()
    # The report begins where libFuzzer's own lines end.
    start = next((i for i, line in enumerate(lines) if re.search(r"not true:|runtime error:|ERROR: ", line)), 0)
    print("\n".join(lines[start:start + 60]))
    print(f"FAIL  {target}: all words are in {shown(log)}")
    inputs = re.findall(r"Test unit written to (.*)", "\n".join(lines))
    if inputs:
        at = shown(pathlib.Path(inputs[-1]))
        print(f"      reproduce: {shown(program)} {at}")
        small = f"-minimize_crash=1 -runs=20000 -exact_artifact_path={shown(found / 'small')}"
        print(f"      minimise:  {shown(program)} {small} {at}")
    sys.stdout.flush()


def follow(process, target, total, log):
    """Shows how far a run is, every few seconds. Returns the last state that libFuzzer told."""
    began = last = time.monotonic()
    state = ("0", "0")
    with open(log, "w", encoding="utf-8") as out:
        for line in process.stdout:
            out.write(line)
            told = re.match(r"#(\d+)\s.*cov: (\d+)", line)
            state = told.groups() if told else state
            now = time.monotonic()
            if now - last >= SECONDS_BETWEEN_LINES:
                last = now
                done = f"{state[0]} of {total} inputs, {state[1]} edges"
                print(f"      {target}: {done}, {now - began:.0f} s", flush=True)
    return *state, time.monotonic() - began


def run(target, options):
    program = BUILD / "tests" / "fuzz" / f"fuzz_{target}"
    corpus, found, log = BUILD / "corpus" / target, BUILD / "found" / target, BUILD / f"{target}.log"
    if options.runs is None:
        corpus = BUILD / "corpus-short" / target
        shutil.rmtree(corpus, ignore_errors=True)
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    seeds = write_seeds(target)
    # libFuzzer counts the inputs that it starts from as well.
    total = sum(len(list(folder.iterdir())) for folder in (seeds, corpus)) + (options.runs or RUNS[target])
    # The entropic schedule counts every edge of every input: most of the time, with programs of this size.
    command = [program, "-entropic=0", f"-runs={total}", f"-seed={options.seed}", f"-max_len={MAX_LENGTH[target]}",
               "-timeout=25", "-rss_limit_mb=2048", f"-artifact_prefix={found}/", corpus, seeds]
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT,
                          encoding="utf-8", errors="replace") as process:
        inputs, edges, seconds = follow(process, target, total, log)
    if process.returncode != 0:
        report(target, program, found, log)
        return False
    print(f"ok    {target}: {inputs} inputs, {edges} edges, {seconds:.0f} s", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, help="new inputs for each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("targets", nargs="*", metavar="TARGET", default=list(RUNS))
    options = parser.parse_args()
    unknown = [target for target in options.targets if target not in RUNS]
    if unknown:
        parser.error(f"no such target: {unknown[0]}; there are {', '.join(RUNS)}")
    results = [run(target, options) for target in options.targets]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
