# Every verb sets up all that it needs. A bare machine lacks only make, Python 3.11 and python3-venv.
PYTHON ?= python3
ARGS ?=

BIN := .venv/bin
# On CI a test that did not run is a failure: see tests/plugins/no_skips.py.
PYTEST := $(BIN)/python -m pytest $(if $(filter 1,$(CI)),-p tests.plugins.no_skips)
COMPILE := CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes \
	--allow-unsafe --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links

OIDC := tests/oidc/node_modules/.package-lock.json
DRIFT := tests/test_published.py::test_what_is_published_is_what_the_code_says
# What the file asks its user for; no engine and no secret is needed to read it.
COMPOSE := SUYUAN_UID=10001 SUYUAN_ISSUER=https://issuer.example docker-compose

.DEFAULT_GOAL := help
.PHONY: setup demo kafka test check bench compose-test fmt lock help

help:  ## say what can be asked
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/dev.stamp  ## make .venv and install all that the other verbs need

demo: .venv/runtime.stamp $(if $(findstring --kafka,$(ARGS)),.venv/kafka.stamp)  ## serve all four services with a published case loaded (ARGS=...)
	$(BIN)/python -m services demo $(ARGS)

kafka: .venv/runtime.stamp .venv/kafka.stamp  ## run a broker alone, from its own jars (ARGS=...)
	$(BIN)/python -m services kafka $(ARGS)

test: .venv/dev.stamp .venv/kafka.stamp $(OIDC)  ## run the tests (ARGS=... goes to pytest)
	infra/debian-packages.sh test
	$(PYTEST) $(ARGS)

check: .venv/dev.stamp  ## format, lint, types, the rules of the house, and what is published
	infra/debian-packages.sh check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST) tests/test_architecture.py tests/test_money_lint.py $(DRIFT)
	$(COMPOSE) config --quiet

bench: .venv/dev.stamp  ## measure, beside the limit of the same run (ARGS=...)
	infra/debian-packages.sh bench
	$(if $(findstring peers,$(ARGS)),infra/debian-packages.sh peers)
	$(BIN)/python -m bench $(ARGS)

compose-test: .venv/dev.stamp  ## bring docker-compose.yml up on an engine of its own, load, kill (as root)
	infra/debian-packages.sh compose-test
	$(BIN)/python -m infra.compose_test

fmt: .venv/dev.stamp  ## put the code into the house's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: .venv/dev.stamp  ## pin what pyproject.toml asks for (ARGS=--upgrade for the newest)
	$(COMPILE) $(ARGS) --output-file requirements.lock pyproject.toml
	$(COMPILE) $(ARGS) --extra dev --constraint requirements.lock \
		--output-file requirements-dev.lock pyproject.toml

# Debian leaves a half-made .venv behind when python3-venv is missing; the next run must not take it for one.
.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; name one: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv || { rm -rf .venv; echo "Install the package python3-venv." >&2; exit 1; }

.venv/runtime.stamp: requirements.lock | .venv/bin/python
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	@touch $@

.venv/dev.stamp: requirements-dev.lock | .venv/bin/python
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements-dev.lock
	@touch $@

.venv/kafka.stamp: infra/kafka/pom.xml infra/kafka/jars.sha256 | .venv/bin/python
	infra/debian-packages.sh kafka
	infra/kafka/install.sh .venv/kafka
	@touch $@

# The issuer that the tests log in at; its lock names no registry, and no package runs a script.
$(OIDC): tests/oidc/package.json tests/oidc/package-lock.json
	infra/debian-packages.sh oidc
	cd tests/oidc && npm ci --ignore-scripts --loglevel=error
