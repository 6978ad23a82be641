# Two commands matter: `make demo` and `make test`. Both set up all they need in .venv and .tools of this folder.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PY ?= python3
DEMO_ARGS ?=
TEST_ARGS ?=
WORKERS ?= 2
export PY
export UV_PYTHON_DOWNLOADS = never

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest

.PHONY: help setup demo test check bench soak clean warm

help: ## list the targets
	@echo "choirmaster: run many models as one, hear which one is off key"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "  PY=python3.12 chooses the interpreter, DEMO_ARGS=\"--quick\" and TEST_ARGS=\"-k name\" pass options on"

setup: ## make .venv with .venv/bin/choirmaster in it
	@sh scripts/setup.sh demo

demo: setup ## a year of real flights through four models, with a dashboard at the end
	@$(BIN)/choirmaster demo $(DEMO_ARGS)

.PHONY: setup-test
setup-test:
	@sh scripts/setup.sh test

test: setup-test ## run the whole test suite; skipped tests are listed at the end
	@$(PYTEST) -n $(WORKERS) --dist loadfile -q $(TEST_ARGS)

.PHONY: test-spark
test-spark: ## run the tests of the Spark engine; needs Java 17, installs PySpark (500 MB) first
	@sh scripts/setup.sh spark
	@$(PYTEST) -q -m spark tests/spark $(TEST_ARGS)

check: setup-test ## format, lint, types, floors, documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST) -q $(wildcard tests/architecture tests/docs)

bench: setup-test ## measure the scan: seconds, rows a second, memory, ratio to the plain read
	@$(BIN)/python -m benchmarks $(BENCH_ARGS)

soak: setup-test ## the long runs: more examples, more kills
	@CHOIRMASTER_SOAK=1 $(PYTEST) -n $(WORKERS) --dist loadfile -q --hypothesis-profile=soak --timeout 3600 $(TEST_ARGS)

warm: setup ## compile the kernels into the cache now
	@$(BIN)/choirmaster warm

clean: ## remove what was built here: environments, caches, outputs (never data)
	rm -rf .venv .tools build dist out demo-out .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
