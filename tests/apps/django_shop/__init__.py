"""A Django project that moved over from aa-taskmonitor and kept its settings."""

from tests.apps.django_shop.celery import app

__all__ = ["app"]
