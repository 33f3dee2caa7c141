-- An empty list means any.
(empty({apps:Array(String)}) OR app IN {apps:Array(String)})
AND (empty({queues:Array(String)}) OR queue IN {queues:Array(String)})
AND (empty({workers:Array(String)}) OR worker IN {workers:Array(String)})
