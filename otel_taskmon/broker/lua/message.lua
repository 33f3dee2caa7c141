-- Put before the other scripts: reads a message as kombu writes it, without decoding where that can be helped.
local STARTS = '"headers": {"lang": "py", "task": "'
local LONG, LONGEST = 65536, 1048576

-- The message with an empty body, where the body is one plain string at its start (base64: the usual case).
local function without_body(raw)
    if string.sub(raw, 1, 10) ~= '{"body": "' then return raw end
    local quote, slash = string.find(raw, '"', 11, true), string.find(raw, '\\', 11, true)
    if not quote or (slash and slash < quote) then return raw end
    return '{"body": ""' .. string.sub(raw, quote + 1)
end

-- Task name and id; nil where the message tells none. A quote inside a body is escaped, so STARTS is never found there.
-- The id only where it is asked for: each string that is made here costs a part of what a message costs.
local function name_and_id(raw, with_id)
    local _, stop = string.find(raw, STARTS, 1, true)
    if stop then
        local name, id
        if with_id then
            name, id = string.match(raw, '^([^"\\]*)", "id": "([^"\\]*)"', stop + 1)
        else
            name = string.match(raw, '^([^"\\]*)"', stop + 1)
        end
        if name then return name, id end
    end
    if #raw > LONG then raw = without_body(raw) end
    if #raw > LONGEST then return nil, nil end
    local ok, message = pcall(cjson.decode, raw)
    local headers = ok and type(message) == 'table' and message.headers
    if type(headers) ~= 'table' or type(headers.task) ~= 'string' then return nil, nil end
    local id = headers.id
    return headers.task, (type(id) == 'string' and id) or nil
end

-- What ARGV says from ``from`` on: an id ("" for any), then 'any' or 'named' and the names.
local function selection(from)
    local id, any, names = ARGV[from], ARGV[from + 1] == 'any', {}
    for i = from + 2, #ARGV do names[ARGV[i]] = true end
    return function(raw)
        local name, found = name_and_id(raw, id ~= '')
        return (id == '' or found == id) and (any or (name ~= nil and names[name] == true)), name
    end
end

-- How many messages to read next, so that a walk has few starts (each costs a way through the list: in the middle of a
-- million messages as much as reading 150 of them) and a row of long messages does not fill the memory.
local function step(looked, bytes)
    if looked == 0 then return 16 end
    return math.max(1, math.min(512, 4 * looked, math.floor(1048576 * looked / math.max(bytes, 1))))
end
