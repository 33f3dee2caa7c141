ALTER TABLE otel.{table:Identifier} REMOVE TTL
