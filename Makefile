# make run     makes .venv from requirements.lock and publishes posts/ into feeds/
# make test    runs the tests, but for those that take longest
# make check   what CI runs: format, lint, types, import contracts, all tests
# make bench   measures publishing beside Hugo and Pelican, syncing beside reader and newsboat, serving beside nginx, where these are
#              installed, and writes docs/performance.md; make bench PARTS="publish sync" measures some parts alone
# make load    puts a daemon under load and writes what that shows into docs/reliability.md, some four minutes (needs Linux)
# make fuzz    fuzzes what reads foreign bytes, 20 s a target (needs Linux)
# make reliability  runs all tests and writes what they show into docs/reliability.md
# make lock    resolves pyproject.toml anew into requirements.lock (needs uv)
# make clean   removes what these make; posts, feeds and the state database stay

PYTHON ?= python3
BIN := .venv/bin
SOURCES := src tests benchmarks

.PHONY: run test check bench load fuzz reliability lock clean

run: .venv/ready
	@$(BIN)/publish-feed

test: .venv/ready-dev
	$(BIN)/pytest -n auto --dist worksteal -m "not long"

check: .venv/ready-dev
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n auto --dist worksteal

bench: .venv/ready-dev .venv-bench/ready
	$(BIN)/python benchmarks/bench.py $(PARTS)

load: .venv/ready-dev
	$(BIN)/python benchmarks/load.py --write

fuzz: .venv-fuzz/ready
	.venv-fuzz/bin/python tests/fuzz/run.py --seconds 20 --seed 1

reliability: .venv/ready-dev
	mkdir -p build
	rm -f build/reliability.json
	-$(BIN)/pytest -n auto --dist worksteal -p reliability --reliability-results build/reliability.json
	$(BIN)/python tests/reliability.py build/reliability.json

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

# The peers that are measured have their own environment: what they need may differ from what we need.
.venv-bench/ready: requirements-build.lock requirements-bench.lock
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-build.lock
	.venv-bench/bin/pip install --quiet --disable-pip-version-check --no-build-isolation --require-hashes -r requirements-bench.lock
	touch $@

.venv-fuzz/ready: requirements-build.lock requirements.lock requirements-dev.lock requirements-fuzz.lock pyproject.toml
	$(PYTHON) -m venv .venv-fuzz
	for lock in -build "" -dev -fuzz; do \
		.venv-fuzz/bin/pip install --quiet --disable-pip-version-check --no-build-isolation --require-hashes -r requirements$$lock.lock || exit 1; \
	done
	.venv-fuzz/bin/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	touch $@

lock:
	$(RESOLVE) --group build --output-file requirements-build.lock
	$(RESOLVE) --constraint requirements-build.lock pyproject.toml --output-file requirements.lock
	$(RESOLVE) --constraint requirements.lock --constraint requirements-build.lock --group dev --output-file requirements-dev.lock
	$(RESOLVE) --constraint requirements-build.lock --group bench --output-file requirements-bench.lock
	$(RESOLVE) --constraint requirements.lock --constraint requirements-dev.lock --group fuzz --output-file requirements-fuzz.lock

clean:
	rm -rf .venv .venv-bench .venv-fuzz build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .benchmarks
	find src tests benchmarks -name __pycache__ -type d -exec rm -rf {} +
