-- All runtimes of a group, to be put together with those of others.
quantilesExactState(0.5, 0.95, 0.99)(duration_ns)
