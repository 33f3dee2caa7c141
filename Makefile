# Two targets do all the set-up there is: `make demo` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=
# Two at a time: most tests wait for a worker, a store or a browser.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo test install lint types contracts unit integration e2e chromium clean bench-queries bench-overhead

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

install: $(STAMP) ## make .venv with everything, from the constraints file

$(STAMP): pyproject.toml constraints.txt
	@echo "==> making $(VENV) (the first time takes a minute or two)"
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "otel-taskmon needs Python 3.11 or newer, this is " + sys.version.split()[0] + ": set PYTHON=")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "==> installing otel-taskmon and its dependencies (about 200 MB the first time)"
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(STAMP) ## broker, store, worker, publisher and viewer, on real tasks (ARGS="--once": run the load, check the counts, exit)
	@$(BIN)/taskmon demo $(ARGS)

test: $(STAMP) chromium lint types contracts ## everything a change needs: ruff, mypy, import contracts, all tests
	@echo "==> tests (about ten minutes on two cores)"
	@$(PYTEST) $(ARGS)

lint: $(STAMP)
	@echo "==> ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(STAMP)
	@echo "==> mypy --strict"
	@$(BIN)/mypy

contracts: $(STAMP)
	@echo "==> import contracts"
	@$(BIN)/lint-imports

unit: $(STAMP) ## the tests that need no network
	@$(PYTEST) tests/unit $(ARGS)

integration: $(STAMP) ## the tests with a real broker, real workers and the real store
	@$(PYTEST) tests/integration $(ARGS)

e2e: $(STAMP) chromium ## the tests in a real browser; they draw docs/screenshots
	@$(BIN)/python -m pytest tests/e2e $(ARGS)

chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "==> installing Chromium for the browser tests"; apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	  else echo "==> no Chromium found: the browser tests will be skipped (they fail under CI)"; fi; }

bench-queries: $(STAMP) ## the viewer's queries at a million tasks
	@$(BIN)/python -m bench.queries $(ARGS)

bench-overhead: $(STAMP) ## what a task costs in the worker, beside the stock instrumentation
	@$(BIN)/python -m bench.overhead $(ARGS)

clean: ## remove .venv and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
