-- Exact 95th percentile of the runtime.
quantileExact(0.95)(duration_ns)
