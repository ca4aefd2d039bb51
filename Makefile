# make run   sets the machine up, starts everything, delivers the demo city, runs every DAG to its end
# make test  sets the machine up and runs all the tests
# make test-spark  one demo city with both engines (JICHU_ENGINE); installs pyspark (520 MB) and Java, a quarter of an hour
# make check formatting, types, layers, SQL
# make audit known holes in what is locked; wants api.osv.dev or pypi.org
SHELL := /bin/bash
BIN := .venv/bin
PERSONS ?= 20000
.DEFAULT_GOAL := run
.PHONY: run test test-spark check audit setup down clean

setup:
	@etl/platform/setup.sh

run: setup
	@$(BIN)/python -m etl.platform run --persons $(PERSONS)

test:
	@etl/platform/setup.sh test
	$(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder

# Into the environment that is there: the locked versions, behind another index too.
test-spark:
	@etl/platform/setup.sh spark
	@uv=$$(ls .venv-tools/bin/uv 2>/dev/null || echo uv); $$uv export --quiet --frozen --no-emit-project --extra s3 --extra spark --format requirements-txt | \
		$$uv pip install --quiet --python $(BIN)/python --require-hashes --requirement -
	$(BIN)/python -m pytest tests/spark -o timeout=3600

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict etl
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint sql --dialect postgres --disable-progress-bar

# --strict: a package that nobody could tell anything of fails it too (a mirror without PyPI's JSON)
audit:
	uv lock --check
	uv export --quiet --frozen --no-emit-project --all-extras --format requirements-txt | uvx pip-audit --strict --require-hashes --disable-pip --requirement /dev/stdin

down:
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m etl.platform down; fi

# Ends the services and removes the demo city, the embedded database and the caches; the Python environment stays.
clean: down
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m etl.platform clean; fi
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
