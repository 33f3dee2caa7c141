-- What the statistics by the hour and those by the day say alike.
task_name,
app,
queue,
state,
runs,
errors,
started,
duration_sum_ns,
duration_min_ns,
duration_max_ns,
duration_quantiles,
waited,
wait_quantiles
