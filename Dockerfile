# The service, and nothing that trains or reports: `docker build --tag plans .`
# The pipelines, the training of rankers and MLflow's server: `docker build --target pipelines --tag plans-pipelines .`
# Debian's own Python, so that .ci/image can build the same steps on a tree of Debian packages where no registry can be reached.
FROM debian:bookworm-slim AS installed
ARG PIP_INDEX_URL
ARG PIP_CERT
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates python3-venv
WORKDIR /service
COPY requirements-serving.lock .
RUN python3 -m venv .venv \
    && .venv/bin/python -m pip install --no-cache-dir --require-hashes -r requirements-serving.lock \
    && .venv/bin/python -m pip uninstall -y --quiet pip

FROM debian:bookworm-slim AS base
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3 libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --home-dir /data --create-home --shell /usr/sbin/nologin plans
WORKDIR /service
ENV PATH=/service/.venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1

FROM installed AS installed-pipelines
COPY requirements-pipelines.lock .
RUN python3 -m venv .venv && .venv/bin/python -m pip install --no-cache-dir --require-hashes -r requirements-pipelines.lock

FROM base AS pipelines
COPY --from=installed-pipelines /service/.venv .venv
COPY data_contracts data_contracts
COPY recommender recommender
COPY pipelines pipelines
COPY models models
COPY notebooks notebooks
ENV MLFLOW_DISABLE_TELEMETRY=true GX_ANALYTICS_ENABLED=false DO_NOT_TRACK=true
USER plans
VOLUME /data
CMD ["python", "-m", "models", "--help"]

FROM base AS service
RUN apt-get update \
    && apt-get install -y --no-install-recommends libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-inter fonts-dejavu-core \
    && rm -rf /var/lib/apt/lists/*
COPY --from=installed /service/.venv .venv
COPY data_contracts data_contracts
COPY recommender recommender
COPY models models
COPY serving serving
ENV PLANS_HOST=0.0.0.0 PLANS_PORT=8000 PLANS_DATABASE_URL=sqlite:////data/plans.db
USER plans
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/livez', timeout=4)"]
ENTRYPOINT ["python", "-m", "serving"]
CMD ["run"]
