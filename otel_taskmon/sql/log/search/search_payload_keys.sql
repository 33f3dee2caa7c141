-- Tasks by the arguments and exception text of any of their executions and publishes, in the same time range.
--: search_run_keys
UNION ALL
--: search_send_keys
