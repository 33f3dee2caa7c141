-- KEYS: lists. Gives for each when its next message was published (ns since 1970, as text); "" where it does not say.
local STAMP = '"taskmon_published_at": '
local USUALLY = 700 -- it is among the last headers
local answer = {}
for i = 1, #KEYS do
    local raw = redis.call('LINDEX', KEYS[i], -1) or ''
    local _, stop = string.find(raw, STAMP, math.max(#raw - USUALLY, 1), true)
    if not stop then _, stop = string.find(raw, STAMP, math.max(#raw - LONG, 1), true) end
    answer[i] = stop and string.match(raw, '^%d+', stop + 1) or ''
end
return answer
