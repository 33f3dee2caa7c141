-- What a task says of itself: name, app, id and exception.
positionCaseInsensitiveUTF8(task_name, {search:String}) > 0
OR positionCaseInsensitiveUTF8(app, {search:String}) > 0
OR positionCaseInsensitiveUTF8(task_id, {search:String}) > 0
OR positionCaseInsensitiveUTF8(exc_type, {search:String}) > 0
