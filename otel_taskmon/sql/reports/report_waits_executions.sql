-- Exact percentiles of the queue wait.
quantilesExact(0.5, 0.95, 0.99)(queue_wait_ns)
