# In place of SeaweedFS: the project's embedded S3 server, which listens on loopback, behind a forwarded port.
ARG BASE
FROM ${BASE}
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends socat >/dev/null && apt-get clean
COPY docker/uv.txt /
RUN python3 -m venv /uv && /uv/bin/pip install --quiet --no-cache-dir --require-hashes -r /uv.txt
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN UV_PROJECT_ENVIRONMENT=/venv UV_NO_CACHE=1 /uv/bin/uv sync --frozen --quiet --no-default-groups --group store \
    && /uv/bin/uv pip install --quiet --no-cache --python /venv/bin/python boto3 psutil
COPY tasks tasks
COPY tests/engine/stand_ins/store /usr/local/bin/start
ENV PATH=/venv/bin:$PATH
RUN mkdir /data
CMD ["start"]
