-- The keys that the caller gives, as a table.
SELECT fromUnixTimestamp64Micro(given.1, 'UTC') AS first_published_at, given.2 AS task_id
FROM (SELECT arrayJoin(arrayZip({key_times_us:Array(Int64)}, {key_task_ids:Array(String)})) AS given)
