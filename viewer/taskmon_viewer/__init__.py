"""The pages: tasks as a log, each task in detail. Reads through ``otel_taskmon.queries`` only; holds no SQL."""
