-- The most runtime first.
total_ns
