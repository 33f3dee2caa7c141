INSERT INTO otel.audit (actor, role, action, target, affected, detail)
VALUES ({actor:String}, {role:String}, {action:String}, {target:String}, {affected:UInt64}, {detail:String})
