-- The longest runtime first.
max_ns
