# dutchbook: `make demo` and `make test` need python3 (3.11 to 3.13) and make; everything else is set up here in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
SECONDS ?= 30
SEED ?= 1
SOAK ?= 2000

.PHONY: help demo test check bench soak clean

help:
	@echo "make demo    the engine trades on two local venue simulators for $(SECONDS) s, then reports (SEED=$(SEED))"
	@echo "make test    all tests"
	@echo "make check   lint, format, types, import contract"
	@echo "make bench   the measurements of docs/benchmarks.md"
	@echo "make soak    long seeded runs"

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 14) else f"python3 is {v.major}.{v.minor}; dutchbook needs 3.11, 3.12 or 3.13 (make PYTHON=python3.12 …)")'
	@echo "setting up $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: $(VENV)/pyvenv.cfg requirements/run.txt pyproject.toml
	@echo "installing the pinned packages of requirements/run.txt"
	@$(PIP) install -r requirements/run.txt
	@$(PIP) install --no-deps -e .
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp requirements/test.txt
	@echo "installing the pinned packages of requirements/test.txt"
	@$(PIP) install -r requirements/test.txt
	@touch $@

demo: $(VENV)/run.stamp
	@$(BIN)/dutchbook demo --seconds $(SECONDS) --seed $(SEED)

test: $(VENV)/test.stamp
	@echo "running the tests on 2 processes"
	@$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(VENV)/test.stamp
	@echo "lint"; $(BIN)/ruff check src tests benchmarks examples
	@echo "format"; $(BIN)/ruff format --check src tests benchmarks examples
	@echo "types"; $(BIN)/mypy
	@echo "import contract"; $(BIN)/lint-imports --no-cache

bench: $(VENV)/test.stamp
	@$(BIN)/dutchbook bench all

soak: $(VENV)/test.stamp
	@echo "faults: $(SOAK) seeds"; $(BIN)/dutchbook torture --seeds 1:$(SOAK)
	@echo "property tests on fresh examples"; DUTCHBOOK_FRESH_EXAMPLES=1 $(BIN)/python -m pytest -q -n 2 tests/core tests/opportunity tests/execution tests/ledger
	@echo "demos in virtual time"; $(BIN)/dutchbook bench seeds --seeds 1:200

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis demo-ledger
