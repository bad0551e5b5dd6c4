# Works with python3 (>= 3.11) and make alone: everything else is fetched once, into .venv, and checked against hashes.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DATA   ?= var

.PHONY: install run test lint bench stack campaign lock contracts

# Debian's python3 comes without ensurepip: what `-m venv` leaves there has no pip, and would stand in the way next time.
define MAKE_VENV
$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
  test -e $(VENV) && ours= || ours=yes; \
  echo "== making $(VENV)"; \
  $(PYTHON) -m venv $(VENV) >/dev/null && $(BIN)/python -m pip --version >/dev/null 2>&1 || { \
    test -z "$$ours" || rm -rf $(VENV); \
    package=$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
    echo "$(PYTHON) cannot make $(VENV) with pip in it. On Debian or Ubuntu: apt install $$package" >&2; exit 1; }; }
endef

install: $(STAMP)

$(STAMP): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Convene needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(MAKE_VENV)
	@echo "== installing the locked dependencies (once; about a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

run: install          ## the demo: April 2017, on SQLite, in one process
	$(BIN)/convene up --demo --data $(DATA)/demo

stack: install        ## the same on Apache Kafka and PostgreSQL, one process per service
	$(BIN)/convene stack --demo --data $(DATA)/stack

test: lint            ## everything that a change may break
	$(BIN)/python -m pytest -m "not campaign" -n 4 --dist loadfile --no-loadscope-reorder

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python -m infra.lint
	$(BIN)/pyright

campaign: install     ## what takes hours: a thousand races, every way a broker goes away, kills, random lives of plans
	$(BIN)/python -m pytest -m campaign --timeout 7200

bench: install
	$(BIN)/python -m bench

contracts: install    ## write anew from the code: services/*/contracts, and the gateway of docker-compose.yml
	$(BIN)/convene contracts
	$(BIN)/convene gateway-config > infra/compose/nginx.conf

lock:                 ## resolve anew; run it when pyproject.toml changes
	@$(MAKE_VENV)
	@$(BIN)/python -m uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install --quiet uv
	$(BIN)/python -m uv pip compile pyproject.toml $(LOCK_OPTIONS) -o requirements/run.lock
	$(BIN)/python -m uv pip compile pyproject.toml --extra stack --extra dev $(LOCK_OPTIONS) -o requirements/dev.lock
	$(BIN)/python -m uv pip compile pyproject.toml --extra bench -c requirements/dev.lock $(LOCK_OPTIONS) -o requirements/bench.lock
	$(BIN)/python -m uv pip compile requirements/build.in -c requirements/dev.lock $(LOCK_OPTIONS) -o requirements/build.lock

LOCK_OPTIONS := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --quiet \
  --custom-compile-command "make lock"
