-- Statistics of hours whose executions are gone from the log, so that nothing can be computed again.
hour < toDateTime(intDiv({older_us:Int64}, 1000000), 'UTC')
AND hour < toDateTime({complete_since_s:UInt32}, 'UTC')
AND (empty({names:Array(String)}) OR task_name IN {names:Array(String)})
AND (empty({apps:Array(String)}) OR app IN {apps:Array(String)})
