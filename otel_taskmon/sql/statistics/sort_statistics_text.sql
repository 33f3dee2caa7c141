-- The text that the statistics are sorted by; empty where they are sorted by a number.
multiIf({sort:String} = 'task_name', toString(task_name), {sort:String} = 'app', toString(app), '')
