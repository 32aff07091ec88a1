-- Encodes and decodes base64url without padding (RFC 7515, section 2), in its canonical form only: each value has one
-- text, so that a token cannot be spelled in another way to get another cache entry, or another verdict.

local bit = require("bit")
local ffi = require("ffi")

local byte = string.byte
local band, bor, lshift, rshift = bit.band, bit.bor, bit.lshift, bit.rshift

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
local NO_LETTER = 0xff -- the value of every other byte
local CODE = ffi.new("uint8_t[64]")
local VALUE = ffi.new("uint8_t[256]")
ffi.fill(VALUE, 256, NO_LETTER)
for i = 1, 64 do
    CODE[i - 1] = byte(ALPHABET, i)
    VALUE[byte(ALPHABET, i)] = i - 1
end

local _M = {}

-- In both directions `bits` are the last bits that were read, and `pending` is how many of them are yet to be written.

--- Writes the bytes of text[first..last] into `out`, an array that has room for three bytes for each four letters.
-- Returns how many bytes they are, or nil where that is not canonical base64url.
function _M.decode_into(out, text, first, last)
    local bits, pending, size = 0, 0, 0
    for i = first, last do
        local value = VALUE[byte(text, i)]
        if value == NO_LETTER then
            return nil
        end
        bits = band(bor(lshift(bits, 6), value), 0xffffff)
        pending = pending + 6
        if pending >= 8 then
            pending = pending - 8
            out[size] = band(rshift(bits, pending), 0xff)
            size = size + 1
        end
    end
    if pending == 6 or band(bits, lshift(1, pending) - 1) ~= 0 then -- a letter too many, or bits that say nothing
        return nil
    end
    return size
end

--- The bytes of `text`, or nil where it is not canonical base64url.
function _M.decode(text)
    local out = ffi.new("uint8_t[?]", #text)
    local size = _M.decode_into(out, text, 1, #text)
    return size and ffi.string(out, size)
end

--- `bytes` as base64url text.
function _M.encode(bytes)
    local length = #bytes
    local out = ffi.new("uint8_t[?]", math.ceil(length * 4 / 3) + 1)
    local bits, pending, size = 0, 0, 0
    for i = 1, length do
        bits = band(bor(lshift(bits, 8), byte(bytes, i)), 0xffffff)
        pending = pending + 8
        while pending >= 6 do
            pending = pending - 6
            out[size] = CODE[band(rshift(bits, pending), 0x3f)]
            size = size + 1
        end
    end
    if pending > 0 then
        out[size] = CODE[band(lshift(bits, 6 - pending), 0x3f)]
        size = size + 1
    end
    return ffi.string(out, size)
end

return _M
