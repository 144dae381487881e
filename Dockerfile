# One process, not root, nothing written but below /data. See docs/operations/README.md.
FROM python:3.12.12-slim-bookworm AS build
COPY requirements.txt /build/
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check -r /build/requirements.txt

FROM python:3.12.12-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /data --no-create-home steward \
 && install --directory --owner=steward --mode=0700 /data
COPY --from=build /opt/venv /opt/venv
WORKDIR /opt/steward
COPY app.py assembly.py main.py ./
COPY agent agent
COPY blueprints blueprints
COPY commands commands
COPY demo demo
COPY integrations integrations
COPY openapi openapi
COPY schemas schemas
COPY test test
COPY web web
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    STEWARD_HOST=0.0.0.0 \
    STEWARD_DATA_DIR=/data
USER steward
VOLUME /data
EXPOSE 8001
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ.get('STEWARD_PORT') or 8001}/livez\", timeout=4)"]
STOPSIGNAL SIGTERM
CMD ["python", "app.py"]
