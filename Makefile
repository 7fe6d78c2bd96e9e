# What a developer and CI call. Needs python3.11 or newer and make; everything else comes from
# requirements/, with hashes. `make test` and `make up` are all one needs to know.

# Of the interpreters named python3.11 the quickest, which is told by trying: one that was built with profile-guided
# optimization, as Debian's and the official images' are, works a quarter faster than one that was not.
PYTHON = $(or $(shell for python in $$(which -a python3.11 2>/dev/null); do \
	$$python -c 'import ensurepip, sys, timeit; print(min(timeit.repeat("[str(i) for i in range(99)]", number=500, repeat=9)), sys.executable)' 2>/dev/null; \
	done | sort -g | head -n 1 | cut -d " " -f 2),$(shell command -v python3))
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2
SEED ?=
MINUTES ?= 5
EVENTS ?= 2000
ARGS ?=
GROWTH ?= 20000000

.DEFAULT_GOAL := help
.PHONY: help install up down test test-faults stripe-faults webhook-storm test-stripe torture mutants check format journal bench bench-growth bench-analytics bench-webhooks bench-refill lock migrate clean

help: ## show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-15s %s\n", $$1, $$2}'

install: $(STAMP) ## the environment in .venv

# One stamp: the environment is as old as the lock file and the list of what the project needs.
$(STAMP): requirements/dev.txt pyproject.toml
	@test -x $(BIN)/python && $(BIN)/python -m pip --version >/dev/null 2>&1 || { \
		python="$(PYTHON)"; \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
			echo "Python 3.11 or newer is needed: '$$python' is not. Name one: make PYTHON=/path/to/python"; exit 1; }; \
		"$$python" -m venv --clear $(VENV) \
			|| { "$$python" -m venv --clear --without-pip $(VENV) \
				&& "$$python" -m pip --python $(BIN)/python install --quiet pip; }; }
	@echo "Installing what requirements/dev.txt names into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

up: install ## everything on this machine, until Ctrl-C; ARGS="--detach --port 8500"
	@$(BIN)/credit-ledger up $(ARGS)

down: install ## stop what `make up ARGS=--detach` left running
	@$(BIN)/credit-ledger down $(ARGS)

test: install ## all tests, on servers of their own; ARGS="-k holds"
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

test-faults: install ## kill, cut off and stop real processes under load, small sizes; ARGS="-k bank"
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m faults -rPs tests $(ARGS)

stripe-faults: install ## customers buy while Stripe, its webhooks and workers fail; SEED=7 EVENTS=100000, into .credit-ledger/stripe-faults.json
	@$(BIN)/python -m tests.faults.stripe $(if $(SEED),--seed $(SEED)) --events $(EVENTS) $(ARGS)

webhook-storm: install ## events to twenty receivers, half of which fail; SEED=7 EVENTS=10000, into .credit-ledger/webhook-storm.json
	@$(BIN)/python -m tests.faults.storm $(if $(SEED),--seed $(SEED)) --events $(EVENTS) $(ARGS)

test-stripe: install ## the sandbox's tests against Stripe's test mode; STRIPE_TEST_KEY=sk_test_…
	@test -n "$$STRIPE_TEST_KEY" || { echo "STRIPE_TEST_KEY is not set: a key of a Stripe account in test mode"; exit 2; }
	@$(BIN)/python -m pytest -n 0 -rs tests/sandbox $(ARGS)

torture: install ## everything under load and random faults; SEED=7 MINUTES=10, into .credit-ledger/torture.json
	@$(BIN)/python -m tests.faults.torture $(if $(SEED),--seed $(SEED)) --minutes $(MINUTES) $(ARGS)

mutants: install ## break the source by hand, fault by fault: a named test must find each; ARGS="lock bell"
	@$(BIN)/python -m tests.mutants $(ARGS)

check: install ## what must hold before a merge, besides the tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install ## put the code in the agreed form
	$(BIN)/ruff check --fix --quiet
	$(BIN)/ruff format

journal: install ## stream a journal.csv of a million records, and show the server's memory
	@LEDGER_TEST_JOURNAL_RECORDS=1000000 $(BIN)/python -m pytest tests/finance/test_stream.py -k large $(ARGS)

bench: install ## measure the claims on speed, into .credit-ledger/bench.json
	@$(BIN)/python -m tests.bench $(ARGS)

bench-growth: install ## posts on full books beside posts on empty ones; GROWTH=1000000 for a trial
	@$(BIN)/python -m tests.bench.growth --postings $(GROWTH) $(ARGS)

bench-analytics: install ## analytics of a wallet with a million events beside the plain query
	@$(BIN)/python -m tests.bench.analytics $(ARGS)

bench-webhooks: install ## how soon events are sent, how many a second, and beside receivers that fail
	@$(BIN)/python -m tests.bench.webhooks $(ARGS)

bench-refill: install ## how soon a card is asked when a wallet runs low, and what looking at 100,000 wallets costs
	@$(BIN)/python -m tests.bench.refill $(ARGS)

migrate: install ## bring the database in LEDGER_DATABASE_URL to the newest schema
	@$(BIN)/credit-ledger migrate $(ARGS)

# The widest set is resolved first, and the others take their versions from it.
LOCK = $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header $(ARGS)
lock: install ## resolve requirements/*.txt again; ARGS=--upgrade takes newer versions
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(LOCK) --extra dev --output-file requirements/dev.txt
	$(LOCK) --extra server --constraint requirements/dev.txt --output-file requirements/server.txt
	$(LOCK) --constraint requirements/dev.txt --output-file requirements/base.txt

clean: ## remove what was built; the data in .credit-ledger stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
