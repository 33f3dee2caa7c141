-- What a task says of itself: name, app, exception and id.
--: search_names
OR positionCaseInsensitiveUTF8(task_id, {search:String}) > 0
