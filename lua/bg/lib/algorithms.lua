-- The algorithms of signatures (RFC 7518, section 3.1; RFC 8037): what each of them verifies, and which keys are fit
-- for it. session_api/keys/algorithms.py has the same list.

local C = require("bg.lib.openssl")
local bit = require("bit")
local ffi = require("ffi")
local public_key = require("bg.lib.public_key")

local byte, char, find, format, sub = string.byte, string.char, string.find, string.format, string.sub

-- OpenSSL's rsa.h: PSS padding, with a salt that is as long as the digest (RFC 7518, section 3.5).
local PSS_PADDING, SALT_OF_DIGEST = 6, -1
local LARGEST_DIGEST = 64

local digest_out = ffi.new("unsigned char[?]", LARGEST_DIGEST)
local digest_length = ffi.new("unsigned int[1]")

local SHA256 = { call = C.EVP_sha256(), size = 32 }
local SHA384 = { call = C.EVP_sha384(), size = 48 }
local SHA512 = { call = C.EVP_sha512(), size = 64 }

-- Curves as public_key.curve_fault has them; r and s of a signature have `bytes` each.
local P256 = { name = "P-256", group = "prime256v1", bytes = 32, der = 91, point = 27 }
local P384 = { name = "P-384", group = "secp384r1", bytes = 48, der = 120, point = 24 }
local P521 = { name = "P-521", group = "secp521r1", bytes = 66, der = 158, point = 26 }

local _M = {}

local function use_pss(key_context)
    return C.EVP_PKEY_CTX_set_rsa_padding(key_context, PSS_PADDING) == 1
        and C.EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, SALT_OF_DIGEST) == 1
end

-- `digest` is nil for EdDSA, which has its own.
local function digest_verify(digest, key, signature, data, has_pss)
    local context = ffi.gc(C.EVP_MD_CTX_new(), C.EVP_MD_CTX_free)
    local key_context = has_pss and ffi.new("EVP_PKEY_CTX *[1]") or nil -- belongs to `context`
    local good = C.EVP_DigestVerifyInit(context, key_context, digest, nil, key) == 1
        and (not has_pss or use_pss(key_context[0]))
        and C.EVP_DigestVerify(context, signature, #signature, data, #data) == 1
    C.EVP_MD_CTX_free(ffi.gc(context, nil))
    -- A failed check leaves an error in OpenSSL's queue, which would turn up in nginx's next TLS call.
    C.ERR_clear_error()
    return good
end

-- Big-endian bytes as a DER INTEGER, in its shortest form and never negative.
local function der_integer(bytes)
    local start = find(bytes, "[^%z]") or #bytes
    local body = sub(bytes, start)
    if bit.band(byte(body), 0x80) ~= 0 then
        body = "\0" .. body
    end
    return "\2" .. char(#body) .. body
end

-- r and s of an ECDSA signature, one after the other (RFC 7518, section 3.4), as OpenSSL wants them: a DER SEQUENCE.
local function der_signature(signature, bytes)
    local pair = der_integer(sub(signature, 1, bytes)) .. der_integer(sub(signature, bytes + 1))
    return "\48" .. (#pair < 128 and "" or "\129") .. char(#pair) .. pair
end

local function rsa(digest, has_pss)
    return {
        unfit = public_key.rsa_fault,
        verify = function(key, signature, data)
            return digest_verify(digest.call, key, signature, data, has_pss)
        end,
    }
end

local function ecdsa(curve, digest)
    return {
        unfit = function(key, der) return public_key.curve_fault(key, der, curve) end,
        verify = function(key, signature, data)
            return #signature == 2 * curve.bytes
                and digest_verify(digest.call, key, der_signature(signature, curve.bytes), data)
        end,
    }
end

local function hmac(digest, secret, data)
    C.HMAC(digest.call, secret, #secret, data, #data, digest_out, digest_length)
    return ffi.string(digest_out, digest.size)
end

-- RFC 7518, section 3.2: a secret is at least as long as the digest.
local function hmac_sha2(digest)
    return {
        least = digest.size,
        verify = function(secret, signature, data)
            return #signature == digest.size
                and C.CRYPTO_memcmp(hmac(digest, secret, data), signature, digest.size) == 0
        end,
    }
end

local eddsa = {
    unfit = function(key) return not public_key.edwards_length(key) and "not an Ed25519 or Ed448 key" or nil end,
    verify = function(key, signature, data)
        return #signature == public_key.edwards_length(key) and digest_verify(nil, key, signature, data)
    end,
}

-- `verify(key, signature, data) -> boolean` of each algorithm; for public keys `unfit(key, der) -> why | nil`, and for
-- secrets `least`, the bytes that they must have.
local ALGORITHMS = {
    EdDSA = eddsa,
    ES256 = ecdsa(P256, SHA256), ES384 = ecdsa(P384, SHA384), ES512 = ecdsa(P521, SHA512),
    RS256 = rsa(SHA256), RS384 = rsa(SHA384), RS512 = rsa(SHA512),
    PS256 = rsa(SHA256, true), PS384 = rsa(SHA384, true), PS512 = rsa(SHA512, true),
    HS256 = hmac_sha2(SHA256), HS384 = hmac_sha2(SHA384), HS512 = hmac_sha2(SHA512),
}

--- The HMAC-SHA256 of `data`, 32 bytes.
function _M.hmac(secret, data)
    return hmac(SHA256, secret, data)
end

--- Whether an algorithm has a secret, and no public key.
function _M.has_secret(alg)
    local algorithm = ALGORITHMS[alg]
    return algorithm ~= nil and algorithm.least ~= nil
end

local function secret_fault(alg, secret, least)
    if find(secret, "-----BEGIN ", 1, true) then
        return format("a PEM key where %s needs a secret", alg)
    elseif #secret < least then
        return least == 1 and "an empty HMAC secret" or format("an HMAC secret under %d bytes", least)
    end
end

local function public_half(algorithm, pem)
    local key, der = public_key.read(pem)
    local why = not key and "not a public key in PEM" or algorithm.unfit(key, der)
    if why then
        return nil, why
    end
    return key
end

--- A key bound to one algorithm, `{alg, verify(signature, data) -> boolean}`, or nil and why it is refused. `material`
-- is a public key in PEM (SPKI); for HS256 and its like it is the secret itself, as long as the algorithm demands or,
-- where `takes_short`, shorter.
function _M.key(alg, material, takes_short)
    local algorithm = type(alg) == "string" and ALGORITHMS[alg]
    if not algorithm then
        return nil, "unknown algorithm"
    end
    local key, why
    if algorithm.least then
        key, why = material, secret_fault(alg, material, takes_short and 1 or algorithm.least)
    else
        key, why = public_half(algorithm, material)
    end
    if why then
        return nil, why
    end
    local verify = algorithm.verify
    return {
        alg = alg,
        verify = function(signature, data) return verify(key, signature, data) end,
    }
end

return _M
