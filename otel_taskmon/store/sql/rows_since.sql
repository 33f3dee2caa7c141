-- Raw rows that arrived at or after a time.
SELECT count() FROM otel.{table:Identifier} WHERE IngestedAt >= {since:DateTime}
