# `make` lists the targets. Everything installs by itself into .venv; nothing else on the machine is touched.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.installed
UV = $$(uv --version >/dev/null 2>&1 && echo uv || echo $(BIN)/uv)

# Set, it makes every Airflow process compile all of its modules again: twice the time per task.
unexport PYTHONDONTWRITEBYTECODE
# Airflow's components and the stand-in import `include` and `sandbox` from here, as Astro's image does.
export PYTHONPATH := $(CURDIR)

.PHONY: chaos help demo stop clean test test-fast rules laws-long mutants incident incident-next bench-apply bench-extract bench-memory check lock venv parts rehearsal clock

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: $(READY)  ## sync a sample university into a Moodle stand-in (ONCE=1: check the result, stop, exit code)
	@$(BIN)/python -m sandbox.demo start $(if $(filter-out 0,$(ONCE)),--once)

stop:  ## stop everything that `make demo` started
	@if [ -d .sandbox/processes ]; then \
	    $(MAKE) -s $(READY) && $(BIN)/python -m sandbox.demo stop; \
	else echo "nothing is running"; fi

clean: stop  ## stop, and remove all that was made here, the virtual environment too
	@rm -rf .sandbox .airflow .runs .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .mutants
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

test: check parts $(READY)  ## all checks and all tests, end to end through Airflow too (REQUIRE_ALL=1: no part may be missing)
	$(BIN)/python -m pytest -m "not alone" -n 2 $(PYTEST_ARGS)
	$(BIN)/python -m pytest -m alone $(PYTEST_ARGS)

test-fast: $(READY)  ## the tests that need no Airflow, no browser and no whole run
	$(BIN)/python -m pytest -m "not slow" -n 2 $(PYTEST_ARGS)

rules: $(READY)  ## show that the tests of every rule notice when it is broken (long)
	$(BIN)/python -m tests.broken

laws-long: $(READY)  ## show 10,000 generated universities to the laws (an hour or two; LAWS_EXAMPLES=500: fewer)
	nice $(BIN)/python -m tests.laws --universities $(or $(LAWS_EXAMPLES),10000) $(LAWS_ARGS)

mutants: $(READY)  ## show that tests notice small mistakes in the engine (hours; MUTANTS=diff or breaker; KEEP=1: kills stand)
	nice -n 19 $(BIN)/python -m tests.mutants $(MUTANTS) $(if $(filter-out 0,$(KEEP)),--keep)

chaos: $(READY)  ## syncs whose calls meet faults or that are killed, each healed by the next (CHAOS_RUNS=20, CHAOS_KILLS=5)
	nice $(BIN)/python -m tests.chaos --runs $(or $(CHAOS_RUNS),20) --kills $(or $(CHAOS_KILLS),5) \
	    --seed $(or $(CHAOS_SEED),1000)

clock: parts $(READY)  ## real Airflows by a clock that is set, and a backfill beside the nightly run (CLOCK=moments or backfill: one)
	nice $(BIN)/python -m tests.clock $(CLOCK)

incident: $(READY)  ## replay the incident of 2021 step by step, every lock taken away in turn (TENTH=1: a tenth of it)
	@$(BIN)/python -m tests.incident $(if $(filter-out 0,$(TENTH)),--tenth)

incident-next: $(READY)  ## what came after it: the deleted groups of Term 1 are brought back by a backfill (TENTH=1)
	@$(BIN)/python -m tests.incident --next-step $(if $(filter-out 0,$(TENTH)),--tenth)
rehearsal: $(READY)  ## switch a term off over a rollover and on again, counting calls at the site (SIZE=small: a minute)
	nice $(BIN)/python -m tests.rehearsal --size $(or $(SIZE),ucl)

bench-apply: $(READY)  ## the executor beside a client with one call per object (minutes; BENCH_ARGS="--in-flight 1")
	$(BIN)/python -m bench.apply $(BENCH_ARGS)

bench-extract: $(READY)  ## reading five million memberships beside pandas.read_sql (minutes)
	$(BIN)/python -m bench.extract

bench-memory: $(READY)  ## memory of applying a plan of a million changes (minutes)
	$(BIN)/python -m bench.memory

check: $(READY)  ## ruff, mypy (strict on the engine), import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The real parts that tests run against are installed where that is ours to do: as root on Debian. Elsewhere the
# tests that need a missing one are listed at the end.
parts:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    missing=; \
	    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$$missing postgresql"; \
	    command -v chromium >/dev/null || missing="$$missing chromium"; \
	    ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || missing="$$missing libfaketime"; \
	    [ -z "$$missing" ] || { echo "installing$$missing"; apt-get update -qq && \
	        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; }; \
	    ls /usr/share/postgresql/*/extension/orafce.control >/dev/null 2>&1 || { \
	        orafce="postgresql-$$(ls /usr/lib/postgresql | sort -V | tail -n 1)-orafce"; \
	        echo "installing $$orafce"; apt-get update -qq && \
	        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$orafce >/dev/null; }; \
	fi

lock: $(READY)  ## resolve requirements.in into requirements.txt
	$(UV) pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
	    --upgrade requirements.in -o requirements.txt

venv: $(READY)  ## make the virtual environment only

# uv installs in seconds what takes pip a minute and a half; pip fetches it where the machine has none.
$(READY): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || { \
	    echo "groupsync needs Python 3.11, 3.12 or 3.13; $(PYTHON) is" \
	         "$$($(PYTHON) --version 2>&1 || true). Name another: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "$(PYTHON) cannot make virtual environments: install its venv package" \
	         "(Debian, Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	@[ $(UV) = uv ] || [ -x $(BIN)/uv ] || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@echo "installing requirements.txt into .venv"
	@$(UV) pip install --quiet --python $(BIN)/python -r requirements.txt
	@touch $@
