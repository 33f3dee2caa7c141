"""As such projects have them: the names of aa-taskmonitor, Celery's under the prefix CELERY."""

import os

SECRET_KEY = "for tests only"
USE_TZ = True
INSTALLED_APPS = ["otel_taskmon.contrib.django", "tests.apps.django_shop.shop"]
if os.environ.get("DJANGO_SHOP_OLD_APP"):
    INSTALLED_APPS.append("tests.apps.django_shop.taskmonitor")
DATABASES: dict[str, object] = {}

CELERY_BROKER_URL = os.environ.get("SHOP_BROKER", "redis://127.0.0.1:1/0")
CELERY_BROKER_TRANSPORT_OPTIONS = {"global_keyprefix": "shop:"}
CELERY_TASK_IGNORE_RESULT = True

TASKMONITOR_ENABLED = True
TASKMONITOR_TRUNCATE_NESTED_DATA = False
TASKMONITOR_APP_NAME_MAPPING_CONFIG = {"store": ["shop"]}
TASKMONITOR_DATA_MAX_AGE = 48
TASKMONITOR_HOUSEKEEPING_FREQUENCY = 30
if os.environ.get("DJANGO_SHOP_WRONG"):
    TASKMONITOR_APP_NAME_MAPPING_CONFIG = {"store": 5}  # type: ignore[dict-item]
if os.environ.get("DJANGO_SHOP_OFF"):
    TASKMONITOR_ENABLED = False
