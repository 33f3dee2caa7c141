"""Makes ``docs/settings.md``: ``python -m otel_taskmon._settings_page > docs/settings.md``."""

from __future__ import annotations

import dataclasses
import sys

from otel_taskmon._setting_fields import spec_of
from otel_taskmon.settings import (
    FILE_SUFFIX,
    BrokerSettings,
    FromEnvironment,
    ReaderSettings,
    RetentionSettings,
    Settings,
    StoreSettings,
    ViewerSettings,
)

_INTRODUCTION = """\
# Settings

Made from the fields in `otel_taskmon/settings` by `python -m otel_taskmon._settings_page > docs/settings.md`.

Each setting is an environment variable and a keyword argument: `otel_taskmon.instrument(app, redact=False)` is
`TASKMON_REDACT=false`. The keyword wins over the variable, the variable over the default. An empty variable counts as
none. A name or a value that is wrong stops the start, with the name, the value and what is allowed; so does any other
variable that begins with `TASKMON_`, except what `collector-config` and `grafana` read and what Kubernetes sets for a
Service whose name begins with `taskmon`.

What OpenTelemetry has a variable for has none here: where to send (`OTEL_EXPORTER_OTLP_ENDPOINT`,
`OTEL_EXPORTER_OTLP_HEADERS` …), the name of the service (`OTEL_SERVICE_NAME`), resource attributes
(`OTEL_RESOURCE_ATTRIBUTES`), switching all of it off (`OTEL_SDK_DISABLED`).
"""

_SECTIONS: tuple[tuple[str, type[FromEnvironment]], ...] = (
    ("In publishers and workers", Settings),
    ("`taskmon serve`", StoreSettings),
    ("How long rows are kept: `taskmon serve` and `taskmon migrate` apply it", RetentionSettings),
    ("Everything that reads the tables: viewer and commands", ReaderSettings),
    ("`taskmon viewer`", ViewerSettings),
    ("The page of queues, `taskmon inspect queue` and `taskmon purge queue`", BrokerSettings),
)


def page() -> str:
    """The whole page, Markdown."""
    parts = [_INTRODUCTION]
    for title, owner in _SECTIONS:
        rows = [
            f"## {title}\n",
            "| variable | keyword | default | allowed | what it does |",
            "|---|---|---|---|---|",
        ]
        for declared in dataclasses.fields(owner):  # type: ignore[arg-type]  # they are dataclasses
            spec = spec_of(declared)
            cells = (
                f"`{spec.variable}`",
                f"`{declared.name}`",
                spec.default_text,
                spec.kind.allowed,
                spec.help,
            )
            rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        parts.append("\n".join(rows) + "\n")
    parts.append(
        f"Each secret can stand in a file instead: `TASKMON_CLICKHOUSE_PASSWORD{FILE_SUFFIX}=/run/secrets/reader`. "
        "Secrets are never arguments of a command and are never shown.\n"
    )
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(page())
