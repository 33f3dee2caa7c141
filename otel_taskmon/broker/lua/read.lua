-- KEYS[1]: a list. ARGV: place of the first to read, counted from the consumers' end (0: the next one that a worker
-- gets); how many; how many bytes at most before it stops. Gives size and text of each; the body of a long message is
-- left out, and of one that is still long after that all of it.
local place, most, budget = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local answer, looked, bytes = {}, 0, 0
while looked < most and bytes < budget do
    local from = place + looked
    local part = redis.call('LRANGE', KEYS[1], -(from + math.min(step(looked, bytes), most - looked)), -(from + 1))
    if #part == 0 then break end
    for i = #part, 1, -1 do
        local raw = part[i]
        local text = raw
        if #text > LONG then text = without_body(text) end
        if #text > LONG then text = '' end
        answer[#answer + 1] = #raw
        answer[#answer + 1] = text
        looked, bytes = looked + 1, bytes + #raw
    end
end
return answer
