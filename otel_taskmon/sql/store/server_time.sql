-- The store's clock, in microseconds since the epoch: rows are compared with the time at which the store took them in.
SELECT toUnixTimestamp64Micro(now64(6, 'UTC')) AS now_us
