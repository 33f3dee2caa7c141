-- Rows go one by one, every ten minutes; a new TTL removes at once what is due by it.
ALTER TABLE otel.{table:Identifier}
MODIFY SETTING ttl_only_drop_parts = 0, merge_with_ttl_timeout = 600, materialize_ttl_recalculate_only = 0
