-- An empty list means any; -1 stands for "no priority".
(empty({states:Array(String)}) OR state IN {states:Array(String)})
AND (empty({apps:Array(String)}) OR app IN {apps:Array(String)})
AND (empty({names:Array(String)}) OR task_name IN {names:Array(String)})
AND (empty({exceptions:Array(String)}) OR exc_type IN {exceptions:Array(String)})
AND (empty({queues:Array(String)}) OR queue IN {queues:Array(String)})
AND (empty({workers:Array(String)}) OR worker IN {workers:Array(String)})
AND (empty({priorities:Array(Int16)}) OR toInt16(ifNull(priority, -1)) IN {priorities:Array(Int16)})
