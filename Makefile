# make demo: sets up and runs the whole chain on clips it makes itself. make test: lint, types, tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo-workspace
TEST_WORKERS ?= 2
export NO_ALBUMENTATIONS_UPDATE := 1

.PHONY: demo test lint types tests schemas clean

demo: $(VENV)/.user
	-$(BIN)/gerdata models pull avatar --quiet >/dev/null  # without it the demo's people are flat drawings
	$(BIN)/gerdata demo --workspace $(DEMO)

test: lint types tests

lint: $(VENV)/.developer
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.developer
	$(BIN)/mypy

tests: $(VENV)/.developer
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile  # threads of two processes would wait for each other

schemas: $(VENV)/.user
	$(BIN)/python -m gerdata.schemas manifests

clean:
	rm -rf $(DEMO) .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.user: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q -c constraints.txt -e .
	touch $@

$(VENV)/.developer: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	$(BIN)/gerdata models pull --all --quiet >/dev/null  # into the user's cache: pinned by hash in gerdata/people/weights.py and gerdata/synth/asset.py
	touch $@ $(VENV)/.user
