-- Applied to the rows that are there too, in the background.
ALTER TABLE otel.{table:Identifier}
MODIFY TTL toDateTime({column:Identifier}) + toIntervalHour({hours:UInt32})
SETTINGS mutations_sync = 0
