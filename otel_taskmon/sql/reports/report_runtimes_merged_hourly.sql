-- Percentiles of the runtime from sketches, within 1 %.
quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(kept)
