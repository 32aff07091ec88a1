-- UTF-8 (RFC 3629): writes a character, and tells whether a text is well-formed.

local byte, char, find = string.byte, string.char, string.find
local floor = math.floor

local _M = {}

--- The bytes of the character with this code.
function _M.encode(code)
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

--- Whether all of `text` is well-formed UTF-8, by table 3-7 of The Unicode Standard.
function _M.is_valid(text)
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

return _M
