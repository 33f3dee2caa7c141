"""``python -m otel_taskmon.store``: the store without the command line's dependencies."""

from __future__ import annotations

import argparse
import logging
import sys

from otel_taskmon.errors import SettingError, TaskmonError
from otel_taskmon.settings import StoreSettings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m otel_taskmon.store", description=__doc__)
    for flag in ("--data-dir", "--host", "--http-port", "--otlp-http-port", "--otlp-grpc-port"):
        parser.add_argument(flag)
    given = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        settings = StoreSettings.from_environment(**given)
    except SettingError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    from otel_taskmon.store.server import run_store

    try:
        return run_store(settings)
    except TaskmonError as error:
        sys.stderr.write(f"{error}\n")
        return 2 if isinstance(error, SettingError) else 1


if __name__ == "__main__":
    sys.exit(main())
