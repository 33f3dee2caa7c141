-- What a purge under way deletes: ids of tasks and of their traces, in chunks that fit into memory. One that was cut
-- short leaves its rows here; they do no harm and go by themselves.
CREATE TABLE IF NOT EXISTS otel.purge_selection
(
    purge    String,
    kind     LowCardinality(String),
    chunk    UInt32,
    id       String CODEC(ZSTD(1)),
    noted_at DateTime DEFAULT now()
)
ENGINE = MergeTree
ORDER BY (purge, kind, chunk, id)
TTL noted_at + INTERVAL 1 DAY DELETE;
