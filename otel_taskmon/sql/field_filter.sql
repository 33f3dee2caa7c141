-- An empty list means any; -1 stands for "no priority".
(empty({states:Array(String)}) OR has({states:Array(String)}, state))
AND (empty({apps:Array(String)}) OR has({apps:Array(String)}, app))
AND (empty({names:Array(String)}) OR has({names:Array(String)}, task_name))
AND (empty({exceptions:Array(String)}) OR has({exceptions:Array(String)}, exc_type))
AND (empty({queues:Array(String)}) OR has({queues:Array(String)}, queue))
AND (empty({workers:Array(String)}) OR has({workers:Array(String)}, worker))
AND (empty({priorities:Array(Int16)}) OR has({priorities:Array(Int16)}, toInt16(ifNull(priority, -1))))
