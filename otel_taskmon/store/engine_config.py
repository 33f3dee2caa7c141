"""The engine's limits. chDB reads them from a file when it starts; several cannot be set in any other way."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

MIB: Final = 1 << 20
DEFAULT_MEMORY_CEILING: Final = 2048 * MIB
MIN_FREE_DISK_BYTES: Final = 256 * MIB
"""An insert is refused below this: with nothing free even DROP PARTITION fails, and retention could never run again."""
_CGROUP_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")


def default_memory_bytes() -> int:
    """A quarter of the machine's (or the container's) memory, at most 2 GiB."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # no cgroup v2, or its limit is "max"
        total = min(total, int(_CGROUP_LIMIT.read_text()))
    return min(total // 4, DEFAULT_MEMORY_CEILING)


def write_config(path: Path, *, memory_bytes: int, min_free_disk_bytes: int = MIN_FREE_DISK_BYTES) -> None:
    """Write the engine's configuration file to ``path``."""
    server = {
        "max_server_memory_usage": memory_bytes,
        # The engine's own count of what it holds drifts by 50 to 100 MB a large question when it lives in another
        # program, until it refuses everything for lack of memory that is free. So it is set right by what its allocator
        # holds; the cgroup's number would count other processes.
        "memory_worker_correct_memory_tracker": 1,
        "memory_worker_use_cgroup": 0,
        # And by nothing that it only expects: it would count up to twice what is there.
        "memory_worker_rss_speculative_reserve_ratio": 0,
        # What was freed goes back to the system from half of the ceiling on, not from nine tenths.
        "memory_worker_purge_total_memory_threshold_ratio": 0.5,
        "memory_worker_purge_dirty_pages_threshold_ratio": 0.1,
        # These are ceilings, not allocations; the defaults (5 GB each) are meant for a machine of its own.
        "mark_cache_size": 64 * MIB,
        "index_mark_cache_size": 16 * MIB,
        "uncompressed_cache_size": 0,
        "max_thread_pool_size": 200,
        # Merges at a time for each of the two threads that the engine has for them (by default two): each needs memory.
        "background_merges_mutations_concurrency_ratio": 1,
    }
    merge_tree = {
        "min_free_disk_bytes_to_perform_insert": min_free_disk_bytes,
        # Two buffers of 1 MiB for each stream of each column are 200 MB for a merge or a large insert into tables as
        # wide as ours; growing ones take 30 MB, and no more CPU.
        "min_columns_to_activate_adaptive_write_buffer": 1,
        # Rows that a merge reads at a time from each of its parts: at 2 kB a span the default (8192) is 17 MB a part.
        "merge_max_block_size": 2048,
        # Merging column by column (by default from 131 072 rows on) halves both CPU and memory of merging spans.
        "vertical_merge_algorithm_min_rows_to_activate": 8192,
        # Parts wait for about eight of their size instead of five: a quarter less merging, one or two parts more.
        "merge_selector_base": 8,
    }
    lines = [
        "<clickhouse>",
        *_elements(server),
        "<merge_tree>",
        *_elements(merge_tree),
        "</merge_tree>",
        "</clickhouse>",
    ]
    path.write_text("\n".join(lines) + "\n")


def _elements(values: Mapping[str, float]) -> list[str]:
    return [f"<{name}>{escape(str(value))}</{name}>" for name, value in values.items()]
