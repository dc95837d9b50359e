# Needs Python 3.11 or newer, make and git. Every target sets up .venv by itself, and again only when a requirement changed.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
PARTS := core anomaly hci diffusion control
REQUIREMENTS := pyproject.toml constraints.txt $(PARTS:%=packages/%/pyproject.toml)
DEMO_STORE := demo-runs
# One thread a process: two pytest workers, or two demo tasks, otherwise fight over two cores.
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help demo test check bench docs soak clean

help: ## List the targets.
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): $(REQUIREMENTS)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@# The CPU build first: an unpinned torch would bring gigabytes of CUDA libraries.
	$(BIN)/python -m pip install --quiet 'torch==2.13.0'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group dev \
		--editable '.[all]' $(PARTS:%=--editable packages/%) $(EXTRAS)
	@touch $@

demo: $(STAMP) ## Run one real task of each kind and leave reports to open.
	$(BIN)/tasks run anomaly backdoor --store $(DEMO_STORE)
	$(BIN)/tasks run hci pointing --store $(DEMO_STORE)
	$(BIN)/tasks run diffusion smiles --store $(DEMO_STORE)
	$(BIN)/tasks run control cartpole --store $(DEMO_STORE)
	@$(BIN)/tasks runs ls --store $(DEMO_STORE)
	@echo "Open any report in a browser:"
	@ls -1 $(DEMO_STORE)/*/report.html

test: $(STAMP) ## Run every test.
	$(BIN)/pytest -n 2 --dist worksteal

check: $(STAMP) ## Run ruff, mypy, pyright and import-linter, and build the documentation strictly.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(PARTS:%=packages/%/src)
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/mkdocs build --strict --quiet

bench: $(STAMP) ## Measure start-up, the run store and each domain beside its peers.
	$(BIN)/python benchmarks/run.py

docs: $(STAMP) ## Build the documentation into site/.
	$(BIN)/mkdocs build --strict

soak: $(STAMP) ## Kill runs for a long time and check that nothing is lost.
	$(BIN)/pytest -m soak tests/reliability

clean: ## Remove what the targets made.
	rm -rf $(VENV) site $(DEMO_STORE) .pytest_cache .mypy_cache .ruff_cache
