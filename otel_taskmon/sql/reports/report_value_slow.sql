-- The longest 95th percentile first.
runtimes[2]
