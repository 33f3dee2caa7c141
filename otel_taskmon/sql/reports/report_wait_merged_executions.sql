-- Exact 95th percentile of the queue wait.
quantileExactMerge(0.95)(kept)
