-- Without IF NOT EXISTS: of two at once, one fails with error 57, which is what makes it a lock.
CREATE TABLE otel.schema_migrating
(
    at     DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    holder String
)
ENGINE = MergeTree
ORDER BY at
