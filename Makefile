# Needs Python 3.11, 3.12 or 3.13 with pip, and make. Everything else goes into .venv/ and .tools/ here.
# Another Python: make PYTHON=/path/to/python3.12 test. More for pytest: make test ARGS="-k envelope".

.DEFAULT_GOAL := help
.PHONY: help setup setup-torch demo test test-fast test-security test-gvisor test-vm coverage-fence coverage-rules check format docs-check bench run clean

BIN := .venv/bin
ARGS ?=
export PYTHON

# One worker a core, at most 8 since a test may start a server of its own (some 120 MB each).
# A file stays on one worker, so that a server started for a file is started once.
PARALLEL := -n logical --maxprocesses 8 --dist loadfile

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r name text; do printf '%-22s%s\n' "$$name" "$$text"; done

setup:  ## make .venv, or bring it up to date; every target below does this first
	@.ci/bootstrap

setup-torch: setup  ## torch as well, without CUDA; the next change of uv.lock takes it out again
	@.ci/torch

demo: setup  ## the main job: launch, upload, request, approve, run, release
	@$(BIN)/python examples/demo.py

test: setup  ## every test but those at level gvisor
	$(BIN)/pytest -q $(PARALLEL) tests $(ARGS)

test-fast: setup  ## unit and property tests and the architecture, no servers
	$(BIN)/pytest -q $(PARALLEL) $(wildcard tests/unit tests/property) tests/test_architecture.py $(ARGS)

test-security: setup  ## what must fail, and does
	$(BIN)/pytest -q $(PARALLEL) tests/security $(ARGS)

test-vm: setup  ## control groups, in a virtual machine; needs qemu-system-x86 and, once, Debian's archive
	@tests/vm/fetch
	$(BIN)/pytest -q tests/vm $(ARGS)

test-gvisor: setup  ## the sandbox's tests at level gvisor, which take some twenty minutes; needs runsc
	$(BIN)/pytest -q -m gvisor --timeout 600 tests/contracts/test_runner.py tests/security $(ARGS)

coverage-fence: setup  ## branch coverage of src/syft/sandbox, in the processes behind the fence, too
	@$(BIN)/python tests/support/fence_coverage.py $(ARGS)

coverage-rules: setup  ## branch coverage of what decides (access, policy, envelope, dispatch, approval); complete, or it fails
	@$(BIN)/python tests/support/rules_coverage.py $(ARGS)

docs-check: setup  ## the documents against the source: modules, layers, error codes, commands, links
	$(BIN)/pytest -q tests/docs $(ARGS)

check: setup  ## lint, format and types; all are run, failures are counted at the end
	@failed=0; \
	try() { echo "== $$*"; "$$@" || failed=$$((failed + 1)); echo; }; \
	try $(BIN)/ruff check .; \
	try $(BIN)/ruff format --check .; \
	try $(BIN)/mypy --strict; \
	if [ $$failed -eq 0 ]; then echo "check: all 3 passed"; else echo "check: $$failed of 3 FAILED"; exit 1; fi

format: setup  ## put imports and layout in order
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: setup  ## the benchmarks, as JSON
	@$(BIN)/python benchmarks/bench_datasite.py $(ARGS)

run: setup  ## a server here, until Ctrl-C; ARGS="--help" lists its options
	@$(BIN)/syft launch $(ARGS)

clean:  ## remove everything the targets above have made
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* htmlcov dist build demo-output
	find $(wildcard src tests examples benchmarks) -name __pycache__ -type d -prune -exec rm -rf {} +
