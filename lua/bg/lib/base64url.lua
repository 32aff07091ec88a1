-- base64url without padding (RFC 7515, section 2), in its canonical form only: one text for one value, so that a
-- token cannot be respelled into another cache entry or another verdict.

local bit = require("bit")
local ffi = require("ffi")

local byte, find = string.byte, string.find
local band, bor, lshift, rshift = bit.band, bit.bor, bit.lshift, bit.rshift

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
local CODE = ffi.new("uint8_t[64]")
local VALUE = ffi.new("uint8_t[256]")
for i = 1, 64 do
    CODE[i - 1] = byte(ALPHABET, i)
    VALUE[byte(ALPHABET, i)] = i - 1
end

local _M = {}

--- The bytes of `text`, or nil where it is not canonical base64url.
function _M.decode(text)
    local length = #text
    local rest = length % 4
    if rest == 1 or find(text, "[^A-Za-z0-9_-]") then
        return nil
    end
    local out = ffi.new("uint8_t[?]", length)
    local bits, held, size = 0, 0, 0
    for i = 1, length do
        bits = band(bor(lshift(bits, 6), VALUE[byte(text, i)]), 0xffffff)
        held = held + 6
        if held >= 8 then
            held = held - 8
            out[size] = band(rshift(bits, held), 0xff)
            size = size + 1
        end
    end
    if band(bits, lshift(1, held) - 1) ~= 0 then
        return nil
    end
    return ffi.string(out, size)
end

--- `bytes` as base64url text.
function _M.encode(bytes)
    local length = #bytes
    local out = ffi.new("uint8_t[?]", math.ceil(length * 4 / 3) + 1)
    local bits, held, size = 0, 0, 0
    for i = 1, length do
        bits = band(bor(lshift(bits, 8), byte(bytes, i)), 0xffffff)
        held = held + 8
        while held >= 6 do
            held = held - 6
            out[size] = CODE[band(rshift(bits, held), 0x3f)]
            size = size + 1
        end
    end
    if held > 0 then
        out[size] = CODE[band(lshift(bits, 6 - held), 0x3f)]
        size = size + 1
    end
    return ffi.string(out, size)
end

return _M
