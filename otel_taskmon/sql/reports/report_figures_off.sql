-- Nothing of runtimes is asked for.
NULL AS min_ns,
0 AS total_ns,
NULL AS max_ns,
emptyArrayUInt64() AS runtimes
