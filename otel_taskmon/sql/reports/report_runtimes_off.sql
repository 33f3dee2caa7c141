-- No percentiles are asked for.
emptyArrayUInt64()
