-- All queue waits of a group, to be put together with those of others.
quantileExactState(0.95)(queue_wait_ns)
