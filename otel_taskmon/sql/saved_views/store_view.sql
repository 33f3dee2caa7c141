-- What a saved view is from now on; its newest row counts.
INSERT INTO otel.saved_views (name, owner, query, deleted)
VALUES ({name:String}, {owner:String}, {query:String}, {deleted:UInt8})
