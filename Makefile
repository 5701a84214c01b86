# Every target sets up what it needs, on a fresh machine too: Python >= 3.11 and make are enough.
VENV ?= .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.worldsim-installed
export VENV

.PHONY: help setup demo test slow lint format types wheel clean

help:  ## This page
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: $(STAMP)  ## A virtual environment with worldsim and what its tests need

$(STAMP): pyproject.toml scripts/setup.sh
	bash scripts/setup.sh
	@touch $(STAMP)

demo: $(STAMP)  ## Record, train, dream, learn in the dream, play for real: about five minutes
	$(PY) -m worldsim demo $(ARGS)

test: $(STAMP)  ## The tests (ARGS="-k dream" picks some)
	$(PY) -m pytest $(ARGS)

slow: $(STAMP)  ## The tests that train for minutes
	$(PY) -m pytest -m slow --timeout 3600 $(ARGS)

lint: $(STAMP)  ## ruff: rules and formatting
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

format: $(STAMP)  ## Let ruff mend what it can
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

types: $(STAMP)  ## mypy over the tree as it is installed, where worldsim.envs is a real folder
	rm -rf build/types build/lib build/bdist.*
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --target build/types .
	cd build/types && $(abspath $(PY)) -m mypy --config-file ../../pyproject.toml -p worldsim

wheel: $(STAMP)  ## dist/: the sdist, and the wheel built from it
	rm -rf build/lib build/bdist.* dist
	$(PY) -m build --outdir dist .

clean:  ## Remove what was built, not what was recorded or trained
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
