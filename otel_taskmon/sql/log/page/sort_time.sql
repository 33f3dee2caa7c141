-- By the key alone.
toInt64(0)
