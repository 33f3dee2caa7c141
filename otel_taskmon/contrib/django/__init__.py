"""Django: put ``"otel_taskmon.contrib.django"`` into INSTALLED_APPS, and every task is recorded."""
