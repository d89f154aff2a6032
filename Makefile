# `make` or `make help` lists what can be done; each target says what it does after ##.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV ?= .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
WORKERS ?= 2
SEED ?= 7
NAMES ?=
COMMA := ,

export VENV
# No library reports home from here.
export DO_NOT_TRACK := true
export GX_ANALYTICS_ENABLED := false
export MLFLOW_DISABLE_TELEMETRY := true

DEMO := var/demo
DONE := $(DEMO)/done
TRAINING_SET ?= $(DEMO)/training_set
REGISTRY ?= $(DEMO)/registry
DEMO_DATABASE := $(or $(PLANS_DATABASE_URL),sqlite:///$(DEMO)/plans.db)
# These hold plans: the service itself sells and bills them, so that they have invoices.
LIVING := demo-outgrown demo-oversized
DEMO_SIGNING_KEY := for-the-quotes-of-this-one-command
# The data end with the day before they are made: what was made on an earlier day is made anew.
TODAY := $(shell date -u +%F)
OUTDATED := $(if $(filter-out $(TODAY),$(shell date -u -r $(DONE)/raw +%F 2>/dev/null)),.outdated)
IMPORTED := $(DONE)/imported-$(shell printf %s '$(DEMO_DATABASE)' | cksum | cut -d' ' -f1)

sources_of = $(shell find $(1) -type f -not -path '*/__pycache__/*' 2>/dev/null)
CORE_SOURCES := $(call sources_of,data_contracts recommender)

# $(call step,what is done,command): says what begins, and how long it took.
define step
	@printf '\n── %s\n' "$(1)"; started=$$(date +%s); \
	$(2); \
	printf '── done in %s s\n' "$$(( $$(date +%s) - started ))"
endef

.PHONY: help
help: ## List the targets
	@printf 'make <target>\n\n'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\nFirst time here: make demo\n'

.PHONY: setup
setup: $(INSTALLED) ## Make .venv from requirements.lock, and see that browser, printing and learner start
	@.ci/setup libraries

$(INSTALLED): requirements.lock
	@.ci/setup python
	@touch $@

$(VENV)-spark/.installed: requirements.lock requirements-spark.lock
	@.ci/setup spark
	@touch $@

.PHONY: check
check: $(INSTALLED) ## Format, lint, types, import contracts, dependencies
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-logo
	$(VENV)/bin/deptry .

.PHONY: test
test: setup ## Run the tests (but for the slow ones)
	@$(PY) -m pytest -n $(WORKERS) --dist loadfile -m "not slow"

.PHONY: test-slow
test-slow: setup ## Run the slow tests
	@.ci/setup operations
	@$(PY) -m pytest -n $(WORKERS) --dist loadfile -m slow || { code=$$?; [ $$code -eq 5 ] || exit $$code; }

.PHONY: test-postgres
test-postgres: setup ## Run the tests of the service and the stories on a real PostgreSQL server
	@.ci/setup postgresql
	@TEST_DATABASE=postgresql $(PY) -m pytest -n $(WORKERS) --dist loadfile -m "not slow" tests/serving tests/stories

.PHONY: test-spark
test-spark: $(VENV)-spark/.installed ## Run the pipelines on Spark inside this machine, and compare every table with DuckDB's
	@TEST_ENGINE=spark $(VENV)-spark/bin/python -m pytest -n 0 tests/pipelines/spark

.PHONY: test-fresh
test-fresh: ## Try the two commands on bare Debian machines, as root (SHORT=1: one page test; DEBIAN=…; KEEP=1)
	@.ci/fresh $(if $(SHORT),short,full) $(DEBIAN)

.PHONY: test-image
test-image: $(INSTALLED) ## Build the Dockerfile without a container runtime, as root, and buy a plan from the image
	@.ci/image try

.PHONY: docs
docs: $(INSTALLED) ## Build the documentation site into var/docs, to be opened without a network
	@$(PY) -m docs.tables
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --quiet -f docs/mkdocs.yml
	@printf 'open var/docs/index.html (its search needs a server: python3 -m http.server -d var/docs)\n'

.PHONY: bench
bench: $(INSTALLED) ## Measure, one JSON line per figure (NAMES="http features" for some)
	@$(PY) -m tests.bench $(NAMES)

.PHONY: demo
demo: $(DONE)/champion $(DONE)/metrics ## Generate, check, train, register and serve a demonstration
	@printf 'plans-demo-2026\n' | PLANS_DATABASE_URL='$(DEMO_DATABASE)' $(PY) -m serving people add staff@example.com --role admin --password-stdin
	@PLANS_DATABASE_URL='$(DEMO_DATABASE)' PLANS_MODEL="$${PLANS_MODEL:-$(DEMO)/registry/bundles}" \
		PLANS_API_KEY="$${PLANS_API_KEY:-demo-key}" PLANS_DEMO_ORGANIZATION="$${PLANS_DEMO_ORGANIZATION:-demo-shop}" \
		$(PY) -m notebooks.dashboards --metrics $(DEMO)/metrics

.PHONY: serve
serve: $(INSTALLED) ## Serve with the PLANS_* settings of the environment
	@$(PY) -m serving run

.PHONY: train
train: $(INSTALLED) ## Train, judge and register a ranker (TRAINING_SET=…, REGISTRY=…)
	$(call step,train a ranker on $(TRAINING_SET),$(PY) -m models train --training-set $(TRAINING_SET) --registry $(REGISTRY))

.PHONY: sbom
sbom: $(INSTALLED) ## List what the service's image installs, as CycloneDX, in var/sbom.json
	@mkdir -p var
	@$(PY) -m cyclonedx_py requirements requirements-serving.lock --pyproject pyproject.toml --output-reproducible --output-file var/sbom.json
	@printf 'var/sbom.json: %s components\n' "$$(grep -c '"purl"' var/sbom.json)"

COMPILE = $(VENV)/bin/uv pip compile pyproject.toml --universal --generate-hashes --no-header --no-annotate --system-certs --quiet

.PHONY: lock
lock: $(INSTALLED) ## Resolve pyproject.toml into the lock files (UPGRADE=1 takes the newest of everything)
	@$(COMPILE) --extra pipelines --extra traces --group dev $(if $(UPGRADE),--upgrade) --output-file requirements.lock
	@$(COMPILE) --extra traces --constraints requirements.lock --output-file requirements-serving.lock
	@$(COMPILE) --extra pipelines --constraints requirements.lock --output-file requirements-pipelines.lock
	@$(COMPILE) --extra pipelines --extra spark --constraints requirements.lock --output-file requirements-spark.lock
	@grep -c '==' requirements*.lock

.PHONY: clean
clean: ## Remove what was generated (var/, caches), keep .venv and .venv-spark
	rm -rf var .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +

# The demonstration, step by step; a step whose inputs and code have not changed is not repeated.

.outdated:
$(DONE)/raw: $(CORE_SOURCES) $(call sources_of,pipelines) $(OUTDATED) | $(INSTALLED)
	@rm -rf $(DEMO)/raw $(DEMO)/registry; mkdir -p $(DONE)
	$(call step,1/8 make up organisations$(COMMA) four months of their usage and what they chose,$(PY) -m pipelines demo-data --out $(DEMO)/raw --seed $(SEED))
	@touch $@

$(DONE)/checked: $(DONE)/raw
	@rm -rf $(DEMO)/checked
	$(call step,2/8 check every table against its contract,$(PY) -m pipelines validate --raw $(DEMO)/raw --out $(DEMO)/checked)
	@touch $@

$(DONE)/training_set: $(DONE)/checked
	@rm -rf $(DEMO)/training_set
	$(call step,3/8 build the training set,$(PY) -m pipelines training-set --checked $(DEMO)/checked --out $(DEMO)/training_set)
	@touch $@

$(DONE)/champion: $(DONE)/training_set $(call sources_of,models)
	$(call step,4/8 train$(COMMA) judge and register a ranker,$(PY) -m models train --training-set $(DEMO)/training_set --registry $(DEMO)/registry --truth $(DEMO)/raw/truth/choices.parquet --seed $(SEED))
	@touch $@

$(IMPORTED): $(DONE)/checked $(call sources_of,serving/db)
	$(if $(PLANS_DATABASE_URL),,@rm -f $(DEMO)/plans.db $(DEMO)/plans.db-wal $(DEMO)/plans.db-shm)
	$(if $(PLANS_DATABASE_URL),,@PLANS_DATABASE_URL='$(DEMO_DATABASE)' PLANS_LOG_LEVEL=error PLANS_API_KEY=demo-key PLANS_SIGNING_KEY=$(DEMO_SIGNING_KEY) \
		$(PY) -m serving live-through --raw $(DEMO)/checked $(addprefix --organization ,$(LIVING)))
	$(call step,7/8 fill the service's database,PLANS_DATABASE_URL='$(DEMO_DATABASE)' $(PY) -m serving import-raw --raw $(DEMO)/checked)
	@touch $@

# One that is quicker to train and knows less: something to hold the champion against.
$(DONE)/challenger: $(DONE)/champion
	$(call step,5/8 train a challenger and put it beside the champion,$(PY) -m models train --quick --try --training-set $(DEMO)/training_set --registry $(DEMO)/registry --seed $(SEED) > /dev/null)
	@touch $@

# The rankers are judged exploring as those in the log did (pipelines/demo/rankers.py): temperature, floor, reach.
$(DONE)/off_policy: $(DONE)/challenger
	$(call step,6/8 estimate from the log what both would have achieved,$(PY) -m models evaluate --exploring 0.5 0.08 4 --training-set $(DEMO)/training_set --registry $(DEMO)/registry --off-policy $(DEMO)/off_policy.json > /dev/null)
	@touch $@

$(DONE)/metrics: $(DONE)/off_policy $(IMPORTED)
	@PLANS_DATABASE_URL='$(DEMO_DATABASE)' PLANS_EXPERIMENTS=$(DEMO)/raw/truth/experiments.yml $(PY) -m serving experiments show --out $(DEMO)/statuses.json > /dev/null
	$(call step,8/8 compute what the dashboards show,$(PY) -m pipelines metrics --checked $(DEMO)/checked --out $(DEMO)/metrics --experiments $(DEMO)/raw/truth/experiments.yml --statuses $(DEMO)/statuses.json --off-policy $(DEMO)/off_policy.json)
	@touch $@
