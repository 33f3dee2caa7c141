-- Who did what to queues and logs; kept until somebody deletes it.
CREATE TABLE IF NOT EXISTS otel.audit
(
    at       DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC'),
    actor    String,
    role     LowCardinality(String),
    action   LowCardinality(String),
    target   String,
    affected UInt64,
    detail   String
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(at)
ORDER BY at;

-- Views of the log that people saved under a name; the newest row of a name counts, a deleted one is hidden.
CREATE TABLE IF NOT EXISTS otel.saved_views
(
    name       String,
    owner      String,
    query      String,
    deleted    UInt8 DEFAULT 0,
    updated_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(updated_at)
ORDER BY (owner, name);
