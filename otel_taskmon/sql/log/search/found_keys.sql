-- The tasks whose arguments or exception text hold what is searched for, as a table.
SELECT fromUnixTimestamp64Micro(found.1, 'UTC') AS first_published_at, found.2 AS task_id
FROM (SELECT arrayJoin(arrayZip({found_times_us:Array(Int64)}, {found_task_ids:Array(String)})) AS found)
