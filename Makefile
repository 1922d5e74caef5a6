# Every target sets up what it needs by itself; `make` alone says what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
MODEL ?= taxi
# Tests wait for servers much of the time: three keep two cores busy.
WORKERS ?= 3
# What is downloaded stays inside the repository, unless the caller shares a cache.
export UV_CACHE_DIR ?= $(CURDIR)/.azureml-local/cache/uv
export UV_SYSTEM_CERTS ?= 1
export UV_NATIVE_TLS ?= 1
READY := $(VENV)/.ready

.PHONY: help
help: ## what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): infrastructure/locks/dev.txt infrastructure/locks/uv.txt pyproject.toml scripts/bootstrap.sh
	@scripts/bootstrap.sh $(VENV)

.PHONY: setup
setup: $(READY) ## the development environment, from the lock files

.PHONY: demo
demo: $(READY) ## train, register and deploy MODEL (taxi) on the local workspace, through the real workflows
	@$(BIN)/azureml-local demo $(MODEL)

.PHONY: new-model
new-model: ## a new model that trains at once: make new-model NAME=churn
	@python3 scripts/new_model.py '$(NAME)'

.PHONY: test
test: $(READY) ## all tests: unit, wire (real az and SDK), workflow (real act)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

.PHONY: test-unit
test-unit: $(READY) ## the tests that take milliseconds
	@$(BIN)/python -m pytest tests/unit

.PHONY: lint
lint: $(READY) ## workflows and actions, shell, Python style and types
	@$(BIN)/python tests/lint.py

.PHONY: coverage-table
coverage-table: $(READY) ## write infrastructure/local/COVERAGE.md: what the local workspace does, refuses and ignores
	@$(BIN)/python -m azureml_local.coverage

.PHONY: docs
docs: ## write docs/troubleshooting.md from the table of known failures
	@PYTHONPATH=scripts:tests python3 -B -m support.troubleshooting

.PHONY: pictures
pictures: $(READY) ## the pictures of the pages, from a real demo and a second training
	@$(BIN)/uv run --quiet --no-project --with rich==14.2.0 python tests/pictures.py

.PHONY: bench
bench: $(READY) ## ratios measured side by side in one run
	@$(BIN)/python tests/bench.py

.PHONY: clean
clean: ## stop the local workspace; remove its state, caches and the development environment
	@if [ -x $(BIN)/azureml-local ]; then $(BIN)/azureml-local down; fi
	@rm -rf $(VENV) .azureml-local .pytest_cache .mypy_cache .ruff_cache build
