-- What a request shows for itself: the session token that verifies, the pin, and a preview. Holds the worker's
-- verifiers and the key ring; knows nothing of nginx variables, nor of versions.

local activity = require("bg.activity")
local cookie = require("bg.cookie")
local crypto = require("bg.crypto")
local files = require("bg.files")
local identity = require("bg.identity")
local keyring = require("bg.keyring")
local metrics = require("bg.metrics")
local pin = require("bg.pin")
local preview = require("bg.preview")
local token = require("bg.token")
local watched = require("bg.watched")

local lower, sub = string.lower, string.sub

local settings, pin_secret, tokens, pins, previews
local refusal_series = { token = {}, pin = {}, preview = {} }

local _M = {}

-- Counts refusals of one kind of token by reason.
local function counter(kind)
    local series = refusal_series[kind]
    return function(reason)
        series[reason] = series[reason]
            or metrics.series("bgctl_refused_tokens_total", "kind", kind, "reason", reason)
        metrics.add(series[reason])
    end
end

-- What is derived from a verified token, once: the names under which its session is noted and pinned.
local function know(who)
    who.key, who.user = activity.names(who.sid, who.user)
    who.pin_sid = pin.sid(pin_secret, who.sid)
end

-- The credentials of the Bearer scheme (RFC 6750), whose name is case-insensitive. A pattern with an anchor and a
-- capture would say it shorter, but LuaJIT does not compile those.
local function bearer_of(authorization)
    if not authorization or lower(sub(authorization, 1, 7)) ~= "bearer " then
        return nil
    end
    local start = 8
    while sub(authorization, start, start) == " " do
        start = start + 1
    end
    return start <= #authorization and sub(authorization, start) or nil
end

local function renew_tokens()
    tokens = identity.new(_M.keys.value, { issuer = settings.issuer, leeway = settings.leeway }, counter("token"), know)
end

--- Loads keys and sets up the verifiers. Raises on a key that must not be used: the proxy does not start with it.
function _M.init(given)
    settings = given
    local err
    pin_secret, err = files.secret(settings.pin_key_file)
    local key, why = crypto.key("HS256", pin_secret or "")
    if not key then
        error(settings.pin_key_file .. ": " .. (err or why), 0)
    end
    pins = identity.new({ [pin.KID] = key }, { issuer = pin.ISSUER, leeway = 0 }, counter("pin"), know)
    previews = identity.new({ [preview.KID] = key }, { issuer = preview.ISSUER, leeway = 0 }, counter("preview"), know)
    _M.keys = watched.new("keyring.json", function() return keyring.index(settings.keys_dir) end,
        function(text) return keyring.load(settings.keys_dir, text) end)
    if not _M.keys:poll() then
        error(settings.keys_dir .. ": " .. _M.keys.why, 0)
    end
    renew_tokens()
end

--- Reads the key ring again; with another ring, every remembered verdict is forgotten.
function _M.sync_keys()
    if _M.keys:poll() then
        renew_tokens()
    end
end

-- The identity in `text`, where there is any and it verifies. `quietly`: a refusal is not counted.
local function identity_in(verifier, text, now, quietly)
    if not text then
        return nil
    end
    if quietly then
        return (verifier:look(text, now))
    end
    return (verifier:of(text, now))
end

--- The identity in the first session token that verifies: the bearer's, else the cookie's. Second value: it came in the
-- cookie.
function _M.session(authorization, cookies, now, quietly)
    local who = identity_in(tokens, bearer_of(authorization), now, quietly)
    if who then
        return who, false
    end
    who = identity_in(tokens, cookie.get(cookies, settings.session_cookie), now, quietly)
    return who, who ~= nil
end

--- The identity in the pin, if one verifies.
function _M.pin(cookies, now, quietly)
    return identity_in(pins, cookie.get(cookies, settings.pin_cookie), now, quietly)
end

--- The identity in the preview's cookie, if one verifies.
function _M.preview(cookies, now, quietly)
    return identity_in(previews, cookie.get(cookies, settings.preview_cookie), now, quietly)
end

--- The identity in the token of a preview's link, or nil and the reason. A refusal is counted, also one for which the
-- token itself is not to blame.
function _M.preview_link(text, now, is_served)
    if type(text) ~= "string" then
        text = ""
    end
    local known, reason = previews:of(text, now)
    if known and not is_served(known) then
        previews.count("retired")
        return nil, "retired"
    end
    return known, reason
end

--- The Set-Cookie value of a new pin of `place` (bg.pin), good for `life` seconds.
function _M.pin_cookie(place, life, now)
    local text = pin.mint(pin_secret, place, now + life, now)
    return cookie.set(settings.pin_cookie, text, life, settings.secure_cookies)
end

--- What each credential of a request is worth at `now`: `{preview, bearer, cookie, pin}`, each `{identity, reason,
-- expired_at}`, absent ones left out. For explaining: nothing is counted, and routing looks no further than it must.
function _M.all(authorization, cookies, now)
    local function worth(text, verifier)
        if not text then
            return nil
        end
        local who, reason = verifier:look(text, now)
        return { identity = who, reason = reason, expired_at = reason == "expired" and token.expiry(text) or nil }
    end
    return {
        preview = worth(cookie.get(cookies, settings.preview_cookie), previews),
        bearer = worth(bearer_of(authorization), tokens),
        cookie = worth(cookie.get(cookies, settings.session_cookie), tokens),
        pin = worth(cookie.get(cookies, settings.pin_cookie), pins),
    }
end

return _M
