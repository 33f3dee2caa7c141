-- Lives of workers that were last heard of before; one that lives on says so again within seconds.
heard_at < fromUnixTimestamp64Micro(if({everything:Bool}, {before_us:Int64}, {workers_before_us:Int64}), 'UTC')
