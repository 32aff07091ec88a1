-- Pins: small HS256 tokens that the proxy signs for itself with a secret of its own, so that nobody can choose a
-- version by writing a cookie. A pin keeps a visitor on a version or, bound to a log-in, a session that comes without
-- its token or has moved on from its token's version. Pins slide: one is minted anew where it would end too early.

local base64url = require("bg.lib.base64url")
local crypto = require("bg.lib.crypto")

local format = string.format

local _M = { ISSUER = "bgctl-pin", KID = "pin", PAGE_ISSUER = "bgctl-page", PAGE_KID = "page" }

local HEADER = base64url.encode('{"alg":"HS256","kid":"pin","typ":"JWT"}')
local PAGE_HEADER = base64url.encode('{"alg":"HS256","kid":"page","typ":"JWT"}')

--- The sid in the pin of a session, which its token calls `sid` and which we call `name` (lib.names). A random sid
-- stays as it is. Any other may be a user's id, which must neither be read in a pin nor guessed from it: it becomes a
-- keyed hash, which only has to stay the same.
function _M.sid(secret, sid, name)
    return name == sid and name or base64url.encode(crypto.hmac(secret, name))
end

local function sign(secret, header, payload)
    local signed = header .. "." .. base64url.encode(payload)
    return signed .. "." .. base64url.encode(crypto.hmac(secret, signed))
end

--- A pin with these claims, `{sid, version, generation, from, bound, pages, jar}`, good until `exp`. `generation` is
-- that of the state that served `version`; `from` is the version that the session has moved on from, if it has; `bound`
-- says that `sid` is a log-in's; `pages` names the list of what this browser has loaded (routing.page_versions); `jar`
-- says in what kind of cookie the pin is (lib.settings).
function _M.mint(secret, claims, exp, now)
    return sign(secret, HEADER, format(
        '{"sid":"%s","deploymentVersion":"%s","deploymentGeneration":%d,%s%s%s%s"iat":%d,"exp":%d,"iss":"%s"}',
        claims.sid, claims.version, claims.generation,
        claims.from and format('"from":"%s",', claims.from) or "", claims.bound and '"bound":true,' or "",
        claims.pages and format('"pages":"%s",', claims.pages) or "",
        claims.jar and format('"jar":"%s",', claims.jar) or "",
        now, exp, _M.ISSUER))
end

--- The token in a page cookie, which stands in for a pin with the answer to a POST from another site: it says of which
-- version that page is.
function _M.mint_page(secret, claims, exp, now)
    return sign(secret, PAGE_HEADER, format(
        '{"sid":"%s","deploymentVersion":"%s","deploymentGeneration":%d,"iat":%d,"exp":%d,"iss":"%s"}',
        claims.sid, claims.version, claims.generation, now, exp, _M.PAGE_ISSUER))
end

--- Whether `pin` (an identity, or nil) has to be minted anew to say `claims`: there is none, it says something else, it
-- ends before `least` (seconds since the epoch), or it is signed with the secret that was in force before this one.
function _M.due(pin, claims, least)
    return not pin or pin.former or pin.version ~= claims.version or pin.sid ~= claims.sid or pin.from ~= claims.from
        or pin.bound ~= claims.bound or pin.pages ~= claims.pages or pin.jar ~= claims.jar or pin.exp < least
end

return _M
