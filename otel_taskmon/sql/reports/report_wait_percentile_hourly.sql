-- 95th percentile of the queue wait from sketches, within 1 %.
quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(wait_quantiles)[2]
