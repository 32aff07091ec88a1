-- A pin: a small HS256 token that the proxy signs for itself with a key of its own, so that nobody can choose a
-- version by writing a cookie. It holds a visitor, or, bound to a log-in, a session that comes without its token or
-- has moved on from its token's version. It slides: half-way through its life it is minted anew.

local base64url = require("bg.base64url")
local crypto = require("bg.crypto")

local format = string.format

local KID = "pin"
local ISSUER = "bgctl-pin"
local HEADER = base64url.encode('{"alg":"HS256","kid":"pin","typ":"JWT"}')

local _M = { ISSUER = ISSUER, KID = KID }

--- The sid that a pin of the session has that its token calls `sid`, and we `name` (bg.ids). A random one stays as it
-- is. Another may be a user's id, which is nobody's to read in a pin, nor to guess from it: that becomes a keyed hash,
-- which only has to stay the same.
function _M.sid(secret, sid, name)
    return name == sid and name or base64url.encode(crypto.hmac(secret, name))
end

--- A pin that says `place`, `{sid, version, generation, from, bound, pages}`, good until `exp`. `generation` is that of
-- the state that served `version`; `from` is the version that the
-- session has moved on from, if it has; `bound` says that `sid` is a log-in's; `pages`
-- names the list of what this browser has loaded (bg.pages).
function _M.mint(secret, place, exp, now)
    local claims = format(
        '{"sid":"%s","deploymentVersion":"%s","deploymentGeneration":%d,%s%s%s"iat":%d,"exp":%d,"iss":"%s"}',
        place.sid, place.version, place.generation,
        place.from and format('"from":"%s",', place.from) or "", place.bound and '"bound":true,' or "",
        place.pages and format('"pages":"%s",', place.pages) or "",
        now, exp, ISSUER)
    local signed = HEADER .. "." .. base64url.encode(claims)
    return signed .. "." .. base64url.encode(crypto.hmac(secret, signed))
end

--- Whether `pin` has to be minted anew: there is none, it says something else, half of its `idle` life is over, or
-- it is signed with the secret that was in force before this one.
function _M.due(pin, place, idle, now)
    return not pin or pin.former or pin.version ~= place.version or pin.sid ~= place.sid or pin.from ~= place.from
        or pin.bound ~= place.bound or pin.pages ~= place.pages or pin.exp - now < idle / 2
end

return _M
