# Everything is installed into .venv in this directory; nothing but Python 3.11 or newer has to be there before.

PYTHON ?= python3
BIN := .venv/bin
RUN := $(BIN)/python -m worker
# What `make lint` checks the settings with: a production-like site whose files go nowhere near this directory.
LINT_SETTINGS := BROADSHEET_HOME=.venv/lint SECRET_KEY=only-for-checks-0123456789abcdefghijklmnopqrstuvwxyz0123456789 \
	BASE_URL=https://news.example.org DATABASE_URL= FEEDS_FILE= SENDER_URL= REDIS_URL= DJANGO_SETTINGS_MODULE=worker.settings

.PHONY: help demo up test lint ruff types contracts checks test-sqlite test-postgres faults bench pictures lock clean
.DEFAULT_GOAL := help

help: ## Say what can be made
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' Makefile | while IFS='|' read -r name what; do printf '%-22s%s\n' "$$name" "$$what"; done

demo: .venv/.installed ## Run the main job on the sample feeds, into a local inbox (ARGS="--feeds DIR" for your own)
	@$(RUN) demo $(ARGS)

up: .venv/.installed ## Run the whole service in this terminal (ARGS="--port 8080"); Ctrl-C ends it
	@exec $(RUN) up $(ARGS)

test: .venv/.installed ## Run every check: lint, all tests, those that use a database on SQLite and on PostgreSQL
	@$(BIN)/python tests/run_all.py

lint: ruff types contracts checks ## Run ruff, mypy, import contracts and Django's own checks

ruff: .venv/.installed
	$(BIN)/ruff check worker tests bench docs

types: .venv/.installed
	$(LINT_SETTINGS) $(BIN)/mypy

contracts: .venv/.installed
	$(LINT_SETTINGS) $(BIN)/lint-imports

checks: .venv/.installed
	@mkdir -p .venv/lint
	$(LINT_SETTINGS) $(BIN)/python -m django check --deploy --fail-level WARNING
	$(LINT_SETTINGS) $(BIN)/python -m django makemigrations --check --dry-run

test-sqlite: .venv/.installed ## Run the tests on SQLite (ARGS="tests/feeds -k name" for some of them)
	TEST_DATABASE=sqlite $(BIN)/python -m pytest $(ARGS)

test-postgres: .venv/.installed ## Run the tests on a throw-away PostgreSQL
	TEST_DATABASE=postgres $(BIN)/python -m pytest $(ARGS)

faults: .venv/.installed ## Kill, stall and starve it while mail goes out, and account for every reader (ARGS="NAME --short")
	@$(BIN)/python -m tests.faults $(ARGS)

bench: .venv/.installed ## List what can be measured, or measure one (ARGS="NAME")
	@$(RUN) bench $(ARGS)

pictures: .venv/.installed ## Make the pictures in the README again (needs Chromium)
	@$(BIN)/python -m docs.make_pictures $(ARGS)

lock: .venv/.installed ## Write requirements.lock again from pyproject.toml (ARGS="--upgrade" for newer versions)
	$(BIN)/python -m pip install --quiet pip-tools
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/python -m piptools compile --quiet --generate-hashes --allow-unsafe \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --all-extras --strip-extras \
		--build-deps-for editable --output-file requirements.lock pyproject.toml $(ARGS)

clean: ## Remove what was installed and built; your data in var/ stays
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "Broadsheet needs Python 3.11 or newer; '$(PYTHON)' is not. Say where one is: make PYTHON=python3.11 ..." >&2; exit 2; }
	@$(BIN)/python -c '' 2>/dev/null || { rm -rf .venv; $(PYTHON) -m venv .venv; } \
		|| { echo "Python's venv module does not work; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; }
	@echo "Installing what Broadsheet needs into .venv (about a minute, only when requirements.lock changes)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch .venv/.installed
