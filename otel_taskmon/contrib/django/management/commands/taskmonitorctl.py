"""``manage.py taskmonitorctl …``: the ``taskmon`` command with what Django's settings say."""

from __future__ import annotations

import json
import os
from argparse import REMAINDER, ArgumentParser
from collections.abc import Sequence
from typing import Any

from celery import current_app
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from otel_taskmon.cli import cli
from otel_taskmon.contrib.django import setting_names

PROGRAM = "manage.py taskmonitorctl"
BROKER_VARIABLE = "TASKMON_BROKER_URL"
OPTIONS_VARIABLE = "TASKMON_BROKER_TRANSPORT_OPTIONS"


class Command(BaseCommand):
    """All of ``taskmon``, ``--help`` included: ``manage.py taskmonitorctl inspect logs``."""

    help = "The taskmon command with the settings of this project: inspect, purge, export, sql …"
    requires_system_checks: Sequence[str] = ()

    def run_from_argv(self, argv: Sequence[str]) -> None:
        """Hands on everything as it is: ``--help`` and the like are for ``taskmon``, not for Django."""
        raise SystemExit(self._run(list(argv[2:])))

    def add_arguments(self, parser: ArgumentParser) -> None:
        """For ``call_command("taskmonitorctl", "inspect", "logs")``."""
        parser.add_argument("arguments", nargs=REMAINDER)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Raises CommandError where the command ends with anything but 0."""
        code = self._run(options["arguments"])
        if code:
            raise CommandError(f"taskmon ended with exit code {code}", returncode=code)

    def _run(self, arguments: list[str]) -> int:
        given, _ = setting_names.given(settings)
        wanted = setting_names.for_environment(given)
        for variable, text in _broker().items():
            wanted.setdefault(variable, text)
        for variable, value in wanted.items():
            os.environ.setdefault(variable, value)
        try:
            result: object = cli.main(args=arguments, prog_name=PROGRAM, standalone_mode=True)
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else int(end.code is not None)
        return result if isinstance(result, int) else 0


def _broker() -> dict[str, str]:
    """What the project's Celery app says of its broker, as variables."""
    said = {}
    if address := current_app.conf.broker_read_url or current_app.conf.broker_url:
        said[BROKER_VARIABLE] = str(address)
    if options := current_app.conf.broker_transport_options:
        # what JSON does not hold (a certificate's path object, a callback) is of no use in a variable
        said[OPTIONS_VARIABLE] = json.dumps(options, default=str)
    return said
