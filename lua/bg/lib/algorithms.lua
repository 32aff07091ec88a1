-- The algorithms of signatures (RFC 7518, section 3.1; RFC 8037): what each of them verifies, and which keys are fit
-- for it. session_api/keys/algorithms.py has the same list.

local C = require("bg.lib.openssl")
local ffi = require("ffi")
local public_key = require("bg.lib.public_key")

local find, format = string.find, string.format

-- OpenSSL's rsa.h: PSS padding, with a salt that is as long as the digest (RFC 7518, section 3.5).
local PSS_PADDING, SALT_OF_DIGEST = 6, -1
local LARGEST_DIGEST = 64
local DER_SEQUENCE, DER_INTEGER, DER_LONG = 0x30, 0x02, 0x81 -- tags, and what announces a length of one byte
local LARGEST_DER = 160 -- of two numbers of P-521

local digest_out = ffi.new("unsigned char[?]", LARGEST_DIGEST)
local digest_length = ffi.new("unsigned int[1]")
local der = ffi.new("unsigned char[?]", LARGEST_DER)
local at_work = ffi.gc(C.EVP_MD_CTX_new(), C.EVP_MD_CTX_free) -- for the signature at hand

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

-- A context in which everything is settled but the signature, for each of which it is copied: to settle it takes longer
-- than to copy it. `digest` is nil for EdDSA, which has its own. nil where OpenSSL will not have it.
local function context_of(key, digest, has_pss)
    local context = ffi.gc(C.EVP_MD_CTX_new(), C.EVP_MD_CTX_free)
    local key_context = has_pss and ffi.new("EVP_PKEY_CTX *[1]") or nil -- belongs to `context`
    local good = C.EVP_DigestVerifyInit(context, key_context, digest and digest.call, nil, key) == 1
        and (not has_pss or use_pss(key_context[0]))
    C.ERR_clear_error()
    return good and context or nil
end

-- A failed check leaves an error in OpenSSL's queue, which would turn up in nginx's next TLS call.
local function digest_verify(context, signature, size, data, length)
    local good = C.EVP_MD_CTX_copy_ex(at_work, context) == 1
        and C.EVP_DigestVerify(at_work, signature, size, data, length) == 1
    C.ERR_clear_error()
    return good
end

-- Writes a big-endian number of so many bytes to `der` as a DER INTEGER, in its shortest form and never negative.
-- Returns the place after it.
local function put_integer(at, number, bytes)
    local first = 0
    while first < bytes - 1 and number[first] == 0 do
        first = first + 1
    end
    local length, pad = bytes - first, number[first] >= 0x80 and 1 or 0
    der[at], der[at + 1], der[at + 2] = DER_INTEGER, length + pad, 0
    ffi.copy(der + at + 2 + pad, number + first, length)
    return at + 2 + pad + length
end

-- r and s of an ECDSA signature, one after the other (RFC 7518, section 3.4), as OpenSSL wants them: a DER SEQUENCE.
-- Returns where it is, and its bytes.
local function der_signature(signature, bytes)
    local content = 3 -- a length of 128 and more takes two bytes
    local size = put_integer(put_integer(content, signature, bytes), signature + bytes, bytes) - content
    der[content - 1] = size
    local start = size < 128 and content - 2 or content - 3
    der[content - 2] = DER_LONG
    der[start] = DER_SEQUENCE
    return der + start, content - start + size
end

local function rsa(digest, has_pss)
    return {
        unfit = public_key.rsa_fault,
        checker = function(key)
            local context = context_of(key, digest, has_pss)
            return context and function(signature, size, data, length)
                return digest_verify(context, signature, size, data, length)
            end
        end,
    }
end

local function ecdsa(curve, digest)
    local bytes = curve.bytes
    return {
        unfit = function(key, der_of_key) return public_key.curve_fault(key, der_of_key, curve) end,
        checker = function(key)
            local context = context_of(key, digest)
            return context and function(signature, size, data, length)
                if size ~= 2 * bytes then
                    return false
                end
                local sequence, sequence_size = der_signature(signature, bytes)
                return digest_verify(context, sequence, sequence_size, data, length)
            end
        end,
    }
end

local eddsa = {
    unfit = function(key) return not public_key.edwards_length(key) and "not an Ed25519 or Ed448 key" or nil end,
    checker = function(key)
        local context, wanted = context_of(key), public_key.edwards_length(key)
        return context and function(signature, size, data, length)
            return size == wanted and digest_verify(context, signature, size, data, length)
        end
    end,
}

-- The context holds the secret, and begins anew with it for each signature. RFC 7518, section 3.2: a secret is at least
-- as long as the digest.
local function hmac_sha2(digest)
    return {
        least = digest.size,
        checker = function(secret)
            local context = ffi.gc(C.HMAC_CTX_new(), C.HMAC_CTX_free)
            return C.HMAC_Init_ex(context, secret, #secret, digest.call, nil) == 1
                and function(signature, size, data, length)
                    return size == digest.size and C.HMAC_Init_ex(context, nil, 0, nil, nil) == 1
                        and C.HMAC_Update(context, data, length) == 1
                        and C.HMAC_Final(context, digest_out, digest_length) == 1
                        and C.CRYPTO_memcmp(digest_out, signature, size) == 0
                end
        end,
    }
end

-- Of each algorithm: `checker(key)`, made once for a key, a function `(signature, size, data, length) -> boolean`, or
-- nil; for public keys `unfit(key, der) -> why | nil`, and for secrets `least`, the bytes that they must have.
local ALGORITHMS = {
    EdDSA = eddsa,
    ES256 = ecdsa(P256, SHA256), ES384 = ecdsa(P384, SHA384), ES512 = ecdsa(P521, SHA512),
    RS256 = rsa(SHA256), RS384 = rsa(SHA384), RS512 = rsa(SHA512),
    PS256 = rsa(SHA256, true), PS384 = rsa(SHA384, true), PS512 = rsa(SHA512, true),
    HS256 = hmac_sha2(SHA256), HS384 = hmac_sha2(SHA384), HS512 = hmac_sha2(SHA512),
}

--- The HMAC-SHA256 of `data`, 32 bytes.
function _M.hmac(secret, data)
    C.HMAC(SHA256.call, secret, #secret, data, #data, digest_out, digest_length)
    return ffi.string(digest_out, SHA256.size)
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
    local key, encoded = public_key.read(pem)
    local why = not key and "not a public key in PEM" or algorithm.unfit(key, encoded)
    if why then
        return nil, why
    end
    return key
end

--- A key bound to one algorithm, `{alg, verify(signature, size, data, length) -> boolean}` with a signature as an array
-- of bytes, and what was signed as `const char *`; or nil and why it is refused. `material` is a public key in PEM
-- (SPKI); for HS256 and its like it is the secret itself, as long as the algorithm demands or, where `takes_short`,
-- shorter.
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
    local verify = not why and algorithm.checker(key)
    if not verify then
        return nil, why or "OpenSSL does not take it"
    end
    return { alg = alg, verify = verify }
end

return _M
