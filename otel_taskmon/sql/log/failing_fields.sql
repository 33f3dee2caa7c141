-- Which of the seven field filters a row fails, one bit each, in the order of the facets.
1 * (NOT empty({states:Array(String)}) AND state NOT IN {states:Array(String)})
+ 2 * (NOT empty({apps:Array(String)}) AND app NOT IN {apps:Array(String)})
+ 4 * (NOT empty({names:Array(String)}) AND task_name NOT IN {names:Array(String)})
+ 8 * (NOT empty({exceptions:Array(String)}) AND exc_type NOT IN {exceptions:Array(String)})
+ 16 * (NOT empty({queues:Array(String)}) AND queue NOT IN {queues:Array(String)})
+ 32 * (NOT empty({workers:Array(String)}) AND worker NOT IN {workers:Array(String)})
+ 64 * (NOT empty({priorities:Array(Int16)}) AND toInt16(ifNull(priority, -1)) NOT IN {priorities:Array(Int16)})
