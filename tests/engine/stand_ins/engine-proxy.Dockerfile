# In place of the official image: Debian's HAProxy, with the same configuration mounted.
ARG BASE
FROM ${BASE}
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends haproxy netcat-openbsd >/dev/null && apt-get clean
CMD ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]
