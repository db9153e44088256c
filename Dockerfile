# One image for web, worker and beat: `docker compose up` runs all three from it (compose.yaml).

FROM python:3.11-slim AS build
WORKDIR /app
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.lock ./
RUN pip wheel --require-hashes --wheel-dir /wheels --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY worker ./worker
# From the wheels whose hashes were checked, only what the service needs: what the tests need stays behind.
RUN python -m venv .venv \
    && .venv/bin/pip install --no-index --find-links /wheels --upgrade setuptools \
    && .venv/bin/pip install --no-index --find-links /wheels --no-build-isolation --editable .

FROM python:3.11-slim
WORKDIR /app
RUN useradd --system --uid 10001 --home-dir /var/lib/broadsheet --create-home broadsheet
COPY --from=build /app /app
COPY templates ./templates
COPY feeds.toml ./
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    BROADSHEET_HOME=/var/lib/broadsheet LOG_FORMAT=json
USER broadsheet
VOLUME /var/lib/broadsheet
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["broadsheet", "web", "--host", "0.0.0.0"]
