-- An anonymous visitor's pin: a small HS256 token that the proxy signs for itself with a key of its own, so that nobody
-- can choose a version by writing a cookie. It slides: half-way through its life it is minted anew.

local base64url = require("bg.base64url")
local crypto = require("bg.crypto")

local format = string.format

local KID = "pin"
local ISSUER = "bgctl-pin"
local HEADER = base64url.encode('{"alg":"HS256","kid":"pin","typ":"JWT"}')

local _M = { ISSUER = ISSUER, KID = KID }

--- A pin of session `sid` to `version`, good for `idle` seconds from `now`. A `sid` that would need escaping is
-- replaced by a hash of itself: it only has to stay the same.
function _M.mint(secret, sid, version, idle, now)
    if sid:find('[^%w_-]') then
        sid = base64url.encode(crypto.hmac(secret, sid))
    end
    local claims = format('{"sid":"%s","deploymentVersion":"%s","iat":%d,"exp":%d,"iss":"%s"}',
        sid, version, now, now + idle, ISSUER)
    local signed = HEADER .. "." .. base64url.encode(claims)
    return signed .. "." .. base64url.encode(crypto.hmac(secret, signed))
end

--- Whether a visitor on `version` needs a new pin: none yet, one for another version, or one past half of its life.
function _M.due(pin, version, idle, now)
    return not pin or pin.version ~= version or pin.exp - now < idle / 2
end

--- The Set-Cookie value that carries `pin` (RFC 6265); `name` with its equals sign. SameSite=Lax: a link from
-- elsewhere must not flip the version.
function _M.cookie(name, pin, idle, secure)
    return format("%s%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%s", name, pin, idle, secure and "; Secure" or "")
end

return _M
