"""The Django app: it reads Django's settings and calls ``otel_taskmon.instrument()``."""

from __future__ import annotations

import logging

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from otel_taskmon.contrib.django import setting_names
from otel_taskmon.errors import SettingError
from otel_taskmon.instrumentation import instrument

OLD_LABEL = "taskmonitor"
_log = logging.getLogger("otel_taskmon")


class TaskmonConfig(AppConfig):
    """Its label is not that of aa-taskmonitor, so both may be installed while one moves over."""

    name = "otel_taskmon.contrib.django"
    label = "otel_taskmon"
    verbose_name = "Task monitor"

    def ready(self) -> None:
        """Runs once in each process that sets Django up: web server, worker, beat, ``manage.py``.

        Raises ImproperlyConfigured for a wrong setting.
        """
        try:
            given, warnings = setting_names.given(settings)
            setting_names.check(given)
            instrument(**setting_names.for_worker(given))
        except SettingError as error:
            raise ImproperlyConfigured(str(error)) from error
        for warning in warnings:
            _log.warning("%s", warning)
        if any(app.label == OLD_LABEL for app in apps.get_app_configs()):
            _log.warning(
                "aa-taskmonitor is installed too: both record every task, and manage.py taskmonitorctl belongs to the "
                "one that comes first in INSTALLED_APPS"
            )
