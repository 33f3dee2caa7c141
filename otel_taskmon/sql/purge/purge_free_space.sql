-- Takes deleted rows off the disk, in the background; without it they would lie there until the next merge.
ALTER TABLE otel.{table:Identifier} APPLY DELETED MASK SETTINGS mutations_sync = 0
