-- Says who has the lock, and that it is still at work.
INSERT INTO otel.schema_migrating (holder) SELECT {holder:String}
