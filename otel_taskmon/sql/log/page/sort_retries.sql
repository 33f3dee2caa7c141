toInt64(retries)
