# make run   sets the machine up, starts everything, delivers the demo city, runs every DAG to its end
# make test  sets the machine up and runs all the tests
# make check formatting, types, layers, SQL
SHELL := /bin/bash
BIN := .venv/bin
PERSONS ?= 20000
.DEFAULT_GOAL := run
.PHONY: run test check setup down clean

setup:
	@etl/platform/setup.sh

run: setup
	@$(BIN)/python -m etl.platform run --persons $(PERSONS)

test:
	@etl/platform/setup.sh test
	$(BIN)/python -m pytest -n 2 --dist loadgroup

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict etl
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint sql --dialect postgres --disable-progress-bar

down:
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m etl.platform down; fi

# Ends the services and removes the demo city, the embedded database and the caches; the Python environment stays.
clean: down
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m etl.platform clean; fi
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
