-- Cryptography with OpenSSL: keys that verify signatures (lib.algorithms), bytes that are authenticated and hashed, and
-- random ones. Knows nothing about tokens.

local C = require("bg.lib.openssl")
local algorithms = require("bg.lib.algorithms")
local ffi = require("ffi")

local byte, format, gsub = string.byte, string.format, string.gsub

local digest_out = ffi.new("unsigned char[32]")
local both = ffi.gc(C.EVP_MD_CTX_new(), C.EVP_MD_CTX_free)

local _M = { hmac = algorithms.hmac, key = algorithms.key, has_secret = algorithms.has_secret }

--- `length` random bytes from OpenSSL's generator; nil where it cannot give any.
function _M.random(length)
    local out = ffi.new("unsigned char[?]", length)
    if C.RAND_bytes(out, length) ~= 1 then
        return nil
    end
    return ffi.string(out, length)
end

--- A number in [0, 1) that depends on `text` alone; over many texts these numbers are spread evenly.
function _M.fraction(text)
    C.SHA256(text, #text, digest_out)
    return (digest_out[0] * 0x1000000 + digest_out[1] * 0x10000 + digest_out[2] * 0x100 + digest_out[3]) / 0x100000000
end

--- The SHA-256 of a text, 32 bytes.
function _M.sha256(text)
    C.SHA256(text, #text, digest_out)
    return ffi.string(digest_out, 32)
end

--- The first `size` bytes of the SHA-256 of two texts, one after the other.
function _M.sha256_of_both(one, other, size)
    C.EVP_DigestInit_ex(both, C.EVP_sha256(), nil)
    C.EVP_DigestUpdate(both, one, #one)
    C.EVP_DigestUpdate(both, other, #other)
    C.EVP_DigestFinal_ex(both, digest_out, nil)
    return ffi.string(digest_out, size)
end

--- The first 16 hexadecimal digits of the SHA-256 of a text: enough to tell sessions apart in a log, and useless for
-- logging in.
function _M.short_hash(text)
    C.SHA256(text, #text, digest_out)
    return (gsub(ffi.string(digest_out, 8), ".", function(letter) return format("%02x", byte(letter)) end))
end

return _M
