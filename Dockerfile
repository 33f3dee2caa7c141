# syntax=docker/dockerfile:1
# One image for everything of ours: `taskmon migrate`, `taskmon viewer`, and the demo's worker and publisher.
# EXTRAS=all adds the embedded store (about 600 MB more): docker build --build-arg EXTRAS=all .
ARG PYTHON=3.13-slim-bookworm

FROM python:${PYTHON} AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY otel_taskmon ./otel_taskmon
COPY viewer ./viewer
ARG EXTRAS=viewer
# The constraints are what the tests run with. celery[redis]: for the demo, and for looking at queues on Redis.
RUN python -m venv /opt/taskmon \
 && /opt/taskmon/bin/pip install --no-cache-dir --disable-pip-version-check -c constraints.txt ".[${EXTRAS}]" "celery[redis]"

FROM python:${PYTHON}
# The same number as the Collector's image uses, so that a volume may be handed from one to the other.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin taskmon \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/taskmon
COPY --from=build /opt/taskmon /opt/taskmon
ENV PATH=/opt/taskmon/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TASKMON_OUTBOX_DIR=/var/lib/taskmon/outbox
USER 10001:10001
WORKDIR /tmp
VOLUME /var/lib/taskmon
CMD ["taskmon", "--help"]
