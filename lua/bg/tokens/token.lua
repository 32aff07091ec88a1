-- Verifies tokens. A compact JWS (RFC 7515) is believed only after its signature has been checked by the one algorithm
-- that a key is for (RFC 8725, section 3.1): with the key that its `kid` names, or, where it names none, with the few
-- keys that are for its `alg`.

local base64url = require("bg.lib.base64url")
local claims = require("bg.tokens.claims")
local crypto = require("bg.lib.crypto")
local ffi = require("ffi")
local new_table = require("table.new")
local plain_object = require("bg.lib.plain_object")
local strict_json = require("bg.lib.strict_json")

local cast, copy = ffi.cast, ffi.string
local find, sub = string.find, string.sub
local huge, min = math.huge, math.min
local ipairs, type = ipairs, type

local MAX_BYTES = 8192
local MOST_HEADERS = 64
local MAX_TRIED = 4 -- keys that are tried on a token that names none
local COMPACT = "^[%w_-]+%.[%w_-]+%.[%w_-]+$"

-- Of the token at hand: the bytes of its signature, and of its header or its claims; and its claims, where most tokens
-- have such ones. Nothing of this is kept.
local signature, content = ffi.new("unsigned char[?]", MAX_BYTES), ffi.new("unsigned char[?]", MAX_BYTES)
local said_by_most = new_table(0, 32)

local _M = { MAX_BYTES = MAX_BYTES }

local function is_good(key, now)
    return not key.retire_at or now < key.retire_at
end

-- Those of `keys` that are good, if there are no more than are tried; else, of them, those that nobody has fetched. A
-- provider with many keys, whose tokens name theirs, must not be in the way of the app's own.
local function tried_of(keys, now)
    local found, own = {}, {}
    for _, key in ipairs(keys) do
        if is_good(key, now) then
            found[#found + 1] = key
            own[#own + 1] = not key.is_fetched and key or nil
        end
    end
    return (#found <= MAX_TRIED or #own == 0) and found or own
end

-- The keys for a header without `kid`, by its algorithm; or nil, the reason, and why where there is more to say.
local function keys_of_alg(header, rules, now)
    local keys = rules.by_alg and type(header.alg) == "string" and rules.by_alg[header.alg]
    local found = tried_of(keys or {}, now)
    if not rules.by_alg then
        return nil, "unknown_kid"
    elseif #found == 0 then
        return nil, "alg", "no key in the ring is for its alg"
    elseif #found > MAX_TRIED then
        return nil, "unknown_kid", "it has no kid, and more than " .. MAX_TRIED .. " keys in the ring are for its alg"
    end
    return found
end

-- The key that a header names; or nil, and the reason.
local function named_key(header, keys, now)
    local key = type(header.kid) == "string" and keys[header.kid]
    if not key or not is_good(key, now) then
        return nil, "unknown_kid"
    elseif header.alg ~= key.alg then
        return nil, "alg"
    end
    return key
end

-- The first of `list` with which the signature was made, or nil.
local function signer(list, size, data, length)
    for _, key in ipairs(list) do
        if key.verify(signature, size, data, length) then
            return key
        end
    end
end

-- The key with which a token with this header was signed: its signature is `size` bytes of `signature`, made of `data`.
-- Or nil, the reason, and why where there is more to say.
local function key_of(header, size, data, length, keys, rules, now)
    if header.crit ~= nil or header.b64 ~= nil or header.enc ~= nil then
        return nil, "crit"
    elseif header.kid ~= nil then
        local key, reason = named_key(header, keys, now)
        if key and not key.verify(signature, size, data, length) then
            return nil, "signature"
        end
        return key, reason
    end
    local list, reason, why = keys_of_alg(header, rules, now)
    if not list then
        return nil, reason, why
    end
    local key = signer(list, size, data, length)
    return key, "signature", "its signature fits no key that is for its alg"
end

-- The object in text[first..last], or nil: for what is read often, put into the table `into` (lib.plain_object).
local function read_object(text, first, last, keeps_digits, into)
    local size = base64url.decode_into(content, text, first, last)
    if size and into and plain_object.read(content, size, into) then
        return into
    end
    return size and strict_json.object(copy(content, size), keeps_digits)
end

-- The header of a token, read once for all tokens that begin so: those of one key do. Nobody changes it.
local headers, headers_known = {}, 0

local function header_of(segment)
    local header = headers[segment]
    if header == nil then
        header = read_object(segment, 1, #segment) or false
        if headers_known >= MOST_HEADERS then
            headers, headers_known = {}, 0
        end
        headers[segment], headers_known = header, headers_known + 1
    end
    return header or nil
end

-- The places of the two dots of a compact JWS; nil where a dot or a segment is missing.
local function dots(text)
    local one = find(text, ".", 1, true)
    local two = one and find(text, ".", one + 1, true)
    if two and one > 1 and two > one + 1 and two < #text then
        return one, two
    end
end

-- Reads the envelope of a token, whose dots are at `one` and `two`. Returns the key that has signed it; or nil, the
-- reason, and why where there is more to say.
local function open(text, one, two, keys, rules, now)
    local header = header_of(sub(text, 1, one - 1))
    local size = header and base64url.decode_into(signature, text, two + 1, #text)
    if not size then
        return nil, "malformed"
    end
    return key_of(header, size, cast("const char *", text), two - 1, keys, rules, now)
end

--- Whether `text` may be a token that is signed with a private key: to verify that takes ten times as long as all else.
function _M.is_costly(text)
    local one = #text <= MAX_BYTES and find(text, ".", 1, true)
    local header = one and header_of(sub(text, 1, one - 1))
    return header and not crypto.has_secret(header.alg)
end

--- The identity in `text`, `{version, generation, issued, sid, user, exp, from, bound, pages, jar, foreign,
-- good_until}`, or nil and the reason (a word of docs/tokens.md). Times are seconds since the epoch. `generation` is
-- that of the state that served `version`, nil where the token does not tell; `issued` is its `iat`, or 0; `user` is
-- nil where the token names none; `from`, `bound`, `pages` and `jar` are for pins (tokens.pin); `foreign` is true for a
-- token that is not one of ours. Such a token may lack the `version`; then `is_shared` is true where all tokens of its
-- user are one session (tokens.claims).
-- @param keys    table of kid -> key as crypto.key makes it, with what tokens.keyring knows of it
-- @param rules   `{issuer = string, leeway = seconds, longest = seconds}`: the longest life of a token; `by_alg`, table
--                of alg -> list of keys for tokens without a kid (nil: they are refused); `version_claim`
--                (tokens.claims)
-- @param now     seconds since the epoch
function _M.verify(text, keys, rules, now)
    if #text > MAX_BYTES then
        return nil, "too_large"
    end
    local one, two = dots(text)
    if not one then
        return nil, "malformed"
    end
    local key, reason = open(text, one, two, keys, rules, now)
    if not key then
        -- What is no JWS at all is called so, whatever else is wrong with it.
        return nil, find(text, COMPACT) and reason or "malformed"
    end
    local said = read_object(text, one + 1, two - 1, true, said_by_most)
    if not said then
        return nil, "malformed"
    end
    local faults = claims.faults(said, key, rules, now)
    if faults then
        return nil, faults[1].reason
    end
    local identity = claims.identity(said, key, rules)
    identity.good_until = min(identity.exp + rules.leeway, (key.retire_at or huge) - 1) -- the last good second
    return identity
end

--- Everything that is wrong with a token that is refused (a list as in tokens.claims), for explaining. Its claims are
-- judged here even where its signature is not good, because nothing is believed of them.
function _M.faults(text, keys, rules, now)
    if #text > MAX_BYTES then
        return { { reason = "too_large" } }
    elseif not find(text, COMPACT) then
        return { { reason = "malformed" } }
    end
    local one, two = dots(text)
    local key, reason, why = open(text, one, two, keys, rules, now)
    local faults = { not key and { reason = reason, why = why } or nil }
    local said = read_object(text, one + 1, two - 1, true)
    if not said then
        faults[#faults + 1] = (key or reason ~= "malformed") and { reason = "malformed" } or nil
        return faults
    end
    for _, each in ipairs(claims.faults(said, key, rules, now) or {}) do
        faults[#faults + 1] = each
    end
    return faults
end

return _M
