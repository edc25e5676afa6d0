"""Another module takes the place of the one that serves, or fails to; both while requests are answered."""

import json
import pathlib
import shutil
import time

from harness.ports import free_port, is_open
from harness.process import APPLY_SECONDS, Process, replace_file
from harness.scenario import Scenario, Suite
from harness.sharding import Load, admin, envoy_with_module, module_of
from harness.waiting import wait_until

from .module import bootstrap, config_of, extension

SUITE = Suite()
_CONFIG = config_of()
_HOSTS = [f"h{i}.example.com" for i in range(40)]


class _Stage:
    """A running Envoy whose listener comes from a file, and whose modules lie in a folder of the case."""

    def __init__(self, scenario: Scenario) -> None:
        self.modules = scenario.folder / "modules"
        self.modules.mkdir()
        self.put_module("k8sgateway_3", module_of(scenario.preset))
        self._source = module_of(scenario.preset)
        self._listeners = scenario.folder / "listeners.json"
        self.port, self.admin_port = free_port(), free_port()
        config = bootstrap(_CONFIG, self.port, self.admin_port, 1)
        self._listener = config["static_resources"].pop("listeners")[0]
        self._manager = self._listener["filter_chains"][0]["filters"][0]["typed_config"]
        routes = self._manager["scoped_routes"]["scoped_route_configurations_list"]
        for scope in routes["scoped_route_configurations"]:
            scope["route_configuration"]["virtual_hosts"][0]["routes"] = [
                {
                    "match": {"prefix": "/"},
                    "direct_response": {"status": 200, "body": {"inline_string": "here"}},
                }
            ]
        config["node"] = {"id": "n", "cluster": "c"}
        config["dynamic_resources"] = {
            "lds_config": {
                "path_config_source": {"path": str(self._listeners)},
                "resource_api_version": "V3",
            }
        }
        self.listen("k8sgateway_3", _CONFIG)
        path = scenario.folder / "envoy.json"
        path.write_text(json.dumps(config))
        self.process = scenario.own(
            Process(
                [envoy_with_module(scenario.preset), "-c", str(path), "--concurrency", "2"]
                # Connections of the old listener are to end with an answer, within the time that the case has.
                + ["--disable-hot-restart", "-l", "warning", "--drain-time-s", "1", "--drain-strategy", "immediate"],
                {"ENVOY_DYNAMIC_MODULES_SEARCH_PATH": str(self.modules)},
            )
        )
        wait_until(lambda: is_open(self.port), "the listener", APPLY_SECONDS)

    def put_module(self, name: str, source: pathlib.Path) -> None:
        """Puts a module in its place in one step."""
        part = self.modules / "part"
        shutil.copy(source, part)
        part.rename(self.modules / f"lib{name}.so")

    def put_another(self, name: str) -> None:
        """The same function in another file."""
        self.put_module(name, self._source)

    def listen(self, module: str, text: str) -> None:
        """Gives Envoy its listener with this module and configuration."""
        self._manager["early_header_mutation_extensions"] = [extension(text, module)]
        resource = {
            "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
            **self._listener,
        }
        replace_file(self._listeners, json.dumps({"resources": [resource]}))

    def stat(self, name: str) -> int:
        """A counter of the listener manager."""
        line = admin(self.admin_port, f"/stats?filter=^listener_manager.{name}$")
        return int(line.rsplit(":", 1)[1]) if ":" in line else 0

    def await_more(self, name: str, before: int) -> None:
        """Waits until a counter has grown."""
        wait_until(lambda: self.stat(name) > before, f"more {name} than {before}", APPLY_SECONDS)


@SUITE.case("module: another takes its place under load, and no request is lost")
def swap(scenario: Scenario) -> None:
    stage = _Stage(scenario)
    load = Load(stage.port, dict.fromkeys(_HOSTS, "here"))
    for number in (1, 2, 3, 1, 2, 3):
        # A file that Envoy has may be put anew as well, as long as that is done in one step.
        stage.put_another(f"k8sgateway_{number}")
        before = stage.stat("listener_create_success")
        stage.listen(f"k8sgateway_{number}", _CONFIG)
        stage.await_more("listener_create_success", before)
        time.sleep(0.3)
    load.stop()


@SUITE.case("module: one that cannot be loaded is counted, and the old listener serves on")
def failures_are_counted(scenario: Scenario) -> None:
    stage = _Stage(scenario)
    (stage.modules / "libbroken.so").write_text("no program")
    load = Load(stage.port, dict.fromkeys(_HOSTS, "here"))
    refused = (("missing", _CONFIG), ("broken", _CONFIG), ("k8sgateway_3", "2 8 h p/"))
    for module, text in refused:
        before = stage.stat("lds.update_rejected")
        stage.listen(module, text)
        stage.await_more("lds.update_rejected", before)
    load.stop()
    metrics = admin(stage.admin_port, "/stats/prometheus").splitlines()
    counted = {
        line.split("{")[0]: int(line.rsplit(" ", 1)[1])
        for line in metrics
        if line.startswith("envoy_dynamic_modules_")
    }
    assert counted.get("envoy_dynamic_modules_module_load_error") == 2, counted
    assert counted.get("envoy_dynamic_modules_config_init_error") == 1, counted
