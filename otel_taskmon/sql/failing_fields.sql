-- Which of the seven field filters this row fails, one bit each, in the order of the facets.
toUInt8(NOT (empty({states:Array(String)}) OR has({states:Array(String)}, state)))
+ 2 * toUInt8(NOT (empty({apps:Array(String)}) OR has({apps:Array(String)}, app)))
+ 4 * toUInt8(NOT (empty({names:Array(String)}) OR has({names:Array(String)}, task_name)))
+ 8 * toUInt8(NOT (empty({exceptions:Array(String)}) OR has({exceptions:Array(String)}, exc_type)))
+ 16 * toUInt8(NOT (empty({queues:Array(String)}) OR has({queues:Array(String)}, queue)))
+ 32 * toUInt8(NOT (empty({workers:Array(String)}) OR has({workers:Array(String)}, worker)))
+ 64 * toUInt8(NOT (
    empty({priorities:Array(Int16)}) OR has({priorities:Array(Int16)}, toInt16(ifNull(priority, -1)))))
