"""Settings of an Alliance Auth with aa-taskmonitor, on SQLite; read in its own environment only."""

# ruff: noqa: F403, F405
# mypy: ignore-errors

from __future__ import annotations

import os

from allianceauth.project_template.project_name.settings.base import *

DEBUG = False
LOGGING_CONFIG = None
SECRET_KEY = "of the tests"
ROOT_URLCONF = "allianceauth.urls"
INSTALLED_APPS += ["taskmonitor"]
BROKER_URL = os.environ["AA_BROKER"]
CELERY_RESULT_BACKEND = BROKER_URL
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": BROKER_URL,
        "OPTIONS": {"CLIENT_CLASS": "django_redis.client.DefaultClient"},
    }
}
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["AA_DATABASE"],
        "OPTIONS": {"timeout": 30},
    }
}
