-- As search_run_keys, no more than a limit.
--: search_run_keys
LIMIT {limit:UInt32}
