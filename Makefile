# The two commands of the README, demo and test, which do their own set-up, and other commands for developers.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup demo test slow build wheel bench pictures clean

setup: $(STAMP)

demo: $(STAMP)
	$(BIN)/autograder demo

test: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow"
	$(BIN)/autograder build --check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --nbval-lax -p no:cacheprovider source

slow: $(STAMP)
	-$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[real-checkpoint]'
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m slow
	$(BIN)/autograder build --check --full

build: $(STAMP)
	$(BIN)/autograder build

# A wheel in dist/, and one exercise from init to feedback with it, in a bare environment and an empty folder.
wheel: $(STAMP)
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q tests/packaging

bench: $(STAMP)
	$(BIN)/python -m benchmarks.grading
	$(BIN)/python -m benchmarks.finetuning

# The README's pictures of the demo's pages, in a Chromium that is on the path.
pictures: demo
	$(BIN)/python docs/pictures/take.py

clean:
	rm -rf $(VENV) demo bench-results

# make CPU=1 installs the build of PyTorch without CUDA (a download of 0.2 GB, not 3), for a machine without a GPU. Only
# PyTorch comes from PyTorch's own index, which has other versions of the other packages. uv is used if it is installed.
CPU_INDEX := https://download.pytorch.org/whl/cpu
UV := $(shell command -v uv 2>/dev/null)
PIP := $(if $(UV),$(UV) pip install --quiet --python $(BIN)/python,$(BIN)/python -m pip install --quiet)

# torch first, so that no other package installs another build of it.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; say make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) $(if $(CPU),--index-url $(CPU_INDEX) --no-deps,) --constraint constraints.txt torch
	$(PIP) --constraint constraints.txt --editable '.[test]'
	touch $(STAMP)
