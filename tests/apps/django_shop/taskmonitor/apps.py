from django.apps import AppConfig


class OldConfig(AppConfig):
    name = "tests.apps.django_shop.taskmonitor"
    label = "taskmonitor"
