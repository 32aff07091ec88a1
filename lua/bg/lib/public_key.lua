-- Public keys: read from PEM, each in the one encoding that OpenSSL itself writes, and judged. The session API takes
-- the same keys and no others (session_api/keys/algorithms.py).

local base64url = require("bg.lib.base64url")
local C = require("bg.lib.openssl")
local ffi = require("ffi")

local byte, gsub, match = string.byte, string.gsub, string.match

-- Kinds of keys, with their numbers in OpenSSL's obj_mac.h; those of EdDSA, with the bytes of their signatures.
local RSA, EC = 6, 408
local EDWARDS = { [1087] = 64, [1088] = 114 } -- Ed25519 and Ed448 (RFC 8032, sections 5.1.6 and 5.2.6)
-- With a larger modulus, or a longer exponent, OpenSSL verifies nothing.
local MIN_RSA_BITS, MAX_RSA_BITS, MAX_EXPONENT_BITS = 2048, 16384, 64

local PEM = "%-%-%-%-%-BEGIN PUBLIC KEY%-%-%-%-%-\r?\n([%w+/=%s]*)%-%-%-%-%-END PUBLIC KEY%-%-%-%-%-"

local _M = {}

-- The bytes of the first public key in a PEM text (RFC 7468), or nil.
local function der_of(pem)
    local body = match(pem, PEM)
    body = body and gsub(body, "%s", "")
    if not body or #body % 4 ~= 0 then
        return nil
    end
    body = gsub(body, "==?$", "")
    return base64url.decode((gsub(body, "[+/]", { ["+"] = "-", ["/"] = "_" })))
end

-- Whether OpenSSL would write `key` as just these bytes. Libraries differ in what they forgive in an encoding.
local function is_written_as(key, der)
    local length = C.i2d_PUBKEY(key, nil)
    if length ~= #der then
        return false
    end
    local out = ffi.new("unsigned char[?]", length)
    C.i2d_PUBKEY(key, ffi.new("unsigned char *[1]", out))
    return ffi.string(out, length) == der
end

--- The key in a PEM text, or nil; and its bytes in DER.
function _M.read(pem)
    local der = der_of(pem)
    if not der then
        return nil
    end
    local at = ffi.new("const unsigned char *[1]", ffi.cast("const unsigned char *", der))
    local key = C.d2i_PUBKEY(nil, at, #der)
    C.ERR_clear_error()
    if key == nil then
        return nil
    end
    key = ffi.gc(key, C.EVP_PKEY_free)
    local same = is_written_as(key, der)
    C.ERR_clear_error()
    return same and key or nil, der
end

-- The length in bits of a number of an RSA key ("n" or "e"), and whether it is odd.
local function rsa_number(key, name)
    local number = ffi.new("BIGNUM *[1]")
    if C.EVP_PKEY_get_bn_param(key, name, number) ~= 1 then
        return 0, false
    end
    local bits, is_odd = C.BN_num_bits(number[0]), C.BN_is_odd(number[0]) == 1
    C.BN_free(number[0])
    return bits, is_odd
end

local function group(key)
    local name, length = ffi.new("char[32]"), ffi.new("size_t[1]")
    if C.EVP_PKEY_get_group_name(key, name, 32, length) ~= 1 then
        return nil
    end
    return ffi.string(name, length[0])
end

--- Why a key is none for RSA signatures; nil where it is.
function _M.rsa_fault(key)
    if C.EVP_PKEY_get_id(key) ~= RSA then
        return "not an RSA key"
    end
    local bits, is_odd = rsa_number(key, "n")
    if bits < MIN_RSA_BITS or bits > MAX_RSA_BITS or not is_odd then
        return "an RSA key whose modulus is not an odd number of 2048 to 16384 bits"
    end
    bits, is_odd = rsa_number(key, "e")
    if bits < 2 or bits > MAX_EXPONENT_BITS or not is_odd then
        return "an RSA key whose exponent is not an odd number from 3 on, of 64 bits at most"
    end
end

--- Why a key is none for signatures on `curve`, `{name, group, der, point}`; nil where it is. `name` is that of the
-- curve, and `group` what OpenSSL calls it; a key whose point is written out has `der` bytes, and the 4 with which the
-- point then begins (RFC 5480, section 2.2) is its byte number `point`.
function _M.curve_fault(key, der, curve)
    if C.EVP_PKEY_get_id(key) ~= EC or group(key) ~= curve.group then
        return "not a " .. curve.name .. " key"
    end
    local is_written_out = #der == curve.der and byte(der, curve.point) == 4
    return not is_written_out and "a " .. curve.name .. " key whose point is not written out" or nil
end

--- The length in bytes of an EdDSA signature that is made with a key; nil where the key is none for EdDSA.
function _M.edwards_length(key)
    return EDWARDS[C.EVP_PKEY_get_id(key)]
end

return _M
