-- Exact percentiles of the runtime.
quantilesExact(0.5, 0.95, 0.99)(duration_ns)
