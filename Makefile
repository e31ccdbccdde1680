# `make` lists the targets. Needs Python 3.11 or later; everything else is installed into .venv.
.DEFAULT_GOAL := help
.PHONY: help demo api docs docs-serve test test-backstage test-docs test-page test-image bench wheel image check-deploy torture nightly reprocess runs \
	coverage doctor psql lint types unit e2e format lock sbom audit secrets docs-configuration pictures screenshots clean

PYTHON ?= python3
IMAGE ?= finops:0.1.0
# uv then trusts the system's certificate authorities, a company's own included.
export UV_SYSTEM_CERTS ?= true
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TOOLS := $(VENV)/.tools
PIP_INSTALL = $(BIN)/pip install -qq --disable-pip-version-check --no-deps
# How a lock is written: by hash, without an address, for every system.
COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
	--no-strip-extras --python-version 3.11
# Without a configured database, commands use the demo's.
ON_DEMO := $(if $(PGHOST),,$(BIN)/python -m finops.demo run --)
# The docs need no database; with the configured one, or the demo's, they also show column types.
DOCS := $(if $(PGHOST),$(BIN)/finops,$(if $(wildcard .finops/postgres),$(BIN)/python -m finops.demo run -- finops,$(BIN)/finops)) docs

help: ## Print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## Run the nightly on a made-up company, in an embedded PostgreSQL (AS_OF=2026-11-22, ARGS="--months 3")
	@$(BIN)/python -m finops.demo $(if $(AS_OF),--as-of $(AS_OF)) $(ARGS)

api: $(READY) ## Serve the HTTP API on the configured database, else on the demo's for this machine only (ARGS="--port 8000")
	@$(ON_DEMO) $(if $(ON_DEMO),finops-api serve --insecure-local,$(BIN)/finops-api serve) $(ARGS)

docs: $(READY) ## Write the documentation of every table and column as one HTML file (ARGS="--output docs.html")
	@$(DOCS) build $(if $(ARGS),$(ARGS),--output dbt_project/target/finops-docs.html)

docs-serve: $(READY) ## Serve that documentation (ARGS="--port 8080")
	@$(DOCS) serve $(ARGS)

test: $(TOOLS) ## Run lint, types, unit, dbt and end-to-end tests
	@$(MAKE) --no-print-directory lint types
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-backstage: $(TOOLS) ## Test Backstage's real page on this API: needs Node.js, npm and Chromium, installs npm packages
	@$(BIN)/python -m pytest -m backstage tests/backstage

test-docs: $(TOOLS) ## Test the docs site in a browser: needs Chromium
	@$(BIN)/python -m pytest -m browser tests/browser

test-page: $(TOOLS) ## Test the page on the demo in a browser, by the figures of SQL: needs Chromium (DEMO=.finops takes one that is there)
	@DEMO="$(DEMO)" $(BIN)/python -m pytest -m page tests/page

bench: $(TOOLS) ## Measure speed against floors and goals, in a short form (ARGS="documents" for one)
	@$(BIN)/python -m bench --short $(ARGS)

nightly: $(READY) ## Collect, reconcile and publish on the configured database (ARGS="--period 2026-09")
	@$(BIN)/finops nightly $(ARGS)

reprocess: $(READY) ## Recompute a month (PERIOD=2026-09 REASON="…", ARGS="--refetch")
	@$(ON_DEMO) $(if $(ON_DEMO),finops,$(BIN)/finops) reprocess --period "$(PERIOD)" --reason "$(REASON)" $(ARGS)

runs: $(READY) ## List the last runs, or show one in full (RUN=4f0c)
	@$(ON_DEMO) $(if $(ON_DEMO),finops,$(BIN)/finops) runs $(RUN)

coverage: $(READY) ## Show allocated, estimated and rejected cost, and what to fix first (ARGS="--period 2026-09")
	@$(ON_DEMO) $(if $(ON_DEMO),finops,$(BIN)/finops) coverage $(ARGS)

doctor: $(READY) ## Check the configured installation, else the demo, and print remedies
	@$(ON_DEMO) $(if $(ON_DEMO),finops,$(BIN)/finops) doctor

psql: $(READY) ## Open psql on the demo's database (ARGS="-Atc 'select 1'")
	@$(BIN)/python -m finops.demo psql -- $(ARGS)

wheel: $(READY) ## Build the Python package, dbt project included: dist/finops_module-0.1.0-py3-none-any.whl
	@rm -rf build/lib build/bdist.* && $(BIN)/pip wheel -q --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .

image: ## Build the container image with Docker or buildah (IMAGE=finops:0.1.0, ARGS="--build-arg BASE=…")
	@if docker info >/dev/null 2>&1; then docker build --tag $(IMAGE) $(ARGS) .; else buildah build --tag $(IMAGE) $(ARGS) .; fi

test-image: $(TOOLS) ## Build the image and test it read-only as uid 10001: needs root, buildah, and mmdebstrap or BASE=…
	@FINOPS_IMAGE_BASE="$(BASE)" $(BIN)/python -m pytest -m image tests/image

check-deploy: $(TOOLS) ## Check the rendered manifests of deploy/ with checkov: needs kubectl
	@rendered=$$(mktemp -d) && trap 'rm -rf "$$rendered"' EXIT && for overlay in small production; do \
		kubectl kustomize deploy/overlays/$$overlay > $$rendered/$$overlay.yaml || exit 1; done \
	&& $(BIN)/uv tool run --quiet checkov@3.3.30 --config-file .checkov.yaml --directory "$$rendered"

lint: $(TOOLS)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models dbt_project/tests

types: $(TOOLS)
	@$(BIN)/mypy

torture: $(TOOLS) ## Run the hostile tests ten times as hard, then disturb nightlies (ARGS="--kills 500 --seed 3")
	@TORTURE=10 $(BIN)/python -m pytest -n 2 --dist loadfile -m hostile
	@$(BIN)/python -m tests.torture $(ARGS)

unit: $(TOOLS) ## Run the tests that need no database
	@$(BIN)/python -m pytest tests/unit

format: $(TOOLS) ## Format Python and SQL
	@$(BIN)/ruff check --fix-only . ; $(BIN)/ruff format . ; $(BIN)/sqlfluff fix dbt_project/models dbt_project/tests

lock: $(TOOLS) ## Regenerate requirements.lock and its parts, the demo's and the image's (ARGS="--upgrade-package dlt")
	@$(COMPILE) --extra dev $(ARGS) -o requirements.lock pyproject.toml
	@$(COMPILE) --extra demo --constraint requirements.lock -o requirements-demo.lock pyproject.toml
	@$(COMPILE) --extra az --extra gs --extra otel --extra s3 --extra sql --constraint requirements.lock -o requirements-image.lock pyproject.toml

sbom: $(TOOLS) ## Write build/sbom.cdx.json, the packages of production as CycloneDX (needs a package index)
	@mkdir -p build
	@$(BIN)/uv venv --quiet --clear build/runtime
	@$(BIN)/uv pip sync --quiet --require-hashes --python build/runtime requirements-image.lock
	@$(BIN)/uv tool run --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py environment --pyproject pyproject.toml \
		--output-reproducible --output-format JSON --output-file build/sbom.cdx.json build/runtime

audit: $(TOOLS) ## Check requirements.lock for known vulnerabilities: needs PyPI or OSV (ARGS="--osv-url https://…/v1/query")
	@$(BIN)/python -m tests.audit $(ARGS)

secrets: $(TOOLS) ## Scan tracked files for credentials and update .secrets.baseline: read its diff
	@$(BIN)/detect-secrets scan --no-verify --baseline .secrets.baseline && git --no-pager diff --stat .secrets.baseline

docs-configuration: $(TOOLS) ## Regenerate docs/configuration.md from the code
	@$(BIN)/python -m docs.configuration

pictures: $(TOOLS) ## Regenerate the README's pictures from the demo's output (docs/images)
	@$(BIN)/python -m docs.pictures

screenshots: $(TOOLS) ## Write the page's main views to build/screenshots, and two of them to docs/images: needs Chromium (DEMO=.finops)
	@DEMO="$(DEMO)" $(BIN)/python -m tests.page.screenshots

clean: ## Remove the virtual environment and what the demo built
	rm -rf $(VENV) .finops

$(READY): requirements-demo.lock pyproject.toml
	@echo "Preparing $(VENV): a minute, once"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP_INSTALL) --require-hashes -r requirements-demo.lock
	@$(PIP_INSTALL) --no-build-isolation --editable .
	@touch $@

# The demo's packages stay; what tests, lint and locks need comes beside them.
$(TOOLS): requirements.lock $(READY)
	@echo "Adding the tools of developers to $(VENV): a minute or two, once"
	@$(PIP_INSTALL) --require-hashes -r requirements.lock
	@touch $@
