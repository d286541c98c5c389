# Everything a person needs: `make` lists it. Each target brings along what it lacks (uv and the locked dependencies).

SHELL := /bin/sh
override PYTHON := .venv/bin/python
# The machine's own uv, else one of ours in the state folder (from the package registry, as everything else).
UV := $(shell command -v uv 2>/dev/null || echo .state/uv/bin/uv)
BASE_PYTHON ?= python3

# Variables that the shell sets for other projects' Python, uv and pip do not count. These are kept: how Python writes,
# where uv finds packages, uv's cache, its network. Targets run one after the other, whatever MAKEFLAGS says.
.NOTPARALLEL:
PYTHON_KEPT := PYTHON PYTHONDONTWRITEBYTECODE PYTHONIOENCODING PYTHONUNBUFFERED PYTHONUTF8
UV_KEPT := UV UV_KEPT UV_CACHE_DIR UV_CONCURRENT% UV_CONFIG_FILE UV_DEFAULT_INDEX UV_EXTRA_INDEX_URL UV_FIND_LINKS UV_HTTP% \
	UV_INDEX% UV_INSECURE_HOST UV_KEYRING_PROVIDER UV_LINK_MODE UV_NATIVE_TLS UV_NO_CACHE UV_OFFLINE UV_SYSTEM_CERTS
unexport $(filter-out $(PYTHON_KEPT),$(filter PYTHON%,$(.VARIABLES))) $(filter-out $(UV_KEPT),$(filter UV_%,$(.VARIABLES)))
unexport CDPATH CONDA_PREFIX VIRTUAL_ENV PIP_DRY_RUN PIP_NO_DEPS PIP_PREFIX PIP_ROOT PIP_TARGET PIP_USER

PROFILE ?= quick
# Set in the environment or here; empty leaves them out.
export STORE RUNNER

.DEFAULT_GOAL := help
.PHONY: help run dataset up down verify download compare predict champions rollback export promote test-unit test test-rest test-engine demo-workers test-all coverage check bench soak audit sbom fuzz setup images stack stack-down

# A line for each target, in this file's order: what follows its ##, and below it the variables where both are long.
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s ", $$1; left = $$2; \
		while (length(left) > 84 && match(substr(left, 1, 100), /.* \[/)) { \
			print substr(left, 1, RLENGTH - 2); printf "%18s", ""; left = substr(left, RLENGTH) } \
		print left }' $(MAKEFILE_LIST)

run: setup $(if $(filter docker,$(RUNNER)),images) ## compare and report [PROFILE=smoke|quick|full|gpu] [MIRROR=URL] [DATASETS=a,b] [BUDGETS=m,n] [STORE=URI] [RUNNER=docker] [FORCE=1|a,b]
	@$(PYTHON) -m tasks.local run --profile "$(PROFILE)" --datasets "$(DATASETS)" --budgets "$(BUDGETS)" \
		--mirror "$(MIRROR)" --force "$(FORCE)"

dataset: setup ## your own images as a dataset: NAME=flowers FROM=folder|archive|Parquet file|s3://|https:// [LABELS=column]
	@$(PYTHON) -m tasks.local dataset add "$(NAME)" --from "$(FROM)" $(if $(LABELS),--labels "$(LABELS)")

up: setup ## start Airflow and the store and leave them running; prints the UI's address and login [STORE=URI] [RUNNER=docker]
	@$(PYTHON) -m tasks.local up

down: setup ## stop what `make up` started
	@$(PYTHON) -m tasks.local down

# Folders need no store. What has no slash is a run in the store, which is that of this machine where STORE names none.
tasks_on = $(PYTHON) -m $(if $(strip $(foreach name,$(1),$(if $(findstring /,$(name)),,$(name)))),tasks.local tasks,tasks)
REPORT ?= reports/latest
verify: setup ## compute the numbers of a report again and check every digest [REPORT=reports/latest]
	@$(call tasks_on,$(REPORT)) verify "$(REPORT)"

RUN ?= latest
download: setup ## bring a published report from the store, and check every file [RUN=latest] [TO=folder] [STORE=URI]
	@$(PYTHON) -m tasks.local tasks download "$(RUN)" $(if $(TO),"$(TO)")

B ?= reports/latest
compare: setup ## say what differs between two runs, and what that did to their results: A=run or folder [B=reports/latest] [PAGE=file]
	@$(call tasks_on,$(A) $(B)) compare "$(A)" "$(B)" $(if $(PAGE),--page "$(PAGE)")

predict: setup ## what the champion sees in images: DATASET=flowers FROM=file|folder|archive|s3:// [OUTPUT=csv|jsonl|parquet file] [MODEL=RUN/FAMILY]
	@$(PYTHON) -m tasks.local tasks predict "$(DATASET)" "$(FROM)" $(if $(OUTPUT),--output "$(OUTPUT)") $(if $(MODEL),--model "$(MODEL)")

champions: setup ## the champion of each dataset, and how it became that
	@$(PYTHON) -m tasks.local tasks champion history

rollback: setup ## bring the champion of a dataset back that was there before: DATASET=name [TO=number]
	@$(PYTHON) -m tasks.local tasks champion rollback "$(DATASET)" $(if $(TO),--to "$(TO)")

export: setup ## the champion as files: model.keras, model.onnx, its classes and its model card: DATASET=name [TO=folder]
	@$(PYTHON) -m tasks.local tasks champion download "$(DATASET)" $(if $(TO),"$(TO)")

# 99 says that it is the champion already.
promote: setup ## let a run's best model become the champion, if the gate lets it pass [RUN=latest] [DATASET=name] [ANYWAY=1 WHY=reason]
	@$(PYTHON) -m tasks.local tasks champion promote "$(RUN)" $(if $(DATASET),--dataset "$(DATASET)") \
		$(if $(ANYWAY),--anyway) $(if $(WHY),--why "$(WHY)") || [ $$? -eq 99 ]

# The tiers of the tests: tests/README.md. A worker for each core, at most 4, as one takes up to 1.5 GB; a file's tests stay
# in one process, as they share what they made. What starts Airflow, kills, or restarts an engine runs alone.
WORKERS := $(shell n=$$(nproc 2>/dev/null || echo 2); [ "$$n" -lt 4 ] && echo "$$n" || echo 4)
PYTEST := $(PYTHON) -m pytest
PARALLEL := $(PYTEST) -n $(WORKERS) --dist loadfile
FIRST_RUN := tests/workflow/test_first_run.py
MACHINERY := tests/engine/stack tests/engine/workers tests/engine/bucket tests/engine/cluster

test-unit: setup ## the unit tier, for after every edit: 3 minutes
	$(PARALLEL) tests/unit

test: test-unit ## the unit and contract tiers, and one run through the real Airflow and S3 server: 9 minutes
	$(PARALLEL) tests/contract
	$(PYTEST) $(FIRST_RUN)

test-rest: setup ## what `make test-all` adds: the other runs, faults, and containers where there is an engine
	$(PYTEST) tests/workflow tests/engine tests/faults $(addprefix --ignore ,$(FIRST_RUN) $(MACHINERY))

test-engine: setup ## as root on Debian: the stack, workers on hosts of their own, a bucket on Ceph, Kubernetes: an hour
	$(PYTEST) $(MACHINERY)

demo-workers: setup ## a head and two Celery workers on such hosts, to look at, until Ctrl-C
	$(PYTHON) -m tests.engine.workers.demo

test-all: test test-rest ## every test, as CI: 45 minutes

coverage: setup ## the lines that the unit and contract tiers reach, with a floor
	$(PARALLEL) tests/unit tests/contract --cov tasks --cov dags --cov-report term:skip-covered

# The same as .pre-commit-config.yaml, over everything.
check: setup ## style, types, import rules, spelling, and that TOML and YAML can be read
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports
	.venv/bin/codespell
	find . -name '*.toml' -not -path './.*/*' -exec .venv/bin/check-toml {} +
	find . -name '*.yaml' -not -path './.*/*' -exec .venv/bin/check-yaml --allow-multiple-documents {} +

bench: setup ## what the latest run cost, throughput, growth: into reports/bench.{md,json} [PARTS="orchestration learning"]
	$(PYTHON) -m tests.bench $(PARTS)

N ?= 50
soak: setup ## rounds of the smoke profile with a random fault in each; as root, full disks too [N=50] [DATASETS=a,b] [SEED=n]
	$(PYTHON) -m tests.soak $(N) --datasets "$(DATASETS)" $(if $(SEED),--seed $(SEED))

audit: setup ## known vulnerabilities of the locked packages
	@$(PYTHON) -m tests.audit "$(UV)"

SBOM ?= sbom.cdx.json
sbom: setup ## what is installed, as a CycloneDX list [SBOM=sbom.cdx.json]
	@"$(UV)" export --frozen --quiet --format cyclonedx1.5 --preview-features sbom-export --output-file "$(SBOM)"

SECONDS ?= 60
fuzz: setup ## attacks on readers, archives, parameters, TOML and names [SECONDS=60, for each]
	$(PYTHON) -m tests.fuzz $(SECONDS)

# The images that docker/*.Dockerfile describe; ACCELERATOR=gpu for JAX with CUDA beside.
ACCELERATOR ?= cpu
BASE ?= python:3.11.14-slim-bookworm
BUILD = docker build --quiet $(BUILD_OPTIONS) --build-arg BASE=$(BASE) --build-arg REVISION=$$(git rev-parse HEAD) \
	--build-arg SOURCE="$$(git remote get-url origin 2>/dev/null | sed 's,//[^@/]*@,//,')" \
	--build-arg VERSION=$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)

images: ## the two container images: what a stage runs in, and Airflow with the DAG [ACCELERATOR=cpu|gpu] [BASE=IMAGE]
	$(BUILD) -f docker/trainer.Dockerfile --build-arg ACCELERATOR=$(ACCELERATOR) -t like-for-like/trainer:$(ACCELERATOR) .
	$(BUILD) -f docker/airflow.Dockerfile -t like-for-like/airflow .

# Compose v2 where the engine has it, else its predecessor.
COMPOSE = $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose) \
	--project-name like-for-like --file docker/compose.yaml $(COMPOSE_FILES)

# Who runs the tasks: the scheduler's own processes, or a worker beside them. The services of the latter are a profile.
EXECUTOR ?= local
STACK = ACCELERATOR=$(ACCELERATOR) EXECUTOR_CLASS=$(EXECUTOR_$(EXECUTOR)) EDGE_API=$(if $(filter edge,$(EXECUTOR)),True,False) \
	COMPOSE_PROFILES=$(EXECUTOR) $(COMPOSE)
WHOLE_STACK = COMPOSE_PROFILES=celery,edge $(COMPOSE)
EXECUTOR_local := LocalExecutor
EXECUTOR_celery := CeleryExecutor
EXECUTOR_edge := airflow.providers.edge3.executors.EdgeExecutor

stack: images ## start the whole workflow in containers: docker/README.md [ACCELERATOR=cpu|gpu] [EXECUTOR=local|celery|edge]
	$(BASE_PYTHON) docker/make_secrets.py
	chmod -R a+rX docker/compose
	$(STACK) up --detach
	@echo "the UI comes up at http://127.0.0.1:$${UI_PORT:-8080}; its login: $$(cat docker/secrets/airflow_passwords)"

stack-down: ## stop the containers, the workers of either kind and the stages at work, too; their volumes stay
	$(WHOLE_STACK) stop
	docker ps --all --quiet --filter network=like-for-like-stages --filter label=like-for-like.stage | xargs -r docker rm --force
	$(WHOLE_STACK) down

# Silent and instant when nothing changed: the stamp is newer than the lock.
setup: .venv/.synced ## install the locked packages; every target that needs them does so by itself
	@:

.venv/.synced: uv.lock pyproject.toml $(filter .state/%,$(UV))
	@echo "installing the locked packages: the first time about 1.5 GB and some minutes, later only what changed"
	@$(ALIVE); "$(UV)" sync --frozen
	@touch $@

.state/uv/bin/uv:
	@echo "installing uv, which installs the packages: some seconds"
	@$(ALIVE); $(BASE_PYTHON) -m venv .state/uv && .state/uv/bin/python -m pip install --quiet --disable-pip-version-check uv

# Where no terminal shows uv's progress bars, a line says every 14 seconds that the set-up still goes on.
ALIVE = if [ ! -t 2 ]; then while sleep 14 >/dev/null 2>&1; do echo "still installing ..."; done & trap "kill $$!" EXIT; fi
