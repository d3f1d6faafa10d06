# Everything from a bare machine with Python 3.11 or newer: `make demo`, `make test`. See `make help`.

PYTHON ?= python3
PORT ?= 8000
SEEDS ?= 20
FIRST_SEED ?= 1
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
TOOLS := $(VENV)/.ready-tools
STEP := .ci/step
# The web pages: built where Node 20.19 or newer and npm are.
NODE_VERSION = process.versions.node.split(".").map(Number)
HAS_NODE = $(shell node -e 'const [a, b] = $(NODE_VERSION); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' \
	2>/dev/null && npm --version >/dev/null 2>&1 && echo yes)
PAGES := web/dist/.built
PAGE_SOURCES := $(shell find web -type f -not -path '*/node_modules/*' -not -path 'web/dist/*' -not -path 'web/src/gql/*')

# Test modules are compiled once, and not by every worker of every run.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help

help:  ## say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

$(READY): pyproject.toml uv.lock
	@PYTHON="$(PYTHON)" .ci/environment
	@touch $@

$(TOOLS): pyproject.toml uv.lock
	@PYTHON="$(PYTHON)" .ci/environment tools
	@touch $(READY) $@

demo: $(READY)  ## serve everything on 127.0.0.1:8000 (PORT=… changes it), with orders, tokens and examples
	@$(if $(HAS_NODE),$(MAKE) --silent web || echo "The pages were not built. The API is whole without.", \
		echo "The pages need Node 20.19 or newer and npm, which are not here. The API is whole without.")
	@PORT=$(PORT) $(RUN) -m cli demo

dev: $(READY)  ## serve and start again when a file changes
	@PORT=$(PORT) $(RUN) -m watchfiles --filter python '$(RUN) -m cli demo' .

web/node_modules/.ready: web/package.json web/package-lock.json
	@$(STEP) "Installing the packages of the pages" npm --prefix web ci --no-audit --no-fund
	@touch $@

$(PAGES): web/node_modules/.ready $(PAGE_SOURCES) schema/schema.graphql
	@$(STEP) "Building the pages" npm --prefix web run --silent build
	@touch $@

web: $(PAGES)  ## build the explorer and the example checkout (needs Node 20.19 or newer and npm)

test-web: $(TOOLS) $(PAGES)  ## test both pages in a real Chromium (CHROMIUM=/usr/bin/chromium), against a demo of their own
	@cd web && npm run --silent test

test: $(TOOLS)  ## run all tests, and say which twenty took longest
	@$(RUN) -m pytest -n auto --maxprocesses 4 --dist worksteal -q -m "not attack" --durations=20

test-quick: $(TOOLS)  ## run the tests of a room in under a minute (ROOM=services/money; without it, of what differs from main)
	@$(RUN) -m tests.repository.quick_tests $(ROOM)

test-clients: $(TOOLS)  ## test real GraphQL clients of Node, and of Kotlin where Java is, against a running server; needs Node 20 and npm
	@cd clients/compat && npm ci --silent --no-audit --no-fund && npm test --silent
	@cd clients/typescript && npm ci --silent --no-audit --no-fund && npm run build --silent && npm test --silent
	@java -version >/dev/null 2>&1 || echo "SKIPPED: the Kotlin of docs/clients. It needs Java 17."
	@! java -version >/dev/null 2>&1 || { cd clients/kotlin && npm ci --silent --no-audit --no-fund && npm test --silent; }

bench: $(TOOLS)  ## measure Paygraph beside a hand-written limit and Node's servers, for about 25 minutes (BENCH="--rows 10000 --only W1")
	@$(RUN) -m benchmarks $(BENCH)

attack: $(TOOLS)  ## break everything, at every point and at random, for half an hour (SEEDS=20 storms, FIRST_SEED=1, ATTACK_EXAMPLES=300 lives)
	@SEEDS=$(SEEDS) FIRST_SEED=$(FIRST_SEED) $(RUN) -m pytest -n auto --maxprocesses 4 --dist worksteal -q -m "attack or short"

model: $(TOOLS)  ## explore every state of the protocol, and what it would be without each rule (needs spin and gcc; MODEL=NO_CLIFF shows one)
	@$(RUN) -m tests.protocol $(MODEL)

lint: $(TOOLS)  ## check the style
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .

types: $(TOOLS)  ## check the types
	@$(RUN) -m mypy

ci: lint types test  ## check everything that must pass before a change lands

schema: $(READY)  ## write schema/schema.graphql from the code
	@$(RUN) -m cli schema --write

migration: $(READY)  ## write a migration for what changed in models/ (NAME=what_it_is_for)
	@$(RUN) -m database.new_migration $(NAME)

examples: $(TOOLS)  ## write the code that docs/clients shows into its pages, from the files that tests run
	@$(RUN) -m tests.repository.documents.shown_code

house: $(TOOLS)  ## draw the picture of the rooms in docs/architecture.md from the imports
	@$(RUN) -m tests.repository.documents.house_picture

migrate: $(READY)  ## bring the database that DATABASE_URL names up to date
	@$(RUN) -m cli migrate

reset: $(READY)  ## forget the demo's data
	@$(RUN) -m cli reset

clean:  ## delete the virtual environment and the caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis web/node_modules web/dist web/src/gql

.PHONY: help demo dev web test-web test test-quick test-clients bench attack model lint types ci schema migration examples house migrate reset clean
