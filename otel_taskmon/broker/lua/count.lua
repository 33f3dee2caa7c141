-- KEYS[1]: a list. ARGV: place of the newest to look at, counted from the consumers' end; how many; how many bytes.
-- Then a selection. Gives the place of the next to look at, how many were looked at, how many match, and of those
-- name, count, name, count …
local top = math.min(tonumber(ARGV[1]), redis.call('LLEN', KEYS[1]) - 1)
local most, budget = tonumber(ARGV[2]), tonumber(ARGV[3])
local matches = selection(4)
local looked, matching, bytes, names = 0, 0, 0, {}
while looked < most and bytes < budget and top >= looked do
    local first = top - looked
    local last = math.max(first - math.min(step(looked, bytes), most - looked) + 1, 0)
    local part = redis.call('LRANGE', KEYS[1], -(first + 1), -(last + 1))
    if #part == 0 then break end
    for i = 1, #part do
        local fits, name = matches(part[i])
        looked, bytes = looked + 1, bytes + #part[i]
        if fits then
            matching = matching + 1
            name = name or ''
            names[name] = (names[name] or 0) + 1
        end
    end
end
local answer = {top - looked, looked, matching}
for name, count in pairs(names) do
    answer[#answer + 1] = name
    answer[#answer + 1] = count
end
return answer
