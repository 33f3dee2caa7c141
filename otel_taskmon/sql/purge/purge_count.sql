-- How many rows of a table a purge is about to delete.
SELECT count()
FROM otel.{table:Identifier}
WHERE
    --: doomed
