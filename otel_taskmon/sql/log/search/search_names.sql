-- Name, app and exception of a task.
positionCaseInsensitiveUTF8(task_name, {search:String}) > 0
OR positionCaseInsensitiveUTF8(app, {search:String}) > 0
OR positionCaseInsensitiveUTF8(exc_type, {search:String}) > 0
