"""``python -m otel_taskmon`` is ``taskmon``."""

from otel_taskmon.cli import main

if __name__ == "__main__":
    main()
