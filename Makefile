# Chappe. `make help` lists the targets. Everything lives in .venv; nothing is installed outside this folder.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= ./data
PORT ?= 8008
.DEFAULT_GOAL := help
.PHONY: help install install-test web run test check clients bench gallery settings clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@

install: $(VENV)/.installed ## install Chappe into .venv

install-test: $(VENV)/.installed-test ## the same with what the tests need

$(VENV)/.installed-web: $(VENV)/.installed web/package-lock.json
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[web]'
	web/npm ci --no-audit --no-fund --loglevel=error
	@touch $@

src/chappe/webclient/index.html: $(VENV)/.installed-web $(shell find web -path web/node_modules -prune -o -type f -print)
	web/npm run --silent build

web: src/chappe/webclient/index.html ## build the web client

run: install web ## start a homeserver on an embedded PostgreSQL (DATA=folder PORT=8008)
	$(BIN)/chappe serve --data $(DATA) --port $(PORT)

check: install-test web ## format, lint, types, import order
	$(BIN)/ruff format --check --quiet src tests
	$(BIN)/ruff check --quiet src tests
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_import_order.py
	web/npm run --silent check
	web/npm run --silent test

test: check ## everything that CI runs
	tests/install_components.sh
	$(BIN)/python -m pytest -n 2 --dist loadgroup --durations=25

clients: install-test ## programs of others that take long to fetch or to run (see docs/clients.md; ONLY=name)
	tests/install_components.sh
	CHAPPE_CLIENTS=1 $(BIN)/python -m pytest tests/clients/heavy -rs --durations=0 $(if $(ONLY),-k $(ONLY))

bench: install ## the load generator against a throw-away server (see docs/performance.md)
	$(BIN)/python bench/run.py

gallery: install-test web ## the pictures in docs/gallery
	tests/install_components.sh
	$(BIN)/python -m tests.web.make_gallery

settings: install ## docs/settings.md, made from src/chappe/config
	$(BIN)/python -m chappe.config.page > docs/settings.md.new
	mv docs/settings.md.new docs/settings.md

clean: ## remove .venv and caches (not the data)
	rm -rf $(VENV) .venv-* .clients web/node_modules src/chappe/webclient .pytest_cache .mypy_cache .ruff_cache .hypothesis
