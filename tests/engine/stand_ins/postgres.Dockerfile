# In place of the official image, from Debian's package, with the part of its interface that the stack uses.
ARG BASE
FROM ${BASE}
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql >/dev/null && apt-get clean
ENV PATH=/usr/lib/postgresql/15/bin:$PATH PGDATA=/var/lib/postgresql/data
RUN mkdir -p $PGDATA && chown postgres:postgres $PGDATA && chmod 700 $PGDATA
COPY tests/engine/stand_ins/postgres /usr/local/bin/start
USER postgres
CMD ["start"]
