# Everything a person needs; each target brings along what it lacks (uv and the locked dependencies).
#
#   make run [PROFILE=smoke|quick|full|gpu] [MIRROR=FOLDER_OR_URL] [DATASETS=a,b] [BUDGETS=m,n] [STORE=URI] [RUNNER=local|docker]

SHELL := /bin/sh
PYTHON := .venv/bin/python
# The machine's own uv, else one of ours in the state folder (from the package registry, as everything else).
UV := $(shell command -v uv 2>/dev/null || echo .state/uv/bin/uv)
BASE_PYTHON ?= python3

PROFILE ?= quick
# Set in the environment or here; empty leaves them out.
export STORE RUNNER

.PHONY: run up down test check bench soak audit sbom fuzz setup images stack stack-down

run: setup $(if $(filter docker,$(RUNNER)),images) ## the main job
	@$(PYTHON) -m tasks.local run --profile "$(PROFILE)" --datasets "$(DATASETS)" --budgets "$(BUDGETS)" --mirror "$(MIRROR)"

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

bench: setup ## what the latest run cost, throughput, growth: some [PARTS] or all of it, into reports/bench.{md,json}
	$(PYTHON) -m tests.bench $(PARTS)

N ?= 50
soak: setup ## N rounds of the smoke profile with a random fault in each [DATASETS=a,b] [SEED=n]; as root, full disks too
	$(PYTHON) -m tests.soak $(N) --datasets "$(DATASETS)" $(if $(SEED),--seed $(SEED))

audit: setup ## known vulnerabilities of the locked packages
	@$(PYTHON) -m tests.audit "$(UV)"

SBOM ?= sbom.cdx.json
sbom: setup ## what is installed, as a CycloneDX list
	@$(UV) export --frozen --quiet --format cyclonedx1.5 --preview-features sbom-export --output-file "$(SBOM)"

SECONDS ?= 60
fuzz: setup ## readers, archives, parameters, TOML and names, SECONDS for each
	$(PYTHON) -m tests.fuzz $(SECONDS)

# The images that docker/*.Dockerfile describe; ACCELERATOR=gpu for TensorFlow with CUDA.
ACCELERATOR ?= cpu
BASE ?= python:3.11.14-slim-bookworm
BUILD = docker build --quiet $(BUILD_OPTIONS) --build-arg BASE=$(BASE) --build-arg REVISION=$$(git rev-parse HEAD) \
	--build-arg SOURCE="$$(git remote get-url origin 2>/dev/null | sed 's,//[^@/]*@,//,')" \
	--build-arg VERSION=$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)

images: ## the two images: what a stage runs in, and Airflow with the DAG
	$(BUILD) -f docker/trainer.Dockerfile --build-arg ACCELERATOR=$(ACCELERATOR) -t like-for-like/trainer:$(ACCELERATOR) .
	$(BUILD) -f docker/airflow.Dockerfile -t like-for-like/airflow .

# Compose v2 where the engine has it, else its predecessor.
COMPOSE = $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose) \
	--project-name like-for-like --file docker/compose.yaml $(COMPOSE_FILES)

stack: images ## the whole workflow in containers: docker/README.md
	$(BASE_PYTHON) docker/make_secrets.py
	ACCELERATOR=$(ACCELERATOR) $(COMPOSE) up --detach
	@echo "the UI comes up at http://127.0.0.1:$${UI_PORT:-8080}; its login: $$(cat docker/secrets/airflow_passwords)"

stack-down: ## stop it; its volumes stay
	ACCELERATOR=$(ACCELERATOR) $(COMPOSE) down

# Quick when nothing changed: the stamp is newer than the lock.
setup: .venv/.synced

.venv/.synced: uv.lock pyproject.toml $(filter .state/%,$(UV))
	@$(UV) sync --frozen --quiet
	@touch $@

.state/uv/bin/uv:
	@$(BASE_PYTHON) -m venv .state/uv && .state/uv/bin/python -m pip install --quiet --disable-pip-version-check uv
