"""The worker's tests on every supported minor version of Celery: ``make test-matrix``.

    python -m tests.matrix [--only 5.3,5.5] [PYTEST ARGUMENTS]

Each version has an environment of its own. Prints one line per version and every test that failed; exits 1 unless all
that ran passed on all versions.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

from tests.matrix.environments import FOLDER, VERSIONS, installed, prepare
from tests.support.processes import ROOT

WORKER_TESTS = (
    "tests/unit/test_instrument*.py",
    "tests/unit/test_celery_worker_parts.py",
    "tests/unit/test_eager_lineage.py",
    "tests/unit/test_endings.py",
    "tests/unit/test_main_process.py",
    "tests/unit/test_safely.py",
    "tests/integration/test_worker_*.py",
    "tests/integration/test_publish_failures.py",
    "tests/integration/test_publishers.py",
    "tests/integration/test_sampling.py",
    "tests/integration/test_queue_depth.py",
    "tests/integration/test_soft_limit.py",
    "tests/integration/test_soft_limit_points.py",
    "tests/integration/test_fault_injection.py",
    "tests/integration/test_outbox_green.py",
    "tests/integration/test_outbox_processes.py",
)


@dataclass(frozen=True)
class Result:
    """What one version made of the tests."""

    versions: dict[str, str]
    passed: int
    skipped: int
    failed: tuple[str, ...]
    seconds: float

    @property
    def line(self) -> str:
        beside = ", ".join(f"{name} {self.versions[name]}" for name in ("kombu", "billiard", "redis"))
        return (
            f"{self.versions['celery']:<10}{self.passed:>8}{len(self.failed):>8}{self.skipped:>9}"
            f"{self.seconds:>9.0f} s   {beside}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    parser.add_argument("--only", default=",".join(VERSIONS), help="minor versions, comma separated")
    asked, pytest_arguments = parser.parse_known_args()
    versions = [version.strip() for version in asked.only.split(",")]
    unknown = [version for version in versions if version not in VERSIONS]
    if unknown:
        parser.error(f"--only {','.join(unknown)}: supported are {', '.join(VERSIONS)}")
    results: list[Result] = []
    for version in versions:
        print(f"==> Celery {version}: its environment in {FOLDER.name}/{version}", flush=True)
        python = prepare(version)
        print(f"==> Celery {version}: the worker's tests", flush=True)
        results.append(_run(version, python, pytest_arguments))
    print(f"\n{'Celery':<10}{'passed':>8}{'failed':>8}{'skipped':>9}{'took':>11}   with")
    for result in results:
        print(result.line)
    for result in results:
        for name in result.failed:
            print(f"failed on {result.versions['celery']}: {name}")
    good = all(result.passed and not result.failed for result in results)
    return 0 if good else 1


def _run(version: str, python: Path, more: list[str]) -> Result:
    report = FOLDER / version / "report.xml"
    report.unlink(missing_ok=True)
    files = sorted(str(path.relative_to(ROOT)) for part in WORKER_TESTS for path in ROOT.glob(part))
    command = [
        *(str(python), "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"),
        *("-p", "no:cacheprovider", f"--junitxml={report}", *(more or files)),
    ]
    began = time.monotonic()
    subprocess.run(command, cwd=ROOT, check=False)
    if not report.exists():
        raise SystemExit(f"pytest did not run on Celery {version}; what it said is above")
    cases = list(ElementTree.parse(report).iter("testcase"))
    failed = tuple(
        f"{case.get('classname')}::{case.get('name')}"
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    )
    skipped = sum(case.find("skipped") is not None for case in cases)
    return Result(
        installed(version), len(cases) - len(failed) - skipped, skipped, failed, time.monotonic() - began
    )


if __name__ == "__main__":
    sys.exit(main())
