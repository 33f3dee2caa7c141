-- Removes a few messages from a list where they stand. Each is unique by its delivery tag, and removing by value does
-- not care what is pushed or popped meanwhile.
-- KEYS[1], ARGV and the selection as in count.lua, with the list's length after the last call (-1: first call) between.
-- Gives the list's length after this call, the place of the next to look at, how many were removed.
local length = redis.call('LLEN', KEYS[1])
local expected, most, budget = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local matches = selection(5)
-- Messages that were put back at the consumers' end have moved what is not looked at yet away from it, by no more
-- than the list has grown.
local grown = expected >= 0 and math.max(length - expected, 0) or 0
local top = math.min(tonumber(ARGV[1]) + grown, length - 1)
local looked, removed, bytes = 0, 0, 0
local found = {}
while looked < most and bytes < budget and top >= looked do
    local first = top - looked
    local last = math.max(first - math.min(step(looked, bytes), most - looked) + 1, 0)
    local part = redis.call('LRANGE', KEYS[1], -(first + 1), -(last + 1))
    if #part == 0 then break end
    for i = 1, #part do
        looked, bytes = looked + 1, bytes + #part[i]
        if matches(part[i]) then found[#found + 1] = part[i] end
    end
end
local from_tail = top * 2 < length and -1 or 1
for i = 1, #found do removed = removed + redis.call('LREM', KEYS[1], from_tail, found[i]) end
return {length - removed, top - looked, removed}
