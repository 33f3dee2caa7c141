-- The chosen tasks of one chunk.
SELECT id
FROM otel.purge_selection
WHERE purge = {purge:String} AND kind = 'task' AND chunk = {chunk:UInt32}
