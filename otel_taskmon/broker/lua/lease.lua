-- KEYS[1]: the lease. ARGV: the holder's token; how long the lease lasts, in ms.
-- 1 when it is held by this token now: taken because it was free, or made to last longer.
local holder = redis.call('GET', KEYS[1])
if not holder then
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    return 1
end
if holder ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
