ifNull(toInt64(queue_wait_ns), {null_value:Int64})
