# Each of these does its own set-up: nothing to install first but Python 3.11 or newer and make.
#
#   make up        bring a living plant (make up DEMO=0: an empty one); Ctrl-C stops it
#   make test      run every test (make test ARGS="tests/telemetry -x")
#   make lint      run every check that needs no server
#   make bench     measure the promised figures (make bench ONLY=ingest)
#   make isolation attack every endpoint, page and topic as strangers; the report is var/isolation.md
#   make backup    write var/backups/<time>.tar       make restore FROM=<file>
#   make manage ARGS="make_operator --email olga@example.com"   a command beside the running plant
#   make assets    bring the front-end parts          make lock   renew the pinned requirements

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
RUN    := PYTHONPATH=platform:. $(BIN)/python
ifdef DEMO
export FORGELINE_DEMO := $(DEMO)
endif

.PHONY: up test lint bench isolation backup restore manage assets lock clean

up: $(VENV)/.run
	@exec env PYTHONPATH=platform:. $(BIN)/python -m forgeline.conf up

test: $(VENV)/.dev
	@$(RUN) -m forgeline.conf prepare-tests
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PYTHONPATH=platform:. $(BIN)/lint-imports --config pyproject.toml
	FORGELINE_SECRET_KEY=only-for-lint $(BIN)/mypy
	FORGELINE_SECRET_KEY=only-for-lint $(BIN)/python -W ignore manage.py makemigrations --check --dry-run
	FORGELINE_SECRET_KEY=only-for-lint $(BIN)/python manage.py catalogs check

bench: $(VENV)/.dev
	@$(RUN) -m tests.bench $(ONLY)

isolation: $(VENV)/.dev
	@$(RUN) -m forgeline.conf prepare-tests
	@mkdir -p var && FORGELINE_ISOLATION_REPORT=var/isolation.md $(BIN)/python -m pytest -q tests/isolation && \
	    echo "The report is in var/isolation.md."

backup: $(VENV)/.run
	@$(RUN) -m forgeline.conf backup $(TO)

restore: $(VENV)/.run
	@$(RUN) -m forgeline.conf restore $(FROM)

manage: $(VENV)/.run
	@$(RUN) -m forgeline.conf manage $(ARGS)

assets: $(VENV)/.run
	@FORGELINE_SECRET_KEY=not-needed $(BIN)/python manage.py assets

# Needs uv on the PATH; no registry's address may stand in what it writes.
lock:
	@for name in base embedded dev node; do \
	    (cd requirements && uv pip compile --universal --python-version 3.11 --generate-hashes --no-header \
	        --no-emit-index-url --upgrade --quiet $$name.in -o $$name.txt) || exit 1; done

clean:
	rm -rf $(VENV) node_modules

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	    { echo "Forgeline needs Python 3.11 or newer as $(PYTHON); install it, or say which: make up PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	    { echo "This Python cannot make environments; install its venv part (Debian: apt install python3-venv)." >&2; exit 1; }
	@echo "· Python environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/base.txt requirements/embedded.txt | $(BIN)/python
	@echo "· Python packages (a minute or two, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	    -r requirements/base.txt -r requirements/embedded.txt || \
	    { echo "The packages could not be installed; check the network and the room on this disk, then try again." >&2; exit 1; }
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@echo "· packages for tests and lint (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt || \
	    { echo "The packages could not be installed; check the network and the room on this disk, then try again." >&2; exit 1; }
	@touch $@
