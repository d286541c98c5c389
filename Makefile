# Everything a person needs; each target brings along what it lacks (uv and the locked dependencies).
#
#   make run [PROFILE=smoke|quick|full] [MIRROR=FOLDER_OR_URL] [DATASETS=a,b] [STORE=URI]

SHELL := /bin/sh
PYTHON := .venv/bin/python
# The machine's own uv, else one of ours in the state folder (from the package registry, as everything else).
UV := $(shell command -v uv 2>/dev/null || echo .state/uv/bin/uv)
BASE_PYTHON ?= python3

PROFILE ?= quick
# Set in the environment or here; empty leaves them out.
export STORE

.PHONY: run up down test check bench audit sbom fuzz setup

run: setup ## the main job
	@$(PYTHON) -m tasks.local run --profile "$(PROFILE)" --datasets "$(DATASETS)" --mirror "$(MIRROR)"

up: setup ## leave everything running; prints the UI's address and login
	@$(PYTHON) -m tasks.local up

down: setup ## stop it
	@$(PYTHON) -m tasks.local down

test: setup
	$(PYTHON) -m pytest

check: setup
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports

bench: setup ## what orchestration costs, from the latest run
	$(PYTHON) -m tests.bench

audit: setup ## known vulnerabilities of the locked packages
	@$(PYTHON) -m tests.audit "$(UV)"

SBOM ?= sbom.cdx.json
sbom: setup ## what is installed, as a CycloneDX list
	@$(UV) export --frozen --quiet --format cyclonedx1.5 --preview-features sbom-export --output-file "$(SBOM)"

SECONDS ?= 60
fuzz: setup ## readers, archives, parameters, TOML and names, SECONDS for each
	$(PYTHON) -m tests.fuzz $(SECONDS)

# Quick when nothing changed: the stamp is newer than the lock.
setup: .venv/.synced

.venv/.synced: uv.lock pyproject.toml $(filter .state/%,$(UV))
	@$(UV) sync --frozen --quiet
	@touch $@

.state/uv/bin/uv:
	@$(BASE_PYTHON) -m venv .state/uv && .state/uv/bin/python -m pip install --quiet --disable-pip-version-check uv
