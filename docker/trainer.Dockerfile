# The image of the stages: the packages of uv.lock that they need, and the code of `tasks`; no Airflow.
#
#   docker build -f docker/trainer.Dockerfile -t like-for-like/trainer:cpu .
#   docker build -f docker/trainer.Dockerfile -t like-for-like/trainer:gpu --build-arg ACCELERATOR=gpu .
#
# `make images` runs these. BASE may be pinned by digest: --build-arg BASE=python:3.11.14-slim-bookworm@sha256:...
ARG BASE=python:3.11.14-slim-bookworm

FROM ${BASE} AS packages
COPY docker/uv.txt /
RUN python3 -m venv /uv && /uv/bin/pip install --quiet --no-cache-dir --require-hashes -r /uv.txt
ENV PATH=/uv/bin:$PATH UV_PROJECT_ENVIRONMENT=/venv UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1
WORKDIR /app
COPY pyproject.toml uv.lock ./
# cpu: the group `train`, with TensorFlow's CPU build. gpu: the same, and JAX with CUDA from its own wheels.
ARG ACCELERATOR=cpu
RUN case "$ACCELERATOR" in \
      cpu) wanted="--group train" ;; \
      gpu) wanted="--extra gpu" ;; \
      *) echo "ACCELERATOR: expected cpu or gpu, received $ACCELERATOR" >&2; exit 1 ;; \
    esac && uv sync --frozen --quiet --no-default-groups $wanted

FROM ${BASE}
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin stage
# Stages write only to /tmp, so that the root file system can be read-only.
ENV PATH=/venv/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 TF_CPP_MIN_LOG_LEVEL=2
WORKDIR /app
COPY --from=packages /venv /venv
# The code comes last, so that a change of it makes one small layer.
COPY pyproject.toml uv.lock ./
COPY config config
COPY tasks tasks
# A checkout that only its owner can read must not make files that the image's user cannot read.
RUN chmod -R a+rX . && python -m compileall -q tasks
USER 10001:10001
CMD ["python", "-m", "tasks", "--help"]
ARG SOURCE=""
ARG REVISION=""
ARG VERSION=""
LABEL org.opencontainers.image.title="Like for Like: the stages" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.version="${VERSION}"
