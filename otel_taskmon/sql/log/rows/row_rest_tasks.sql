-- What only a whole row says of a task.
, published_at
, received_at
, expires
, started_at
, ended_at
, redelivered
, root_id
, parent_id
, is_error
, trace_id
