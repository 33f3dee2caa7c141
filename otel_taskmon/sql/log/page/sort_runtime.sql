-- Rows without a runtime come last in both directions: null_value is below or above every value.
ifNull(toInt64(duration_ns), {null_value:Int64})
