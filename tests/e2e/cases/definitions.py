"""crds: the definitions of custom resources, as one stream and as files."""

import os

import yaml

from cases.offline import Command
from harness.process import ROOT
from harness.scenario import Scenario, Suite

SUITE = Suite()


@SUITE.case("crds: one stream for kubectl, or a file each, of the same definitions")
def stream_and_files(scenario: Scenario) -> None:
    command = Command(scenario)
    stream = command("crds").stdout
    folder = scenario.objects / "not" / "yet" / "there"
    command("crds", "-o", str(folder))
    files = {path.name: path.read_text() for path in folder.iterdir()}
    assert len(files) == 17, sorted(files)
    assert sorted(stream.split("---\n")[1:]) == sorted(files.values())
    for name, text in files.items():
        definition = yaml.load(text, Loader=yaml.CSafeLoader)
        assert definition["kind"] == "CustomResourceDefinition", name
        assert definition["metadata"]["name"] + ".yaml" == name
        assert text == (ROOT / "chart/crds" / name).read_text(), f"{name}: make crds"


@SUITE.case("crds: descriptions can be left out, and nothing else")
def without_descriptions(scenario: Scenario) -> None:
    def strip(schema: dict) -> dict:
        return {
            key: strip(value) if isinstance(value, dict) else value
            for key, value in schema.items()
            if key != "description" or isinstance(value, dict)
        }

    def load(*arguments: str, **env: str) -> list[dict]:
        text = Command(scenario)("crds", *arguments, env=env).stdout
        return list(yaml.load_all(text, Loader=yaml.CSafeLoader))

    full, brief = load(), load("--no-descriptions")
    assert brief == load(K8SGATEWAY_NO_DESCRIPTIONS="true")
    for one, other in zip(full, brief, strict=True):
        schema = one["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        assert schema["description"]
        one["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = strip(schema)
        assert one == other, one["metadata"]["name"]


@SUITE.case("crds: a folder that cannot be written is said, with exit code 1")
def not_writable(scenario: Scenario) -> None:
    file = scenario.objects / "file"
    file.write_text("")
    result = Command(scenario)("crds", "-o", os.fspath(file / "crds"), code=1)
    assert str(file) in result.stderr, result.stderr
