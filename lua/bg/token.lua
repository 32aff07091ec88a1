-- Is this token one of ours, and what does it say? A compact JWS (RFC 7515) is believed only after its signature has
-- been checked with the key that its `kid` names, by the one algorithm that key is for (RFC 8725, section 3.1).

local base64url = require("bg.base64url")
local strict_json = require("bg.strict_json")

local find, match = string.find, string.match
local floor, huge, min = math.floor, math.huge, math.min
local type = type

local MAX_BYTES = 8192
local MAX_TIME = 2 ^ 53
local VERSION = "^%w[%w._+-]*$"
local MAX_VERSION = 64
local MAX_LIST = 128 -- bytes of the name of a list of pages
local MAX_JAR = 300

local _M = {}

-- Seconds since the epoch, or a generation: what a double can count.
local function is_time(value)
    return type(value) == "number" and value >= 0 and value < MAX_TIME and value == floor(value)
end

local function is_text(value, most)
    return type(value) == "string" and #value >= 1 and #value <= most and not find(value, "[^\32-\126]")
end

--- Whether `value` is a version's name: `[A-Za-z0-9][A-Za-z0-9._+-]{0,63}`.
function _M.is_version(value)
    return type(value) == "string" and #value <= MAX_VERSION and find(value, VERSION) ~= nil
end

-- The key for this header, or nil and the reason.
local function choose_key(header, keys, now)
    if header.crit ~= nil or header.b64 ~= nil or header.enc ~= nil then
        return nil, "crit"
    end
    local key = type(header.kid) == "string" and keys[header.kid]
    if not key or (key.retire_at and now >= key.retire_at) then
        return nil, "unknown_kid"
    end
    if header.alg ~= key.alg then
        return nil, "alg"
    end
    return key
end

-- The session's id: a third party's token may have a subject only.
local function session_of(claims)
    if claims.sid == nil then
        return claims.sub
    end
    return claims.sid
end

-- The user's id, or nil: an empty one names nobody.
local function user_of(claims)
    local id = claims.userId
    if id == nil or id == "" then
        id = claims.sub
    end
    return type(id) == "string" and id ~= "" and id or nil
end

-- nil when the claims hold at `now`, else the reason.
local function refuse(claims, rules, now)
    local leeway = rules.leeway
    if claims.iss ~= rules.issuer then
        return "issuer"
    end
    if not is_time(claims.exp) or (claims.iat ~= nil and not is_time(claims.iat))
        or (claims.nbf ~= nil and not is_time(claims.nbf)) then
        return "claims"
    end
    if now > claims.exp + leeway then
        return "expired"
    end
    if (claims.iat or 0) > now + leeway or (claims.nbf or 0) > now + leeway then
        return "not_yet"
    end
    -- From its own beginning on: one that lives for too long is refused throughout, and not only at first.
    if claims.exp > min(claims.iat or now, now) + rules.longest + rules.leeway then
        return "too_long"
    end
    if not _M.is_version(claims.deploymentVersion) or type(session_of(claims)) ~= "string" or session_of(claims) == ""
        or (claims.userId ~= nil and type(claims.userId) ~= "string") then
        return "claims"
    end
end

--- The identity in `text`, `{version, generation, issued, sid, user, exp, from, bound, pages, jar, good_until}`, or
-- nil and the reason (a word of docs/tokens.md). `generation` is that of the state that served `version`, nil where
-- the token does not tell; `issued` is its `iat`, else 0; `user` is nil where the token names none; `from`, `bound`,
-- `pages` and `jar` are for pins (bg.pin).
-- @param keys    table of kid -> key as crypto.key makes it
-- @param rules   `{issuer = string, leeway = seconds, longest = seconds}`: the longest life of a token
-- @param now     seconds since the epoch
function _M.verify(text, keys, rules, now)
    if #text > MAX_BYTES then
        return nil, "too_large"
    end
    local signed, head, body, tail = match(text, "^(([%w_-]+)%.([%w_-]+))%.([%w_-]+)$")
    local header = head and base64url.decode(head)
    header = header and strict_json.object(header)
    local signature = header and base64url.decode(tail)
    if not signature then
        return nil, "malformed"
    end
    local key, reason = choose_key(header, keys, now)
    if not key then
        return nil, reason
    end
    if not key.verify(signature, signed) then
        return nil, "signature"
    end
    local claims = base64url.decode(body)
    claims = claims and strict_json.object(claims)
    if not claims then
        return nil, "malformed"
    end
    reason = refuse(claims, rules, now)
    if reason then
        return nil, reason
    end
    return {
        version = claims.deploymentVersion,
        generation = is_time(claims.deploymentGeneration) and claims.deploymentGeneration or nil,
        issued = claims.iat or 0,
        sid = session_of(claims),
        user = user_of(claims),
        exp = claims.exp,
        from = _M.is_version(claims.from) and claims.from or nil,
        bound = claims.bound == true,
        pages = is_text(claims.pages, MAX_LIST) and claims.pages or nil,
        jar = is_text(claims.jar, MAX_JAR) and claims.jar or nil,
        good_until = min(claims.exp + rules.leeway, (key.retire_at or huge) - 1), -- the last good second
    }
end

--- When `text` expires, as it says itself: of a token that was refused for its time, whose signature is good.
function _M.expiry(text)
    local body = match(text, "^[^.]*%.([^.]*)%.")
    local claims = body and base64url.decode(body)
    claims = claims and strict_json.object(claims)
    return claims and is_time(claims.exp) and claims.exp or nil
end

return _M
