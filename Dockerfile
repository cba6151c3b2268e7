# One image for the whole service. `docker run IMAGE` is a gateway; `docker run IMAGE python -m worker`
# is a worker. Configured by the environment only (docs/configuration.md).

# The Python that the suite runs under.
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
RUN python -m venv /opt/venv
COPY requirements/service.txt /tmp/service.txt
# By hash and from wheels only: nothing is compiled, and nothing comes that was not locked.
RUN /opt/venv/bin/pip install --disable-pip-version-check --no-cache-dir --no-deps \
        --require-hashes --only-binary=:all: -r /tmp/service.txt
COPY warren /srv/warren
COPY shared /srv/shared
COPY api /srv/api
COPY worker /srv/worker
RUN /opt/venv/bin/python -m compileall -q /srv

FROM python:${PYTHON}
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv /srv
WORKDIR /srv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# Of a gateway; a worker serves no HTTP, so switch this off for it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["python", "-c", "\
import http.client, os; \
gateway = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('WARREN_PORT', 8000)), timeout=2); \
gateway.request('GET', '/healthz/live'); \
raise SystemExit(gateway.getresponse().status != 200)"]
CMD ["python", "-m", "api"]
