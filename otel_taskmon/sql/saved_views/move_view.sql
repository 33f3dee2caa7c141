-- A saved view under another name or owner. One block of rows: there are never both of them, nor neither.
INSERT INTO otel.saved_views (name, owner, query, deleted)
VALUES ({old_name:String}, {old_owner:String}, '', 1), ({name:String}, {owner:String}, {query:String}, 0)
