# maglevd. `make demo` shows the whole system, `make test` proves it; both set up all they need.

PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
# Tests of whole daemons one after the other, the rest beside them (tests/conftest.py).
PYTEST  ?= $(BIN)/python -m pytest -n 2 --dist loadgroup
PROTO   := proto/backend.py $(wildcard proto/maglev/*/*.proto)

.DEFAULT_GOAL := venv
.PHONY: venv demo test sim lint fixstyle proto install-deps bench clean

# The environment with the product and what tests and lint need, made again when either changes.
venv: $(VENV)/.complete

$(VENV)/.complete: setup.cfg pyproject.toml conf/install-deps $(PROTO)
	@PYTHON=$(PYTHON) conf/install-deps python
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade pip setuptools
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test,lint]'
	@touch $@

# System packages that only tests use; installs them as root on Debian, else names what is missing.
install-deps:
	@PYTHON=$(PYTHON) conf/install-deps python tests

demo: venv
	@$(BIN)/python -m maglev.clients.demo

test: venv install-deps
	$(PYTEST) $(PYTEST_ARGS)

# The simulation of all actors with many more seeds than `make test` takes.
sim: venv
	MAGLEV_SIM_SEEDS=$${MAGLEV_SIM_SEEDS:-5000} $(PYTEST) tests/sim $(PYTEST_ARGS)

lint: venv
	$(BIN)/ruff check actors tests bench
	$(BIN)/ruff format --check actors tests bench
	$(BIN)/mypy

fixstyle: venv
	$(BIN)/ruff check --fix actors tests bench
	$(BIN)/ruff format actors tests bench

# Generated code is built, never committed: every install makes it, beside the sources.
proto: venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .

bench: venv install-deps
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) .cache build dist .tox .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find actors -name '*_pb2.py*' -delete
	find actors -name '*.egg-info' -type d -prune -exec rm -rf {} +
