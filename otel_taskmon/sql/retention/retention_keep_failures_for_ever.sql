-- As retention_keep, what failed for ever.
ALTER TABLE otel.{table:Identifier}
MODIFY TTL
    toDateTime({column:Identifier}) + toIntervalHour({hours:UInt32}) DELETE WHERE
    --: no_failure
SETTINGS mutations_sync = 0
