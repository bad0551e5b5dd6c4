# One image for all services: what it runs is the command (`convene serve activities`, `convene migrate partners` ...).
ARG PYTHON_VERSION=3.14

FROM python:${PYTHON_VERSION}-slim AS build
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/convene && python -m venv /opt/builder
# dependencies first: this layer is made anew only when a lock file changes
COPY requirements/run.lock requirements/build.lock requirements/
RUN /opt/convene/bin/pip install --require-hashes -r requirements/run.lock \
 && /opt/builder/bin/pip install --require-hashes -r requirements/build.lock
COPY pyproject.toml README.md ./
COPY shared shared
COPY services services
COPY infra infra
COPY dashboard dashboard
COPY client client
RUN /opt/builder/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /build/wheels . \
 && /opt/convene/bin/pip install --no-deps /build/wheels/*.whl \
 && /opt/convene/bin/python -m compileall -q /opt/convene

FROM python:${PYTHON_VERSION}-slim
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin convene
COPY --from=build /opt/convene /opt/convene
ENV PATH=/opt/convene/bin:$PATH PYTHONUNBUFFERED=1 CONVENE_LOG_FORMAT=json
USER 10001
EXPOSE 8000
# An orderly end takes its time: streams close, the message in hand is finished, the outbox is emptied.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["convene"]
CMD ["--help"]
