# One door to everything a developer or operator does here. Everything Python lives in .venv;
# outside this folder only Debian packages are touched, and those only as root and only when missing.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# An empty environment has no PATH and no locale.
export PATH := $(or $(PATH),/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
export LC_ALL := C.UTF-8
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ROUNDS ?= 20
RACE_S ?= 60
EVERY  ?= 20
CONTACTS ?= 1000000

.PHONY: help setup run test check bench crash stop-race hearing screenshots faults mutants docs lock clean

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-zA-Z%-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.dev ## Make .venv with everything to run, test and check

run: $(VENV)/.run ## Start Forbear with a sample account, registry and list (Ctrl-C stops it)
	@exec $(BIN)/forbear serve --sample

test: $(VENV)/.dev test-system ## Run every test (as root, installs the Debian packages they need)
	@$(BIN)/python -m pytest -q

check: $(VENV)/.dev ## Format, lint, types, import contracts, house rules, migrations (no database)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/house

bench: $(VENV)/.dev ## Run every benchmark in full (QUICK=1: small ones)
	@for name in wash decide stop; do QUICK=$(QUICK) $(BIN)/python -m bench.$$name; done

bench-%: $(VENV)/.dev ## Run one benchmark: bench-wash, bench-decide, bench-stop (QUICK=1: a small one)
	@QUICK=$(QUICK) $(BIN)/python -m bench.$*

crash: $(VENV)/.dev ## Kill server and database under load and look for losses (ROUNDS=20)
	@$(BIN)/python -m bench.crash --rounds $(ROUNDS)

stop-race: $(VENV)/.dev ## Race stops against everything for a minute while all of it is killed; judge it from the log
	@$(BIN)/python -m bench.stop_race --seconds $(RACE_S)

hearing: $(VENV)/.dev ## Measure how well people are heard, by language, and write docs/hearing.md's table
	@$(BIN)/python -m bench.hearing --write

screenshots: $(VENV)/.dev test-system ## Take the pictures of the public pages anew (docs/screens)
	@$(BIN)/python -m tools.screenshots

faults: $(VENV)/.dev ## Plant small faults in the rules and count what the worked examples catch (RULES=us.fl: some)
	@$(BIN)/python -m tools.plant_faults $(RULES) $(if $(CASES),--cases $(CASES)) --survivors build/survivors.txt

twins: $(VENV)/.dev ## Compare the kernel with its twin on CONTACTS=1000000 drawn contacts, rule by rule
	@$(BIN)/python -m tools.compare_twins --contacts $(CONTACTS)

mutants: $(VENV)/.dev ## Plant faults in the kernel's code and list what no test notices (EVERY=20: a sample; all of them take hours)
	@$(BIN)/python -m tools.mutate_kernel --every $(EVERY)

docs: $(VENV)/.run ## Write docs/coverage.md anew from the rulebook
	@$(BIN)/forbear rulebook coverage --write docs/coverage.md

lock: $(VENV)/.dev ## Pin and hash the requirements anew (maintainers)
	@$(BIN)/python -m pip install -q uv
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" --extra build pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" --extra build --extra dev --extra bench -c requirements.lock pyproject.toml -o requirements-dev.lock

clean: ## Remove .venv and caches (data stays)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build src/*.egg-info

# What tests need besides Python: a browser with a font for the pages, and Go's own Merkle tree for the log.
.PHONY: test-system
test-system:
	@missing=""; \
	command -v chromium >/dev/null || missing+=" chromium"; \
	[ -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf ] || missing+=" fonts-dejavu-core"; \
	command -v go >/dev/null || missing+=" golang-go"; \
	[ -d /usr/share/gocode/src/golang.org/x/mod/sumdb/tlog ] || missing+=" golang-golang-x-mod-dev"; \
	[ -z "$$missing" ] && exit 0; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
	  echo "The tests need these Debian packages:$$missing" >&2; exit 3; fi; \
	echo "Installing for the tests (once):$$missing"; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends $$missing >/dev/null

$(VENV)/.made:
	@command -v $(PYTHON) >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && { apt-get update -q && apt-get install -qy --no-install-recommends python3 python3-venv; }; } \
	  || { echo "Forbear needs Python 3.11 or newer with venv (Debian: apt-get install python3 python3-venv)." >&2; exit 3; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Forbear needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Try: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 3; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && { apt-get update -q && apt-get install -qy --no-install-recommends python3-venv; }; } \
	  || { echo "Python's venv is missing (Debian: apt-get install python3-venv)." >&2; exit 3; }
	@echo "Making $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.made requirements.lock pyproject.toml
	@echo "Installing what Forbear needs to run (once)"
	@$(BIN)/python -m pip install -qq --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	@echo "Installing what tests, checks and benchmarks need (once)"
	@$(BIN)/python -m pip install -qq --require-hashes -r requirements-dev.lock
	@touch $@
