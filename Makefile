# The two commands of the README, each doing all its own set-up, and what developers run beside them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test slow build check bench clean

demo: $(STAMP)
	$(BIN)/autograder demo

test: $(STAMP)
	$(BIN)/ruff check .
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow"
	$(BIN)/autograder build --check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --nbval-lax -p no:cacheprovider source

slow: $(STAMP)
	-$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[real-checkpoint]'
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m slow
	$(BIN)/autograder build --check --full

build: $(STAMP)
	$(BIN)/autograder build

bench: $(STAMP)
	$(BIN)/python -m benchmarks.grading
	$(BIN)/python -m benchmarks.finetuning

clean:
	rm -rf $(VENV) demo bench-results

# torch first: with it in place nothing else asks for another build of it.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; say make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $(STAMP)
