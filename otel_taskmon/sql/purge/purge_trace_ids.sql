-- The chosen traces of one chunk.
SELECT id
FROM otel.purge_selection
WHERE purge = {purge:String} AND kind = 'trace' AND chunk = {chunk:UInt32}
