-- As search_send_keys, no more than a limit.
--: search_send_keys
LIMIT {limit:UInt32}
