-- Reads JSON as RFC 8259 has it, and not a byte more: unique keys, no NaN, no hexadecimal, bounded depth, valid UTF-8.
-- cjson is laxer in each of these, and what is lax here could be read in another way by the session API or by bgctl.

local byte, char, find, match, sub = string.byte, string.char, string.find, string.match, string.sub
local floor = math.floor
local concat = table.concat
local getmetatable, setmetatable, tonumber = getmetatable, setmetatable, tonumber

local MAX_DEPTH = 16
local MAX_EXPONENT_DIGITS = 4
local EXACT = 2 ^ 53 -- from here on a double cannot hold every whole number
local MAX_DIGITS = 40
local ESCAPES = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

-- A whole member as most tokens have it, with the mark after it and the place after that: a text without escapes, or a
-- whole number that a double holds. What is not of this form is read letter by letter.
local PLAIN_TEXT = '^"([^"\\%c\128-\255]*)":"([^"\\%c\128-\255]*)"([,}])()'
local PLAIN_NUMBER = '^"([^"\\%c\128-\255]*)":([1-9]%d*)([,}])()'
local PLAIN_DIGITS = 15

local null = setmetatable({}, { __tostring = function() return "null" end })
local Digits = {} -- the metatable of a whole number that is kept as its digits
local keeps -- whether the present call of object() keeps such digits

local read_value

-- The place of the next byte that is no blank.
local function skip(text, at)
    return find(text, "[^ \t\r\n]", at) or #text + 1
end

local function utf8(code)
    if code < 0x80 then
        return char(code)
    elseif code < 0x800 then
        return char(0xc0 + floor(code / 0x40), 0x80 + code % 0x40)
    elseif code < 0x10000 then
        return char(0xe0 + floor(code / 0x1000), 0x80 + floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
    end
    return char(0xf0 + floor(code / 0x40000), 0x80 + floor(code / 0x1000) % 0x40,
        0x80 + floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
end

-- Whether all of `text` is well-formed UTF-8, by table 3-7 of The Unicode Standard.
local function is_utf8(text)
    local at, length = 1, #text
    while true do
        at = find(text, "[\128-\255]", at)
        if not at then
            return true
        end
        local first, second = byte(text, at, at + 1)
        local more, low, high = 0, 0x80, 0xbf
        if first >= 0xc2 and first <= 0xdf then
            more = 1
        elseif first >= 0xe0 and first <= 0xef then
            more = 2
            low = first == 0xe0 and 0xa0 or low
            high = first == 0xed and 0x9f or high
        elseif first >= 0xf0 and first <= 0xf4 then
            more = 3
            low = first == 0xf0 and 0x90 or low
            high = first == 0xf4 and 0x8f or high
        end
        if more == 0 or at + more > length or second < low or second > high then
            return false
        end
        for i = at + 2, at + more do
            local b = byte(text, i)
            if b < 0x80 or b > 0xbf then
                return false
            end
        end
        at = at + more + 1
    end
end

local function read_escape(text, at)
    local letter = sub(text, at, at)
    if letter ~= "u" then
        return ESCAPES[letter], at + 1
    end
    local _, last, digits = find(text, "^(%x%x%x%x)", at + 1)
    local code = digits and tonumber(digits, 16)
    if not code or (code >= 0xdc00 and code <= 0xdfff) then
        return nil
    end
    if code >= 0xd800 and code <= 0xdbff then
        local _, tail, low = find(text, "^\\u([dD][c-fC-F]%x%x)", last + 1)
        if not tail then
            return nil
        end
        return utf8(0x10000 + (code - 0xd800) * 0x400 + tonumber(low, 16) - 0xdc00), tail + 1
    end
    return utf8(code), last + 1
end

local function read_string(text, at)
    local parts = {}
    while true do
        local stop = find(text, '["\\%c]', at)
        if not stop then
            return nil
        end
        parts[#parts + 1] = sub(text, at, stop - 1)
        local b = byte(text, stop)
        if b == 34 then
            return concat(parts), stop + 1
        elseif b == 127 then -- for Lua's %c DEL is a control character, for JSON it is not
            parts[#parts + 1] = "\127"
            at = stop + 1
        elseif b ~= 92 then
            return nil
        else
            local piece
            piece, at = read_escape(text, stop + 1)
            if not piece then
                return nil
            end
            parts[#parts + 1] = piece
        end
    end
end

local function read_number(text, at)
    local _, last = find(text, "^-?%d+", at)
    if not last or find(text, "^-?0%d", at) then
        return nil
    end
    local _, fraction = find(text, "^%.%d+", last + 1)
    last = fraction or last
    local _, exponent, digits = find(text, "^[eE][+-]?(%d+)", last + 1)
    -- RFC 8259 (section 6) leaves the range of numbers to implementations, and LuaJIT's is not Python's.
    if exponent and #digits > MAX_EXPONENT_DIGITS then
        return nil
    end
    local is_whole = not fraction and not exponent
    last = exponent or last
    local number = tonumber(sub(text, at, last))
    if keeps and is_whole and last - at < MAX_DIGITS and (number >= EXACT or number <= -EXACT) then
        return setmetatable({ sub(text, at, last) }, Digits), last + 1
    end
    return number, last + 1
end

-- The key, the value, the mark after them and the place after that; nil where there is no member.
local function read_member(text, at, depth)
    local key, value, mark, next_at
    if depth < MAX_DEPTH then
        key, value, mark, next_at = match(text, PLAIN_TEXT, at)
        if key then
            return key, value, mark, next_at
        end
        key, value, mark, next_at = match(text, PLAIN_NUMBER, at)
        if key and #value <= PLAIN_DIGITS then
            return key, tonumber(value), mark, next_at
        end
    end
    if sub(text, at, at) ~= '"' then
        return nil
    end
    key, at = read_string(text, at + 1)
    at = key and skip(text, at)
    if not key or sub(text, at, at) ~= ":" then
        return nil
    end
    value, at = read_value(text, skip(text, at + 1), depth + 1)
    if value == nil then
        return nil
    end
    at = skip(text, at)
    return key, value, sub(text, at, at), at + 1
end

local function read_members(text, at, depth)
    local object = {}
    at = skip(text, at)
    if sub(text, at, at) == "}" then
        return object, at + 1
    end
    while true do
        local key, value, mark, next_at = read_member(text, at, depth)
        if key == nil or object[key] ~= nil then
            return nil
        end
        object[key] = value
        if mark == "}" then
            return object, next_at
        elseif mark ~= "," then
            return nil
        end
        at = skip(text, next_at)
    end
end

local function read_items(text, at, depth)
    local array = {}
    at = skip(text, at)
    if sub(text, at, at) == "]" then
        return array, at + 1
    end
    while true do
        local value
        value, at = read_value(text, at, depth + 1)
        if value == nil then
            return nil
        end
        array[#array + 1] = value
        at = skip(text, at)
        local mark = sub(text, at, at)
        if mark == "]" then
            return array, at + 1
        elseif mark ~= "," then
            return nil
        end
        at = skip(text, at + 1)
    end
end

function read_value(text, at, depth)
    if depth > MAX_DEPTH then
        return nil
    end
    local mark = sub(text, at, at)
    if mark == "{" then
        return read_members(text, at + 1, depth)
    elseif mark == "[" then
        return read_items(text, at + 1, depth)
    elseif mark == '"' then
        return read_string(text, at + 1)
    elseif sub(text, at, at + 3) == "true" then
        return true, at + 4
    elseif sub(text, at, at + 4) == "false" then
        return false, at + 5
    elseif sub(text, at, at + 3) == "null" then
        return null, at + 4
    end
    return read_number(text, at)
end

local _M = { null = null }

--- The object in `text`, or nil where that is not exactly one strict JSON object. Never throws. A null in it is
-- `_M.null`. `keeps_digits`: a whole number that a double cannot hold is kept as its digits, which digits() gives.
function _M.object(text, keeps_digits)
    keeps = keeps_digits
    local at = skip(text, 1)
    if sub(text, at, at) ~= "{" or not is_utf8(text) then
        return nil
    end
    local value, stop = read_value(text, at, 1)
    if value == nil or skip(text, stop) <= #text then
        return nil
    end
    return value
end

--- The digits of a whole number that was kept as its digits; nil for any other value.
function _M.digits(value)
    return getmetatable(value) == Digits and value[1] or nil
end

return _M
