# Everything from a bare machine with Python 3.11 or newer: `make demo`, `make test`. See `make help`.

PYTHON ?= python3
PORT ?= 8000
SEEDS ?= 20
FIRST_SEED ?= 1
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready

.DEFAULT_GOAL := help

help:  ## say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

$(READY): pyproject.toml uv.lock
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check uv
	@$(RUN) -m uv sync --quiet --frozen --inexact --extra test
	@touch $@

demo: $(READY)  ## serve everything on 127.0.0.1:8000 (PORT=… changes it), with orders, tokens and examples
	@PORT=$(PORT) $(RUN) -m cli demo

dev: $(READY)  ## serve and start again when a file changes
	@PORT=$(PORT) $(RUN) -m watchfiles --filter python '$(RUN) -m cli demo' .

test: $(READY)  ## run all tests
	@$(RUN) -m pytest -n auto --maxprocesses 4 --dist worksteal -q -m "not attack"

test-clients: $(READY)  ## test real GraphQL clients of Node against a running server; needs Node 20 or newer and npm
	@cd clients/compat && npm ci --silent --no-audit --no-fund && npm test --silent
	@cd clients/typescript && npm ci --silent --no-audit --no-fund && npm run build --silent && npm test --silent

attack: $(READY)  ## break everything, at every point and at random, for half an hour (SEEDS=20 storms, FIRST_SEED=1, ATTACK_EXAMPLES=300 lives)
	@SEEDS=$(SEEDS) FIRST_SEED=$(FIRST_SEED) $(RUN) -m pytest tests/attack -n auto --maxprocesses 4 --dist worksteal -q

lint: $(READY)  ## check the style
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .

types: $(READY)  ## check the types
	@$(RUN) -m mypy

ci: lint types test  ## check everything that must pass before a change lands

schema: $(READY)  ## write schema/schema.graphql from the code
	@$(RUN) -m cli schema --write

migrate: $(READY)  ## bring the database that DATABASE_URL names up to date
	@$(RUN) -m cli migrate

reset: $(READY)  ## forget the demo's data
	@$(RUN) -m cli reset

clean:  ## delete the virtual environment and the caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

.PHONY: help demo dev test test-clients attack lint types ci schema migrate reset clean
