-- Tasks by the name and app that the log shows them with, and by when something last happened to them.
(empty({names:Array(String)}) OR task_name IN {names:Array(String)})
AND (empty({apps:Array(String)}) OR app IN {apps:Array(String)})
AND (empty({task_ids:Array(String)}) OR task_id IN {task_ids:Array(String)})
