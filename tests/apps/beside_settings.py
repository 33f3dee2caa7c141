"""Django settings of ``beside``."""

from __future__ import annotations

ALLOWED_HOSTS = ["*"]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "tests.apps.beside"
SECRET_KEY = "of the tests"
USE_TZ = True
