-- What a request shows for itself: the session token that verifies, and the pin. Holds the worker's verifiers and
-- the key ring; knows nothing of nginx variables, nor of versions.

local activity = require("bg.activity")
local cookie = require("bg.cookie")
local crypto = require("bg.crypto")
local files = require("bg.files")
local identity = require("bg.identity")
local keyring = require("bg.keyring")
local metrics = require("bg.metrics")
local pin = require("bg.pin")
local watched = require("bg.watched")

local lower, sub = string.lower, string.sub

local settings, pin_secret, tokens, pins
local refusal_series = { token = {}, pin = {} }

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

--- The identity in the first session token that verifies: the bearer's, else the cookie's. Second value: it came in the
-- cookie.
function _M.session(authorization, cookies, now)
    local bearer = bearer_of(authorization)
    local who = bearer and tokens:of(bearer, now)
    if who then
        return who, false
    end
    local text = cookie.get(cookies, settings.session_cookie)
    who = text and tokens:of(text, now)
    return who, who ~= nil
end

--- The identity in the pin, if one verifies.
function _M.pin(cookies, now)
    local text = cookie.get(cookies, settings.pin_cookie)
    return text and pins:of(text, now)
end

--- The Set-Cookie value of a new pin of `place` (bg.pin), good for `life` seconds.
function _M.pin_cookie(place, life, now)
    local text = pin.mint(pin_secret, place, now + life, now)
    return pin.cookie(settings.pin_cookie, text, life, settings.secure_cookies)
end

--- What each credential of a request is worth at `now`: a list of `{rule, identity, reason}`, absent ones left out.
-- For explaining; routing looks no further than it must.
function _M.list(authorization, cookies, now)
    local list = {}
    local function add(rule, text, verifier)
        if text then
            local who, reason = verifier:of(text, now)
            list[#list + 1] = { rule = rule, identity = who, reason = reason }
        end
    end
    add("bearer", bearer_of(authorization), tokens)
    add("cookie", cookie.get(cookies, settings.session_cookie), tokens)
    add("pin", cookie.get(cookies, settings.pin_cookie), pins)
    return list
end

return _M
