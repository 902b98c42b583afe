# The commands of the project. `make run` and `make test` set up all they need by themselves.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: run demo test check bench screens lock clean

run: .venv/.runtime  ## Serve on 127.0.0.1:8080, data in ./data
	$(BIN)/python -m wame_box --data data serve $(ARGS)

demo: .venv/.runtime  ## Tell the whole story on a temporary box
	@$(BIN)/python -m wame_box demo $(ARGS)

test: .venv/.dev .venv/.browser  ## All tests
	$(BIN)/python -m pytest $(ARGS)

check: .venv/.dev .venv/.browser  ## Format, lint, types, ranks, templates, translations, then the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/djlint --quiet --lint assets/templates
	$(BIN)/python packaging/translations.py check
	$(BIN)/python -m pytest $(ARGS)

bench: .venv/.dev  ## Measurements, printed as ratios
	$(BIN)/python -m tests.bench $(ARGS)

screens: .venv/.dev .venv/.browser  ## Every page in both sizes and themes, into screens/
	$(BIN)/python -m tests.screens $(ARGS)

lock: .venv/.dev  ## Lock the requirements again, with hashes and without addresses
	$(BIN)/python packaging/lock.py

clean:
	rm -rf .venv build dist screens .mypy_cache .ruff_cache .pytest_cache

.venv/.runtime: requirements.txt pyproject.toml
	@bash packaging/prepare.sh runtime $(PYTHON)

.venv/.dev: requirements-dev.txt pyproject.toml
	@bash packaging/prepare.sh dev $(PYTHON)

.venv/.browser: packaging/prepare.sh
	@bash packaging/prepare.sh browser $(PYTHON)
