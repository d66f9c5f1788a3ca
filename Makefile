# Cordon: `make run` serves the demo, `make test` checks everything. Needs Python >= 3.11 and make.

PYTHON ?= python3
PORT   ?= 8080
UV     ?= uv

BIN       := .venv/bin
LOCKED    := .venv/.locked
INSTALLED := .venv/.installed
COMPILE    = "$(UV)" pip compile --quiet --no-config --universal --generate-hashes --python-version 3.11 --no-header $(UPGRADE)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup run test lint cases bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

setup: $(INSTALLED) ## create .venv from the locked requirements

$(LOCKED): requirements/dev.txt
	@"$(PYTHON)" -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and \
	  "Cordon needs Python 3.11 or later, and $(PYTHON) is %d.%d: name another, as in make PYTHON=python3.12" % v[:2])'
	@echo "Creating .venv from requirements/dev.txt: a minute or so, once"
	@"$(PYTHON)" -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $(LOCKED)

$(INSTALLED): $(LOCKED) pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $(INSTALLED)

run: setup ## serve the demo on 127.0.0.1, PORT=8080
	@$(BIN)/cordon serve --data demo --gateways deploy/gateways/gateways.yaml --host 127.0.0.1 --port $(PORT)

test: lint cases ## lint, types, import contracts, case files and every test
	$(BIN)/python -m pytest

lint: setup ## ruff, mypy and import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

cases: setup ## run the case files
	$(BIN)/cordon test tests/cases demo/cases

bench: setup ## measure the hot path against its budget, in under 5 minutes (needs nginx and wrk)
	$(BIN)/python -m loadtests.bench $(BENCH)

lock: ## resolve requirements/*.in again; UPGRADE=--upgrade for the newest versions (needs uv)
	$(COMPILE) requirements/dev.in -o requirements/dev.txt
	$(COMPILE) -c requirements/dev.txt requirements/runtime.in -o requirements/runtime.txt
	$(COMPILE) -c requirements/dev.txt requirements/build.in -o requirements/build.txt

clean: ## remove .venv, caches and what was built
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
