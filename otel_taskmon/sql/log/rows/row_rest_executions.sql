-- What only a whole row says of an execution.
, published_at
, received_at
, expires
, if(duration_ns IS NULL, NULL, toNullable(r.started_at)) AS started_at
, toNullable(r.ended_at) AS ended_at
, redelivered
, root_id
, parent_id
, is_error
, trace_id
