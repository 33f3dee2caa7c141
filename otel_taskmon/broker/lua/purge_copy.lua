-- Removes many messages: copies those that stay into KEYS[2], part by part, newest first, and puts that list in place
-- of KEYS[1] in the same step that copies the last part. Until then nothing is removed. Workers pop at the right end,
-- where it has not got to yet; what publishers push on the left meanwhile is copied at the next call.
-- ARGV: how many were considered and how many of them are not in the copy; SHA-1 of the newest and of the oldest
-- considered; how many to consider now; how many bytes; lifetime of the copy in ms; then a selection.
-- Gives what became of it, the first four ARGV for the next call, and the list's length. 'moved': the list is no
-- longer what was considered (workers have overtaken, or somebody else removed something), begin again.
local queue, copy, old = KEYS[1], KEYS[2], KEYS[3]
local considered, removed = tonumber(ARGV[1]), tonumber(ARGV[2])
local newest, oldest = ARGV[3], ARGV[4]
local most, budget, lifetime = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local matches = selection(8)
local MOST_ARRIVED = 20000

local function moved()
    redis.call('UNLINK', copy)
    return {'moved', 0, 0, '', '', redis.call('LLEN', queue)}
end

if redis.call('LLEN', copy) ~= considered - removed then return moved() end
if considered > 0 then
    local arrived, found = {}, false
    while not found and #arrived < MOST_ARRIVED do
        local part = redis.call('LRANGE', queue, #arrived, #arrived + 15)
        if #part == 0 then break end
        for i = 1, #part do
            if redis.sha1hex(part[i]) == newest then found = true break end
            arrived[#arrived + 1] = part[i]
        end
    end
    local last = found and redis.call('LINDEX', queue, #arrived + considered - 1)
    if not last or redis.sha1hex(last) ~= oldest then return moved() end
    for i = #arrived, 1, -1 do
        if matches(arrived[i]) then removed = removed + 1 else redis.call('LPUSH', copy, arrived[i]) end
    end
    considered = considered + #arrived
    if #arrived > 0 then newest = redis.sha1hex(arrived[1]) end
end
local looked, bytes, last = 0, 0, nil
while looked < most and bytes < budget do
    local part = redis.call('LRANGE', queue, considered, considered + step(looked, bytes) - 1)
    if #part == 0 then break end
    if considered == 0 then newest = redis.sha1hex(part[1]) end
    local staying = {}
    for i = 1, #part do
        if matches(part[i]) then removed = removed + 1 else staying[#staying + 1] = part[i] end
        bytes = bytes + #part[i]
    end
    if #staying > 0 then redis.call('RPUSH', copy, unpack(staying)) end
    considered, looked, last = considered + #part, looked + #part, part[#part]
end
if last then oldest = redis.sha1hex(last) end
local length = redis.call('LLEN', queue)
if considered < length then
    redis.call('PEXPIRE', copy, lifetime)
    return {'more', considered, removed, newest, oldest, length}
end
if removed > 0 then
    local left = redis.call('PTTL', queue)
    redis.call('RENAME', queue, old)
    if considered > removed then
        redis.call('RENAME', copy, queue)
        if left > 0 then redis.call('PEXPIRE', queue, left) else redis.call('PERSIST', queue) end
    end
    redis.call('UNLINK', old)
else
    redis.call('UNLINK', copy)
end
return {'done', considered, removed, newest, oldest, length}
