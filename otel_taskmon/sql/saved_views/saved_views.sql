-- The saved views, by name.
SELECT name, owner, query, updated_at
FROM otel.saved_views FINAL
WHERE deleted = 0
ORDER BY lowerUTF8(name), name, owner
LIMIT {most:UInt32}
