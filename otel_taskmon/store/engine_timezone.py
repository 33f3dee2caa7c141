"""Makes this process run in UTC. Import it before chDB.

The engine takes its time zone from the process while it is imported; nothing changes it afterwards. Partitions are
days of that zone, so a data directory must see the same one always, and request ids rely on it being UTC.
"""

from __future__ import annotations

import os
import time

os.environ["TZ"] = "UTC"
time.tzset()
