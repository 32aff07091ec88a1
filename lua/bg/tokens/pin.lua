-- A pin: a small HS256 token that the proxy signs for itself with a key of its own, so that nobody can choose a
-- version by writing a cookie. It holds a visitor, or, bound to a log-in, a session that comes without its token or
-- has moved on from its token's version. It slides: it is minted anew where it would end too early.

local base64url = require("bg.lib.base64url")
local crypto = require("bg.lib.crypto")

local format = string.format

local _M = { ISSUER = "bgctl-pin", KID = "pin", PAGE_ISSUER = "bgctl-page", PAGE_KID = "page" }

local HEADER = base64url.encode('{"alg":"HS256","kid":"pin","typ":"JWT"}')
local PAGE_HEADER = base64url.encode('{"alg":"HS256","kid":"page","typ":"JWT"}')

--- The sid that a pin of the session has that its token calls `sid`, and we `name` (lib.names). A random one stays as
-- it is. Another may be a user's id, which is nobody's to read in a pin, nor to guess from it: that becomes a keyed
-- hash, which only has to stay the same.
function _M.sid(secret, sid, name)
    return name == sid and name or base64url.encode(crypto.hmac(secret, name))
end

local function sign(secret, header, claims)
    local signed = header .. "." .. base64url.encode(claims)
    return signed .. "." .. base64url.encode(crypto.hmac(secret, signed))
end

--- A pin that says `place`, `{sid, version, generation, from, bound, pages, jar}`, good until `exp`. `generation` is
-- that of the state that served `version`; `from` is the version that the session has moved on from, if it has; `bound`
-- says that `sid` is a log-in's; `pages` names the list of what this browser has loaded (routing.page_versions); `jar`
-- is what cookie it is in (lib.settings).
function _M.mint(secret, place, exp, now)
    return sign(secret, HEADER, format(
        '{"sid":"%s","deploymentVersion":"%s","deploymentGeneration":%d,%s%s%s%s"iat":%d,"exp":%d,"iss":"%s"}',
        place.sid, place.version, place.generation,
        place.from and format('"from":"%s",', place.from) or "", place.bound and '"bound":true,' or "",
        place.pages and format('"pages":"%s",', place.pages) or "",
        place.jar and format('"jar":"%s",', place.jar) or "",
        now, exp, _M.ISSUER))
end

--- The token of the cookie that stands in for a pin with the answer to a POST from another site: which version that
-- page is of.
function _M.mint_page(secret, place, exp, now)
    return sign(secret, PAGE_HEADER, format(
        '{"sid":"%s","deploymentVersion":"%s","deploymentGeneration":%d,"iat":%d,"exp":%d,"iss":"%s"}',
        place.sid, place.version, place.generation, now, exp, _M.PAGE_ISSUER))
end

--- Whether `pin` has to be minted anew: there is none, it says something else, it ends before `least` (seconds
-- since the epoch), or it is signed with the secret that was in force before this one.
function _M.due(pin, place, least)
    return not pin or pin.former or pin.version ~= place.version or pin.sid ~= place.sid or pin.from ~= place.from
        or pin.bound ~= place.bound or pin.pages ~= place.pages or pin.jar ~= place.jar or pin.exp < least
end

return _M
