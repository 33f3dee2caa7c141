-- KEYS[1]: kombu's hash of messages that workers hold. ARGV: cursor of HSCAN, how many to look at.
-- Gives the next cursor, the bytes read, and of each message its tag and the end of its value: there stand exchange
-- and routing key.
local found = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local answer, bytes = {found[1], 0}, 0
for i = 2, #found[2], 2 do
    local value = found[2][i]
    bytes = bytes + #value
    answer[#answer + 1] = found[2][i - 1]
    answer[#answer + 1] = string.sub(value, -600)
end
answer[2] = bytes
return answer
