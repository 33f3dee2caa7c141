-- What there is to say of runtimes.
min(duration_min_ns) AS min_ns,
sum(duration_sum_ns) AS total_ns,
max(duration_max_ns) AS max_ns,
(
    --: runtimes
) AS runtimes
