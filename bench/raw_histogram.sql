SELECT intDiv(first_ns, 1800000000000) AS bucket, state, count() FROM tasks GROUP BY bucket, state
