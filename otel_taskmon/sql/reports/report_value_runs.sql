-- The most executions first.
counted
