-- The facet of a grouped row, numbered in the order of the grouping sets, and its value; both facet questions begin so.
transform(
    bitXor(grouping(state, app, task_name, exc_type, queue, worker, priority), 127),
    [64, 32, 16, 8, 4, 2, 1],
    [0, 1, 2, 3, 4, 5, 6],
    7) AS facet,
multiIf(
    facet = 0, toNullable(toString(state)),
    facet = 1, toNullable(toString(app)),
    facet = 2, toNullable(toString(task_name)),
    facet = 3, toNullable(toString(exc_type)),
    facet = 4, toNullable(toString(queue)),
    facet = 5, toNullable(toString(worker)),
    toString(priority)) AS facet_value,
