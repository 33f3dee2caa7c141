-- A part goes as a whole when its last row is due: cheap, and late by up to a day. So a new TTL needs no rewriting.
ALTER TABLE otel.{table:Identifier}
MODIFY SETTING ttl_only_drop_parts = 1, merge_with_ttl_timeout = 14400, materialize_ttl_recalculate_only = 1
