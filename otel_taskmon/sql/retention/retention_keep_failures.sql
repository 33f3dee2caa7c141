-- As retention_keep, what failed longer than the rest.
ALTER TABLE otel.{table:Identifier}
MODIFY TTL
    toDateTime({column:Identifier}) + toIntervalHour({hours:UInt32}) DELETE WHERE
    --: no_failure
    , toDateTime({column:Identifier}) + toIntervalHour({failure_hours:UInt32}) DELETE
SETTINGS mutations_sync = 0
