# Two targets do all the set-up there is: `make demo` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=
# Three at a time: most tests wait for a worker, a store or a browser.
PYTEST := $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow install lint types contracts unit integration e2e chromium rabbitmq clean bench-queries bench-reports bench-overhead bench-hang truth test-matrix test-soft-limits

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

test: $(STAMP) chromium lint types contracts ## what every change needs: ruff, mypy, import contracts, all tests but the slow ones
	@echo "==> tests (about ten minutes on two cores)"
	@$(PYTEST) -m 'not slow' $(ARGS)

test-slow: $(STAMP) rabbitmq collector-if-go ## the tests that take long: the real Collector, RabbitMQ, faults at every hook, purging, retention, Compose
	@$(PYTEST) -m slow $(ARGS)

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

integration: $(STAMP) rabbitmq collector-if-go ## the tests with a real broker, real workers and the real store
	@$(PYTEST) tests/integration $(ARGS)

e2e: $(STAMP) chromium ## the tests in a real browser; they draw docs/screenshots
	@$(BIN)/python -m pytest tests/e2e $(ARGS)

.PHONY: collector collector-if-go test-outage bench-ingest
collector: ## build/collector/…/otelcol-taskmon: the Collector of collector-config, from Go modules, once per manifest
	@$(PYTHON) collector-config/build.py

collector-if-go:
	@$(PYTHON) collector-config/build.py >/dev/null || { [ $$? = 3 ] && echo "==> the tests with the real Collector will be skipped (they fail under CI)"; }

test-outage: $(STAMP) collector ## the store away for 60 s under 500 tasks/s through the real Collector; prints the counts (3 minutes)
	@$(BIN)/python -m pytest -q -s tests/outage/sixty_seconds.py $(ARGS)

.PHONY: test-jaeger compose-check
test-jaeger: $(STAMP) collector ## the same spans by a real Jaeger's API and in the tables, and Jaeger away (the first time builds Jaeger: 6 minutes)
	@$(BIN)/python -m pytest -q -s tests/jaeger/same_spans.py $(ARGS)

compose-check: $(STAMP) ## docker-compose.yml as Docker Compose reads it, and its services run without Docker
	@$(BIN)/python -m pytest -q tests/unit/test_compose.py tests/integration/test_compose_services.py $(ARGS)

chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "==> installing Chromium for the browser tests"; apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	  else echo "==> no Chromium found: the browser tests will be skipped (they fail under CI)"; fi; }

rabbitmq:
	@command -v rabbitmq-server >/dev/null || test -x /usr/sbin/rabbitmq-server || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "==> installing RabbitMQ for the tests of queues"; apt-get update -qq && \
	    RUNLEVEL=1 apt-get install -y -qq --no-install-recommends rabbitmq-server >/dev/null; \
	  else echo "==> no RabbitMQ found: its tests will be skipped (they fail under CI)"; fi; }

bench-queries: $(STAMP) ## the viewer's queries at a million tasks
	@$(BIN)/python -m bench.queries $(ARGS)

bench-reports: $(STAMP) ## reports, statistics and overview over ten days (ARGS="--tasks 10000000 --no-raw --data-dir DIR": the size of the goal, its load kept)
	@$(BIN)/python -m bench.reports $(ARGS)

bench-queues: $(STAMP) ## looking at queues and purging them, a million messages on Redis
	@$(BIN)/python -m bench.queues $(ARGS)

bench-overhead: $(STAMP) ## what a task costs in the worker, beside the stock instrumentation
	@$(BIN)/python -m bench.overhead $(ARGS)

bench-hang: $(STAMP) ## tasks and the worker's end beside a collector that never answers
	@$(BIN)/python -m bench.hung_collector $(ARGS)

bench-ingest: $(STAMP) collector ## spans/s and CPU per span: our receiver, the Collector, and raw spans alone
	@$(BIN)/python -m bench.ingest $(ARGS)

truth: $(STAMP) ## what is recorded held against what was executed, ours beside stock (ARGS=--write-docs: into the docs)
	@$(BIN)/python -m tests.truth $(ARGS)

test-soft-limits: $(STAMP) ## a soft time limit at 1 000 points before the body, some 1 400 in each of three publishes (4 minutes)
	@SOFT_LIMIT_POINTS=1000 $(BIN)/python -m pytest -q tests/integration/test_soft_limit_points.py $(ARGS)

.PHONY: test-publish-leaks test-purge-million test-instrumentations test-aa-taskmonitor bench-aa-taskmonitor bench-storage
test-publish-leaks: $(STAMP) ## 10 000 publishes that fail: nothing left open, nothing grows (one to two minutes)
	@FAILED_PUBLISHES=10000 $(BIN)/python -m pytest -q -s tests/integration/test_publish_leaks.py $(ARGS)

test-purge-million: $(STAMP) ## two purges by name among a million messages on Redis, a publisher and a worker going on (4 minutes, 3 GB)
	@$(BIN)/python -m pytest -q -s tests/purging/a_million.py $(ARGS)

test-instrumentations: $(STAMP) ## redis, requests, urllib3, SQLAlchemy and Django instrumentations beside ours in a real worker
	@$(BIN)/python -m pytest -q tests/instrumentations/beside_ours.py $(ARGS)

test-aa-taskmonitor: $(STAMP) ## the same executions recorded by aa-taskmonitor and by us, compared
	@$(BIN)/python -m pytest -q -s tests/aa_taskmonitor/side_by_side.py $(ARGS)

bench-aa-taskmonitor: $(STAMP) ## aa-taskmonitor's reports on its own table beside ours, a million tasks
	@$(BIN)/python -m bench.aa_taskmonitor $(ARGS)

bench-storage: $(STAMP) ## bytes per task by table and column, tasks of a real worker (4 minutes)
	@$(BIN)/python -m bench.storage $(ARGS)

test-matrix: $(STAMP) ## the worker's tests on Celery 5.3 to 5.7, an environment each (ARGS="--only 5.3,5.5")
	@$(BIN)/python -m tests.matrix $(ARGS)

clean: ## remove .venv, .matrix and caches
	rm -rf $(VENV) .matrix .mypy_cache .ruff_cache .pytest_cache .hypothesis
