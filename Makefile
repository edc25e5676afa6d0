# K8sGateway. `make run` shows it at work, `make test` passes every test; both set up what they need on Debian 12.

CACHE := $(or $(K8SGATEWAY_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/k8sgateway)
JOBS := $(shell nproc)
ROOT := $(if $(filter 0,$(shell id -u)),,sudo -E)
ENVOY := $(CACHE)/envoy-1.40.0
CLANG_FORMAT := $(CACHE)/clang-format-18.1.8
BUILD = cmake --preset $(1) >build/$(1).log 2>&1 || { cat build/$(1).log; exit 1; }; cmake --build build/$(1) -j$(JOBS)

.PHONY: help setup build all run test unit golden crds style format pages commands e2e resilience chart chart-values cluster plain sanitized fuzz bench bench-cluster bench-scale asan tsan clean

help: ## what can be made
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## install packages, fetch the pinned Envoy and its API
	@tools/setup.sh
	@mkdir -p build

build: setup ## build/release/k8sgateway and build/release/envoy
	@$(call BUILD,release) --target k8sgateway

all: setup ## the same, with the test programs and the benchmarks
	@$(call BUILD,release)

run: build ## serve examples/petstore with a small backend until Ctrl-C
	@tools/run_petstore.sh

test: all ## every test
	@$(MAKE) --no-print-directory -j2 plain sanitized
	@$(MAKE) --no-print-directory cluster tsan asan fuzz

plain: ## every test but those with sanitizers or a cluster, whose cases of load need the processors
	@$(MAKE) --no-print-directory -j1 unit golden style pages commands e2e resilience chart

# What those tests leave idle builds the programs of the last ones meanwhile, and gives way to them at once.
sanitized: all
	@cmake --preset asan >build/asan.log 2>&1 && cmake --preset tsan >build/tsan.log 2>&1
	@chrt --idle 0 cmake --build build/tsan -j$(JOBS) --target k8sgw_threads_test >>build/tsan.log 2>&1 || tail -n 50 build/tsan.log
	@chrt --idle 0 cmake --build build/asan -j$(JOBS) --target test_programs fuzz >>build/asan.log 2>&1 || tail -n 50 build/asan.log

unit: all ## unit, property and simulation tests
	@cd build/release && ctest -L unit -j$(JOBS) --output-on-failure

golden: all ## the golden cases; UPDATE_GOLDEN=1 rewrites what they expect
	@K8SGATEWAY_ENVOY=$(ENVOY) build/release/tests/k8sgw_golden_test --gtest_brief=1

e2e: all ## requests through the real Envoy, with whole route tables and with divided ones
	@python3 tests/e2e/run.py --preset release
	@python3 tests/e2e/run.py --preset release --divided

crds: build ## rewrite chart/crds after a change of proto files or their comments
	@build/release/k8sgateway crds -o chart/crds

style: setup ## folders use only those above them, and the code is formatted
	@python3 tests/style/check.py $(CLANG_FORMAT)

format: setup ## format the code
	@python3 tests/style/check.py $(CLANG_FORMAT) --mend

pages: ## user pages agree with the cases
	@python3 tests/pages/check.py

commands: all ## validate, explain and translate, word by word
	@python3 tests/e2e/commands.py --preset release

resilience: all ## whole processes: files that break, processes that die, ports that are taken
	@python3 tests/e2e/resilience.py --preset release

chart: build ## renderings of the chart, and what Helm, Envoy, promtool and `validate` say of them; UPDATE_GOLDEN=1 rewrites them
	@python3 tests/chart/run.py

chart-values: ## rewrite values.schema.json, files/empty.json and the tables of docs/helm.md after a change of chart/values.yaml or files/published.yaml
	@python3 tests/chart/schema.py

cluster: all ## cases on a real Kubernetes; needs root, and ten minutes or more the first time, which builds it
	@$(ROOT) python3 tests/cluster/run.py --preset release

fuzz: setup ## inputs made at random, with sanitizers, by clang; RUNS=1000000 makes more of them
	@$(call BUILD,asan) --target fuzz
	@python3 tests/fuzz/run.py $(if $(RUNS),--runs $(RUNS))

bench: all ## speed and size beside their floors; rewrites docs/benchmarks.md, and fails when a promise is not kept
	@build/release/benchmarks/k8sgw_bench --gateway build/release/k8sgateway --envoy build/release/envoy --json build/figures.json
	@python3 benchmarks/report.py build/figures.json docs
	@$(MAKE) --no-print-directory bench-cluster
	@python3 benchmarks/report.py --kept build/figures.json build/cluster.json

bench-cluster: all ## the part of it that needs a cluster, which comes up for it; needs root
	@benchmarks/kube/run.sh build/release $(ENVOY) build/cluster.json
	@python3 benchmarks/report.py build/cluster.json docs cluster

bench-scale: all ## how cost grows with size, up to 50,000 VirtualServices and 1,000 clients; rewrites docs/scale.md
	@build/release/benchmarks/k8sgw_bench --scale --gateway build/release/k8sgateway --envoy $(ENVOY) --json build/scale.json
	@python3 benchmarks/report.py build/scale.json docs scale

asan: setup ## unit, simulation and golden tests with the address and undefined-behaviour sanitizers
	@$(call BUILD,asan) --target test_programs
	@cd build/asan && ASAN_OPTIONS=detect_leaks=1 SIMULATION_STEPS=60 ctest -L 'unit|golden' -j$(JOBS) --output-on-failure

tsan: setup ## all that threads share, with the thread sanitizer (Debian's gRPC is built without it, so it stays out)
	@$(call BUILD,tsan) --target k8sgw_threads_test
	@cd build/tsan && ctest -R threads --output-on-failure

clean: ## remove what was built; caches outside the tree stay
	@rm -rf build
