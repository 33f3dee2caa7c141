-- How many executions of a row belong to the report: all, those that failed, those with a runtime, those of some states.
if({failed_only:UInt8}, errors, if({ran_only:UInt8}, started, runs))
* (empty({states:Array(String)}) OR state IN {states:Array(String)})
