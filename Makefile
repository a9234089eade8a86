# make run     makes .venv from requirements.lock and publishes posts/ into feeds/
# make test    runs the tests
# make check   what CI runs: format, lint, types, import contracts, tests
# make bench   measures publishing beside Hugo, where hugo is installed
# make lock    resolves pyproject.toml anew into requirements.lock (needs uv)
# make clean   removes what these make; posts, feeds and the state database stay

PYTHON ?= python3
BIN := .venv/bin
SOURCES := src tests benchmarks

.PHONY: run test check bench lock clean

run: .venv/ready
	@$(BIN)/publish-feed

test: .venv/ready-dev
	$(BIN)/pytest -n auto

check: .venv/ready-dev
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) --no-print-directory test

bench: .venv/ready-dev
	$(BIN)/python benchmarks/publish.py

# What builds comes first, pinned like the rest: no build fetches anything by itself.
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation
RESOLVE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

.venv/ready: requirements-build.lock requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("feedmill needs Python 3.11 or newer: make PYTHON=python3.x")'
	$(PYTHON) -m venv .venv
	$(INSTALL) --require-hashes -r requirements-build.lock
	$(INSTALL) --require-hashes -r requirements.lock
	$(INSTALL) --no-deps --editable .
	touch $@

.venv/ready-dev: .venv/ready requirements-dev.lock
	$(INSTALL) --require-hashes -r requirements-dev.lock
	touch $@

lock:
	$(RESOLVE) --group build --output-file requirements-build.lock
	$(RESOLVE) --constraint requirements-build.lock pyproject.toml --output-file requirements.lock
	$(RESOLVE) --constraint requirements.lock --constraint requirements-build.lock --group dev --output-file requirements-dev.lock

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .benchmarks
	find src tests benchmarks -name __pycache__ -type d -exec rm -rf {} +
