-- An HTTP/1.1 answer as it comes in, read by hand: the status line, and a body that is counted, chunked, or ends with
-- the connection.

local find, lower, match, sub = string.find, string.lower, string.match, string.sub
local concat = table.concat
local tonumber = tonumber

local _M = {}

-- The body in `text` from `from` on, and whether all of it is there.
local function unchunk(text, from)
    local parts = {}
    while true do
        local size, start = match(text, "^(%x+)[^\n]*\n()", from)
        size = size and tonumber(size, 16)
        if not size or size == 0 then
            return concat(parts), size == 0
        end
        parts[#parts + 1] = sub(text, start, start + size - 1)
        from = start + size + 2 -- the line end after it
        if from > #text + 1 then
            return concat(parts), false
        end
    end
end

--- The value of a field in a head, whose name is written in small letters; the first where there are several.
function _M.field(head, name)
    local _, colon = find(lower(head), "\n" .. name .. ":", 1, true)
    return colon and match(head, "^[ \t]*([^\r\n]-)[ \t]*[\r\n]", colon + 1) or nil
end

--- The status and the body of the answer that `text` is the beginning of, or nil while its head is not complete;
-- whether it is all there; and the head. A body without a length ends with the connection: then `is_closed`.
function _M.parse(text, is_closed)
    local stop, body_at = match(text, "()\r?\n\r?\n()")
    local status = match(text, "^HTTP/1%.[01] (%d%d%d)[ \r\n]")
    if not stop or not status then
        return nil
    end
    local whole_head = sub(text, 1, stop)
    local head = lower(whole_head)
    if find(head, "\ntransfer%-encoding:[^\n]*chunked") then
        local body, is_whole = unchunk(text, body_at)
        return tonumber(status), body, is_whole, whole_head
    end
    local length = tonumber(match(head, "\ncontent%-length:[ \t]*(%d+)"))
    if length then
        local body = sub(text, body_at, body_at + length - 1)
        return tonumber(status), body, #text - body_at + 1 >= length, whole_head
    end
    return tonumber(status), sub(text, body_at), is_closed, whole_head
end

return _M
