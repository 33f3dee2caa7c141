DELETE FROM otel.{table:Identifier}
WHERE
    --: doomed
