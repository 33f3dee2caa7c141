-- The sketches of a group put together, for those of others.
quantilesDDMergeState(0.01, 0.5, 0.95, 0.99)(wait_quantiles)
