-- Exact 95th percentile of the queue wait.
quantileExact(0.95)(queue_wait_ns)
