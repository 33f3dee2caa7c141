"""What a worker has to load and install."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys

HEAVY = {"chdb", "pandas", "pyarrow", "numpy", "streamlit", "clickhouse_connect"}


def loaded_after(code: str) -> set[str]:
    """Top-level names of all modules that a fresh interpreter has loaded after ``code``."""
    script = f"import json, sys\n{code}\nprint(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(done.stdout))


def test_a_worker_loads_none_of_the_reading_side() -> None:
    code = (
        "import otel_taskmon\nfrom celery import Celery\napp = Celery('a', broker='memory://')\n"
        "otel_taskmon.instrument(app)\n"
        "from otel_taskmon import exporting, process_outbox, settings, event_exporting\n"
        "plan, wanted = exporting.ExportPlan.from_environment({}), settings.Settings.from_environment()\n"
        "exporting.build_provider(plan, wanted, process_outbox.shared(wanted), 'a')"
    )
    names = loaded_after(code)
    assert "celery" in names
    assert names & HEAVY == set()


def test_the_package_alone_loads_no_celery() -> None:
    """The store and the viewer import it too."""
    assert (
        loaded_after("import otel_taskmon\notel_taskmon.__version__") & {"celery", "opentelemetry"} == set()
    )


def test_a_plain_install_brings_none_of_the_reading_side() -> None:
    requirements = importlib.metadata.requires("otel-taskmon") or []
    plain = {
        re.split(r"[ \[<>=!~;(]", text, maxsplit=1)[0].lower().replace("-", "_")
        for text in requirements
        if "extra ==" not in text
    }
    assert "celery" in plain
    assert plain & HEAVY == set()
