-- Cryptography with OpenSSL, through FFI: verifies signatures with keys that are parsed once, authenticates and hashes
-- bytes, and draws random ones. Knows nothing about tokens. Needs OpenSSL 3, which nginx has loaded already; outside
-- nginx it is loaded here.

local base64url = require("bg.lib.base64url")
local bit = require("bit")
local ffi = require("ffi")

local byte, find, sub, char = string.byte, string.find, string.sub, string.char
local format, gsub, match = string.format, string.gsub, string.match

ffi.cdef([[
typedef struct bignum_st BIGNUM;
typedef struct evp_md_st EVP_MD;
typedef struct evp_md_ctx_st EVP_MD_CTX;
typedef struct evp_pkey_st EVP_PKEY;
EVP_PKEY *d2i_PUBKEY(EVP_PKEY **key, const unsigned char **at, long length);
int i2d_PUBKEY(const EVP_PKEY *key, unsigned char **out);
void EVP_PKEY_free(EVP_PKEY *key);
int EVP_PKEY_get_id(const EVP_PKEY *key);
int EVP_PKEY_get_group_name(const EVP_PKEY *key, char *name, size_t size, size_t *length);
int EVP_PKEY_get_bn_param(const EVP_PKEY *key, const char *name, BIGNUM **number);
int BN_num_bits(const BIGNUM *number);
int BN_is_odd(const BIGNUM *number);
void BN_free(BIGNUM *number);
EVP_MD_CTX *EVP_MD_CTX_new(void);
void EVP_MD_CTX_free(EVP_MD_CTX *context);
const EVP_MD *EVP_sha256(void);
int EVP_DigestVerifyInit(EVP_MD_CTX *context, void **pkey_context, const EVP_MD *digest, void *engine, EVP_PKEY *key);
int EVP_DigestVerify(EVP_MD_CTX *context, const char *signature, size_t signature_length,
                     const char *data, size_t length);
unsigned char *HMAC(const EVP_MD *digest, const void *key, int key_length, const char *data, size_t length,
                    unsigned char *out, unsigned int *out_length);
unsigned char *SHA256(const char *data, size_t length, unsigned char *out);
int CRYPTO_memcmp(const void *a, const void *b, size_t length);
int RAND_bytes(unsigned char *out, int length);
void ERR_clear_error(void);
]])

local function library()
    local loaded = pcall(function() return ffi.C.EVP_PKEY_get_group_name end)
    return loaded and ffi.C or ffi.load("libcrypto.so.3")
end

local C = library()

-- Kinds of keys, with their numbers in OpenSSL's obj_mac.h.
local RSA, EC, ED25519 = 6, 408, 1087
-- With a larger modulus, or a longer exponent, OpenSSL verifies nothing.
local MIN_RSA_BITS, MAX_RSA_BITS, MAX_EXPONENT_BITS = 2048, 16384, 64
-- The bytes of a P-256 key whose point is written out (RFC 5480, section 2.2), and the place of the 4 with which the
-- point then begins.
local P256_BYTES, P256_POINT = 91, 27
local MIN_SECRET_BYTES = 32

local PEM = "%-%-%-%-%-BEGIN PUBLIC KEY%-%-%-%-%-\r?\n([%w+/=%s]*)%-%-%-%-%-END PUBLIC KEY%-%-%-%-%-"

local digest_out = ffi.new("unsigned char[32]")
local digest_length = ffi.new("unsigned int[1]")

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

-- Whether OpenSSL would write `key` as just these bytes. Libraries differ in what they forgive in an encoding; like
-- this, the session API takes the same keys.
local function is_written_as(key, der)
    local length = C.i2d_PUBKEY(key, nil)
    if length ~= #der then
        return false
    end
    local out = ffi.new("unsigned char[?]", length)
    C.i2d_PUBKEY(key, ffi.new("unsigned char *[1]", out))
    return ffi.string(out, length) == der
end

-- The key in a PEM text, or nil; and its bytes in DER.
local function read_pem(pem)
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

local function curve(key)
    local name, length = ffi.new("char[32]"), ffi.new("size_t[1]")
    if C.EVP_PKEY_get_group_name(key, name, 32, length) ~= 1 then
        return nil
    end
    return ffi.string(name, length[0])
end

-- Why a key may not be used for an algorithm; nil where it may.
local unfit = {
    EdDSA = function(key)
        return C.EVP_PKEY_get_id(key) ~= ED25519 and "not an Ed25519 key" or nil
    end,
    ES256 = function(key, der)
        if C.EVP_PKEY_get_id(key) ~= EC or curve(key) ~= "prime256v1" then
            return "not a P-256 key"
        end
        local is_written_out = #der == P256_BYTES and byte(der, P256_POINT) == 4
        return not is_written_out and "a P-256 key whose point is not written out" or nil
    end,
    RS256 = function(key)
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
    end,
}

local function digest_verify(digest, key, signature, data)
    local context = ffi.gc(C.EVP_MD_CTX_new(), C.EVP_MD_CTX_free)
    local good = C.EVP_DigestVerifyInit(context, nil, digest, nil, key) == 1
        and C.EVP_DigestVerify(context, signature, #signature, data, #data) == 1
    C.EVP_MD_CTX_free(ffi.gc(context, nil))
    -- A failed check leaves an error in OpenSSL's queue, which would turn up in nginx's next TLS call.
    C.ERR_clear_error()
    return good
end

-- 32 big-endian bytes as a DER INTEGER, in its shortest form and never negative.
local function der_integer(bytes)
    local start = find(bytes, "[^%z]") or 32
    local body = sub(bytes, start)
    if bit.band(byte(body), 0x80) ~= 0 then
        body = "\0" .. body
    end
    return "\2" .. char(#body) .. body
end

local function hmac(secret, data)
    C.HMAC(C.EVP_sha256(), secret, #secret, data, #data, digest_out, digest_length)
    return ffi.string(digest_out, 32)
end

local verifiers = {
    EdDSA = function(key, signature, data)
        return #signature == 64 and digest_verify(nil, key, signature, data)
    end,
    ES256 = function(key, signature, data)
        if #signature ~= 64 then -- r and s of 32 bytes each (RFC 7518, section 3.4), where OpenSSL wants DER
            return false
        end
        local pair = der_integer(sub(signature, 1, 32)) .. der_integer(sub(signature, 33))
        return digest_verify(C.EVP_sha256(), key, "\48" .. char(#pair) .. pair, data)
    end,
    RS256 = function(key, signature, data)
        return digest_verify(C.EVP_sha256(), key, signature, data)
    end,
    HS256 = function(secret, signature, data)
        return #signature == 32 and C.CRYPTO_memcmp(hmac(secret, data), signature, 32) == 0
    end,
}

local _M = { hmac = hmac }

--- A key bound to one algorithm, `{alg, verify(signature, data) -> boolean}`, or nil and why it is refused. `material`
-- is a public key in PEM (SPKI); for HS256 it is the secret itself, of 32 bytes or, where `takes_short`, fewer.
function _M.key(alg, material, takes_short)
    local verifier = verifiers[alg]
    if not verifier then
        return nil, "unknown algorithm"
    end
    local key = material
    if alg == "HS256" then
        if find(material, "-----BEGIN ", 1, true) then
            return nil, "a PEM key where HS256 needs a secret"
        elseif #material < (takes_short and 1 or MIN_SECRET_BYTES) then
            return nil, takes_short and "an empty HMAC secret" or "an HMAC secret under 32 bytes"
        end
    else
        local der
        key, der = read_pem(material)
        local why = not key and "not a public key in PEM" or unfit[alg](key, der)
        if why then
            return nil, why
        end
    end
    return {
        alg = alg,
        verify = function(signature, data) return verifier(key, signature, data) end,
    }
end

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

--- The first 16 hexadecimal digits of the SHA-256 of a text: enough to tell sessions apart in a log, and useless for
-- logging in.
function _M.short_hash(text)
    C.SHA256(text, #text, digest_out)
    return (gsub(ffi.string(digest_out, 8), ".", function(letter) return format("%02x", byte(letter)) end))
end

return _M
