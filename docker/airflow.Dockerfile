# The image of Airflow: the group `orchestrate` of uv.lock, the DAG and its plugin; no TensorFlow.
#
#   docker build -f docker/airflow.Dockerfile -t like-for-like/airflow .
#
# `make images` runs this. BASE may be pinned by digest: --build-arg BASE=python:3.11.14-slim-bookworm@sha256:...
ARG BASE=python:3.11.14-slim-bookworm

FROM ${BASE} AS packages
COPY docker/uv.txt /
RUN python3 -m venv /uv && /uv/bin/pip install --quiet --no-cache-dir --require-hashes -r /uv.txt
ENV PATH=/uv/bin:$PATH UV_PROJECT_ENVIRONMENT=/venv UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --quiet --no-default-groups --group orchestrate --group workers

FROM ${BASE}
# Airflow's home holds its logs and the passwords of its API server. A volume mounted here starts as a copy of it.
RUN useradd --uid 10001 --create-home --home-dir /airflow --shell /usr/sbin/nologin airflow
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/app \
    AIRFLOW_HOME=/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/app/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/app/dags/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False
WORKDIR /app
COPY --from=packages /venv /venv
COPY docker/create_bucket.py docker/heartbeat.py docker/
COPY config config
# The DAG needs `tasks` for the typed configuration, and for the families' names, which are those of their files.
COPY tasks tasks
COPY dags dags
# A checkout that only its owner can read must not make files that the image's user cannot read.
RUN chmod -R a+rX . && python -m compileall -q dags tasks
USER 10001:10001
CMD ["airflow", "--help"]
ARG SOURCE=""
ARG REVISION=""
ARG VERSION=""
LABEL org.opencontainers.image.title="Like for Like: Airflow with the DAG" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.version="${VERSION}"
