"""Around ``otel_taskmon.migrate``: whether the target is fit for it, one run at a time, its SQL alone, clusters."""
