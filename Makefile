# Every command of the project. `make` alone lists them.
# Another Python: `make run PYTHON=python3.12`.

PYTHON ?= python3
VENV := .venv/bin/python
# Only the folders that have Python files, so that mypy is asked about nothing empty.
PACKAGES := $(foreach folder,api worker shared warren deploy bench examples tests,\
	$(if $(shell find $(folder) -name '*.py' -print -quit 2>/dev/null),$(folder)))
LOCK := uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	$(if $(UPGRADE),--upgrade)
# Journeys that say what a service does, not how fast: they must hold when its calls are in trouble.
TROUBLED := tests/journeys/test_one_job_all_the_way.py tests/journeys/test_bad_input.py

# Bytecode is kept, whatever the shell says: the suite starts hundreds of processes, and to compile
# what they import takes each of them seconds.
export PYTHONPYCACHEPREFIX := $(CURDIR)/.pycache
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup setup-bench run stack demo test faults soak check fix lock bench clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## virtual environment, locked dependencies, RabbitMQ; nothing is done twice
	@$(PYTHON) -m deploy.local.setup dev

setup-bench:
	@$(PYTHON) -m deploy.local.setup bench

run: setup ## the whole service on http://127.0.0.1:8000, with a first job; Ctrl-C stops it all
	@$(VENV) -m deploy.local run

stack: setup ## only RabbitMQ and MongoDB, with the settings to reach them; Ctrl-C stops them
	@$(VENV) -m deploy.local stack

demo: setup ## a guided tour against the service that `make run` started
	@$(VENV) -m examples.tour

test: setup ## the whole suite, real RabbitMQ and MongoDB included (ARGS="-k name" for a part)
	@$(VENV) -m $(if $(strip $(ARGS)),pytest $(ARGS),deploy.local.suite)

faults: setup ## the fault suite and what else takes long, then journeys with one call in ten in trouble
	@$(VENV) -m pytest tests/faults tests/long -m "" $(ARGS)
	@TROUBLE=$(or $(TROUBLE),0.1:1) $(VENV) -m pytest -p tests.faults.trouble_plugin $(TROUBLED)

soak: setup ## a steady mixed load for MINUTES=5; fails if the memory of a process grows
	@$(VENV) -m bench.soak $(or $(MINUTES),5)

check: setup ## format, lint, types, import rules
	@$(VENV) -m ruff format --check .
	@$(VENV) -m ruff check .
	@$(VENV) -m mypy $(PACKAGES)
	@.venv/bin/lint-imports

fix: setup ## let ruff format and mend what it can
	@$(VENV) -m ruff check --fix .
	@$(VENV) -m ruff format .

bench: setup-bench ## the comparison with Celery and Taskiq on this machine
	@$(VENV) -m bench $(ARGS)

lock: ## write requirements/*.txt from pyproject.toml (needs uv; UPGRADE=1 for newer versions)
	@command -v uv >/dev/null || { echo "lock: uv is missing: pip install uv"; exit 1; }
	@$(LOCK) --extra service -o requirements/service.txt
	@$(LOCK) --extra service --group mongod --group test --group check \
		-c requirements/service.txt -o requirements/dev.txt
	@$(LOCK) --extra service --group mongod --group test --group check --group bench \
		-c requirements/dev.txt -o requirements/bench.txt

clean: ## remove what was generated: .venv, .warren (the local stack's data!), caches
	@rm -rf .venv .warren .pycache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
