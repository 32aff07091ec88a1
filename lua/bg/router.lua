-- From a request's credentials to a slot: verifies what came, asks bg.decision, and says whether a pin is due. Holds
-- the worker's verifiers and the watched files; knows nothing of nginx variables.

local cookie = require("bg.cookie")
local crypto = require("bg.crypto")
local base64url = require("bg.base64url")
local decision = require("bg.decision")
local files = require("bg.files")
local identity = require("bg.identity")
local keyring = require("bg.keyring")
local metrics = require("bg.metrics")
local pin = require("bg.pin")
local routes = require("bg.routes")
local watched = require("bg.watched")

local lower, sub = string.lower, string.sub

local SID_BYTES = 16

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

local function watch_state()
    return watched.new("state.json", function() return files.read(settings.state_file) end, routes.parse)
end

local function watch_keys()
    return watched.new("keyring.json", function() return keyring.index(settings.keys_dir) end,
        function(text) return keyring.load(settings.keys_dir, text) end)
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
    tokens = identity.new(_M.keys.value, { issuer = settings.issuer, leeway = settings.leeway }, counter("token"))
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
    pins = identity.new({ [pin.KID] = key }, { issuer = pin.ISSUER, leeway = 0 }, counter("pin"))
    _M.state = watch_state()
    _M.keys = watch_keys()
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

--- What each credential of a request is worth at `now`: a list of `{rule, identity, reason}`, absent ones left out.
-- For explaining; the hot path below looks no further than it must.
function _M.credentials(authorization, cookies, now)
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

-- The first session token that verifies: the bearer's, else the cookie's. Second value: it came in the cookie.
local function session(authorization, cookies, now)
    local bearer = bearer_of(authorization)
    local who = bearer and tokens:of(bearer, now)
    if who then
        return who, false
    end
    local text = cookie.get(cookies, settings.session_cookie)
    return text and tokens:of(text, now), true
end

--- The slot (bg.routes) for a request, the rule that chose it, and the Set-Cookie value of a pin where one is due.
-- A token from the cookie gets a pin beside it: on the first navigation from another site the Strict cookie stays
-- away, and the Lax pin then holds the version. Nil while no state has been read yet.
function _M.route(authorization, cookies, now)
    local table_now = _M.state.value
    if not table_now then
        return nil
    end
    local token, in_cookie = session(authorization, cookies, now)
    local pin_text = cookie.get(cookies, settings.pin_cookie)
    local held_pin = pin_text and pins:of(pin_text, now)
    local who = token or held_pin
    local slot, rule = decision.held(table_now, token, held_pin)
    if rule == "pin" then
        who = held_pin
    elseif not slot then
        rule = who and "retired" or "new"
        who = who or { sid = base64url.encode(crypto.random(SID_BYTES)) }
        slot = decision.fresh(table_now, crypto.fraction(who.sid))
    end
    if (rule == "token" and not in_cookie) or not pin.due(held_pin, slot.version, settings.pin_idle, now) then
        return slot, rule
    end
    local text = pin.mint(pin_secret, who.sid, slot.version, settings.pin_idle, now)
    return slot, rule, pin.cookie(settings.pin_cookie, text, settings.pin_idle, settings.secure_cookies)
end

return _M
