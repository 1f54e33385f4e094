# `make run` starts the platform, `make test` runs every test; both set up what they need first.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
# Extra arguments for pip, for instance an index with CPU builds of torch.
PIP_ARGS ?=
# Processes that share the tests, file by file: most tests wait for servers of their own.
TEST_WORKERS ?= 2

.PHONY: run run-serving setup setup-serving setup-dev dashboard opcua-nodeset opcua-client dashboard-check api fuzz test test-again check bench prove format clean

run: $(VENV)/.train dashboard opcua-nodeset  ## Start the platform in the foreground; Ctrl-C ends it
	@exec $(BIN)/ussop up

run-serving: $(VENV)/.serving dashboard opcua-nodeset  ## The same without jobs: no torch, no Prefect, no MLflow, a tenth of the disk
	@exec $(BIN)/ussop up

setup: $(VENV)/.train dashboard opcua-nodeset  ## Install what the platform needs to run, with its jobs
setup-serving: $(VENV)/.serving dashboard opcua-nodeset  ## Install what inspecting needs, no more
setup-dev: $(VENV)/.dev dashboard opcua-nodeset opcua-client  ## Install tests and checks as well

dashboard:  ## Build the web dashboard, where its sources are newer; without Node.js 20 say so and go on
	@sh dashboards/operator/build.sh

opcua-nodeset:  ## Fetch the tables of OPC 40100-1 (machine vision) from npm, once; without npm say so and go on
	@sh opcua/machine_vision/nodeset.sh

opcua-client:  ## Fetch an OPC UA client of another make for the tests, once; without npm say so and go on
	@sh tests/opcua/node_client/install.sh

dashboard-check: $(VENV)/.dev dashboard  ## Types as the API has them now, compiler, unit tests
	@sh dashboards/operator/check.sh $(abspath $(BIN))/python

api: $(VENV)/.dev dashboard  ## Write what is made from the API anew: docs/openapi.json, docs/api.md, the dashboard's types
	$(BIN)/python -m tests.contracts.written
	@sh dashboards/operator/check.sh $(abspath $(BIN))/python --write

fuzz: $(VENV)/.dev  ## Thousands of made-up requests to every route, as everybody: about a quarter of an hour
	$(BIN)/python -m tests.contracts.fuzz

test: $(VENV)/.dev dashboard opcua-nodeset opcua-client  ## The whole test suite
	@code=0; \
	$(BIN)/python -m pytest tests/e2e || code=$$?; \
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile --ignore=tests/e2e || code=$$?; \
	exit $$code

# A fault fails twice. Of three thousand tests that kill, stop and race real processes one may miss its moment on a busy
# machine; it stays named in the output of the first run.
test-again: $(VENV)/.dev  ## What failed in the last `make test`, once more and alone
	@$(BIN)/python -m pytest --last-failed --last-failed-no-failures none

check: $(VENV)/.dev  ## Format, lint, types, import contracts, file sizes
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/house

bench: $(VENV)/.dev  ## Measure /inspect against decode + inference, in one run; appends to docs/results
	$(BIN)/python -m tests.bench

prove: $(VENV)/.dev dashboard  ## Break and attack the platform in full size, an hour at most; writes docs/proof.md
	$(BIN)/python -m tests.prove $(if $(SCALE),--scale $(SCALE)) $(AREAS)

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## Remove the environment and caches; keeps DATA_DIR (./var)
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serving: pyproject.toml constraints.txt | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e .
	@touch $@

$(VENV)/.train: pyproject.toml constraints.txt | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e '.[train]'
	@touch $(VENV)/.serving $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e '.[train,postgres,dev]'
	@touch $(VENV)/.serving $(VENV)/.train $@
