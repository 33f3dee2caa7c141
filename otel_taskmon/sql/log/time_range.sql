-- The log's time never moves: every table of tasks has it in front of its key.
first_published_at >= fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')
AND first_published_at < fromUnixTimestamp64Micro({until_us:Int64}, 'UTC')
