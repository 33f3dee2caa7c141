-- Exact percentiles of the runtime.
quantilesExactMerge(0.5, 0.95, 0.99)(kept)
