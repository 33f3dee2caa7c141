({from_start:UInt8}
OR (sort_value, first_published_at, task_id, execution_id)
    > ({cursor_value:Int64}, fromUnixTimestamp64Micro({cursor_us:Int64}, 'UTC'), {cursor_task_id:String}, {cursor_execution_id:String}))
