# `make demo` and `make test` need only Python >= 3.11 and make: they set up everything else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The demo's environment has what cksync needs to run, and no development tools.
DEMO := .venv-demo
# Python compiles what it imports; of most packages that is little.
LEAN := --quiet --no-compile -c constraints-dev.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-all quick cover lint format docs site bench clean

# Tests without HTTP, processes and published mirrors, found by timing: run them at every save.
QUICK := $(addprefix tests/test_,$(addsuffix .py,full_scan search tail_scan unread suspects overlaps \
	due fetch breaker config names addresses steps incremental_scan))

demo: $(DEMO)/ready
	$(DEMO)/bin/cksync demo

test: $(VENV)/ready
	$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -n auto

test-all: $(VENV)/ready
	$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -n auto -m "heavy or not heavy" --timeout=1800

quick: $(VENV)/ready
	$(BIN)/python -m pytest $(QUICK)

cover: $(VENV)/ready
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine
	$(BIN)/coverage report

format: $(VENV)/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lint: $(VENV)/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/sqlfluff lint --processes 2 sql

docs: $(VENV)/ready
	$(BIN)/python docs/generate.py

# Warnings are errors: of links, of pages that the navigation lacks.
site: $(VENV)/ready
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

bench: $(VENV)/ready
	$(BIN)/python -m bench.pull
	$(BIN)/python -m bench.throttle

$(DEMO)/ready: pyproject.toml constraints-dev.txt
	@echo "Setting up the demo's environment in $(DEMO) (once, about half a minute)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "cksync needs Python 3.11 or newer; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@if command -v uv >/dev/null 2>&1; then \
		uv venv --quiet --allow-existing --python "$$(command -v $(PYTHON))" $(DEMO) \
		&& uv pip install --quiet --python $(DEMO)/bin/python -c constraints-dev.txt -e .; \
	elif $(PYTHON) -m pip --python "$$(command -v $(PYTHON))" --version >/dev/null 2>&1; then \
		$(PYTHON) -m venv --without-pip $(DEMO) \
		&& $(PYTHON) -m pip --python $(DEMO)/bin/python install $(LEAN) -e .; \
	else \
		$(PYTHON) -m venv $(DEMO) \
		&& $(DEMO)/bin/python -m pip install $(LEAN) -e .; \
	fi
	@touch $@

$(VENV)/ready: pyproject.toml constraints-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "cksync needs Python 3.11 or newer; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@if command -v uv >/dev/null 2>&1; then \
		uv venv --quiet --allow-existing --python "$$(command -v $(PYTHON))" $(VENV) \
		&& uv pip install --quiet --python $(BIN)/python -c constraints-dev.txt --group dev --group docs -e '.[excel,keyring,postgres]'; \
	else \
		$(PYTHON) -m venv $(VENV) \
		&& $(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1' \
		&& $(BIN)/python -m pip install --quiet -c constraints-dev.txt --group dev --group docs -e '.[excel,keyring,postgres]'; \
	fi
	@touch $@

clean:
	rm -rf $(VENV) $(DEMO) dist build site cksync-demo
