-- Verifies tokens. A compact JWS (RFC 7515) is believed only after its signature has been checked by the one algorithm
-- that a key is for (RFC 8725, section 3.1): with the key that its `kid` names, or, where it names none, with the few
-- keys that are for its `alg`.

local base64url = require("bg.lib.base64url")
local claims = require("bg.tokens.claims")
local strict_json = require("bg.lib.strict_json")

local match = string.match
local huge, min = math.huge, math.min
local ipairs, type = ipairs, type

local MAX_BYTES = 8192
local MOST_HEADERS = 64
local MAX_TRIED = 4 -- keys that are tried on a token that names none
local COMPACT = "^(([%w_-]+)%.([%w_-]+))%.([%w_-]+)$"

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

-- The keys that a token with this header may be signed with; or nil, the reason, and why where there is more to say.
local function choose_keys(header, keys, rules, now)
    if header.crit ~= nil or header.b64 ~= nil or header.enc ~= nil then
        return nil, "crit"
    elseif header.kid == nil then
        return keys_of_alg(header, rules, now)
    end
    local key = type(header.kid) == "string" and keys[header.kid]
    if not key or not is_good(key, now) then
        return nil, "unknown_kid"
    elseif header.alg ~= key.alg then
        return nil, "alg"
    end
    return { key }
end

-- The first of `keys` with which the signature was made, or nil.
local function signer(keys, signature, signed)
    for _, key in ipairs(keys) do
        if key.verify(signature, signed) then
            return key
        end
    end
end

local function read_object(segment, keeps_digits)
    local text = segment and base64url.decode(segment)
    return text and strict_json.object(text, keeps_digits)
end

-- The header of a token, read once for all tokens that begin so: those of one key do. Nobody changes it.
local headers, headers_known = {}, 0

local function header_of(segment)
    local header = segment and headers[segment]
    if header == nil and segment then
        header = read_object(segment) or false
        if headers_known >= MOST_HEADERS then
            headers, headers_known = {}, 0
        end
        headers[segment], headers_known = header, headers_known + 1
    end
    return header or nil
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
    local signed, head, body, tail = match(text, COMPACT)
    local header = header_of(head)
    local signature = header and base64url.decode(tail)
    if not signature then
        return nil, "malformed"
    end
    local chosen, reason = choose_keys(header, keys, rules, now)
    if not chosen then
        return nil, reason
    end
    local key = signer(chosen, signature, signed)
    if not key then
        return nil, "signature"
    end
    local said = read_object(body, true)
    if not said then
        return nil, "malformed"
    end
    local fault = claims.faults(said, key, rules, now)[1]
    if fault then
        return nil, fault.reason
    end
    local identity = claims.identity(said, key, rules)
    identity.good_until = min(identity.exp + rules.leeway, (key.retire_at or huge) - 1) -- the last good second
    return identity
end

-- What is wrong with the header and the signature, nil where nothing is; second value: the key that made the signature.
local function envelope_fault(signed, head, tail, keys, rules, now)
    local header, signature = header_of(head), base64url.decode(tail)
    if not header or not signature then
        return { reason = "malformed" }
    end
    local chosen, reason, why = choose_keys(header, keys, rules, now)
    if not chosen then
        return { reason = reason, why = why }
    end
    local key = signer(chosen, signature, signed)
    if key then
        return nil, key
    end
    return { reason = "signature", why = header.kid == nil and "its signature fits no key that is for its alg" or nil }
end

--- Everything that is wrong with a token that is refused (a list as in tokens.claims), for explaining. Its claims are
-- judged here even where its signature is not good, because nothing is believed of them.
function _M.faults(text, keys, rules, now)
    if #text > MAX_BYTES then
        return { { reason = "too_large" } }
    end
    local signed, head, body, tail = match(text, COMPACT)
    if not signed then
        return { { reason = "malformed" } }
    end
    local faults = {}
    local fault, key = envelope_fault(signed, head, tail, keys, rules, now)
    faults[1] = fault
    local said = read_object(body, true)
    if not said then
        faults[#faults + 1] = not (fault and fault.reason == "malformed") and { reason = "malformed" } or nil
        return faults
    end
    for _, each in ipairs(claims.faults(said, key, rules, now)) do
        faults[#faults + 1] = each
    end
    return faults
end

return _M
