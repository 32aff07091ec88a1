-- What a request shows for itself: the session token that verifies, the pin, and a preview. Holds the worker's
-- verifiers and the key ring; knows nothing of nginx variables, nor of versions.

local activity = require("bg.activity")
local base64url = require("bg.base64url")
local clients = require("bg.clients")
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

local find, lower, sub = string.find, string.lower, string.sub

local PIN = "bg_pin=" -- as it ends, whatever is before it
local JWS = "^[^.]*%.[^.]*%.[^.]*$" -- three segments

local settings, pin_secret, tokens, pins, previews, posted
local refusal_series = { token = {}, pin = {}, page = {}, preview = {} }

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
    posted = identity.new({ [pin.PAGE_KID] = key }, { issuer = pin.PAGE_ISSUER, leeway = 0 }, counter("page"), know)
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

-- A bearer token may be the app's own, and mean nothing to us: only what has the form of a signed token (a JWS of three
-- segments, RFC 7515) and does not verify is one that was refused.
local function bearer_identity(text, now, quietly)
    local who, reason = tokens:look(text, now)
    if not who and not quietly and find(text, JWS) then
        tokens.count(reason)
    end
    return who
end

--- The identity in the first session token that verifies: the bearer's, else the cookie's. Second value: it came in the
-- cookie.
function _M.session(authorization, cookies, now, quietly)
    local bearer = bearer_of(authorization)
    local who = bearer and bearer_identity(bearer, now, quietly)
    if who then
        return who, false
    end
    who = identity_in(tokens, cookie.get(cookies, settings.session_cookie), now, quietly)
    return who, who ~= nil
end

-- The identity in another cookie that has the pin's name, or had it before [pin] was changed: one that is as pins are
-- now, else the first that verifies.
local function other_pin(cookies, now)
    local found
    for _, text in ipairs(cookie.all(cookies, PIN)) do
        local who = pins:look(text, now)
        if who and who.jar == settings.pin_jar then
            return who
        end
        found = found or who
    end
    return found
end

--- The identity in the pin, if one verifies.
function _M.pin(cookies, now, quietly)
    local who = identity_in(pins, cookie.get(cookies, settings.pin_cookie), now, quietly)
    if who and who.jar == settings.pin_jar or not cookies then
        return who
    end
    return other_pin(cookies, now)
end

--- The identity of a page that was the answer to a POST from another site, where the browser has had one.
function _M.posted(cookies, now, quietly)
    return identity_in(posted, cookie.get(cookies, settings.page_cookie), now, quietly)
end

--- Whose request it is, by the first header of [sessions] key_headers that it has; nil if it has none. It is an
-- identity (bg.token), with a `version` if this client was given one, and then with a `key`: it has come back.
function _M.client(request, now)
    for _, header in ipairs(settings.key_headers) do
        local value = request.header(header)
        if value and value ~= "" then
            -- No sid has a zero byte, so that no pin's is ever the same (bg.pin).
            local sid = base64url.encode(crypto.hmac(pin_secret, header.name .. "\0" .. value))
            local version, generation, exp = clients.find(sid, now)
            return {
                sid = sid, version = version, generation = generation, exp = exp, header = header.name,
                key = version and activity.names(sid) or nil,
            }
        end
    end
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
    return cookie.set(settings.pin_cookie, text, life, settings)
end

--- The Set-Cookie value that says which version the page is of that is the answer to a POST from another site.
function _M.page_cookie(place, life, now)
    return cookie.set(settings.page_cookie, pin.mint_page(pin_secret, place, now + life, now), life, settings)
end

--- What each credential of a request is worth at `now`: `{preview, bearer, cookie, pin, page}`, each `{identity,
-- reason, expired_at}`, absent ones left out. For explaining: nothing is counted, and routing looks no further than it
-- must.
function _M.all(authorization, cookies, now)
    local bearer = bearer_of(authorization)
    local shown_pin = _M.pin(cookies, now, true)
    local function worth(text, verifier)
        if not text then
            return nil
        end
        local who, reason = verifier:look(text, now)
        return { identity = who, reason = reason, expired_at = reason == "expired" and token.expiry(text) or nil }
    end
    return {
        preview = worth(cookie.get(cookies, settings.preview_cookie), previews),
        bearer = bearer and find(bearer, JWS) and worth(bearer, tokens) or nil,
        cookie = worth(cookie.get(cookies, settings.session_cookie), tokens),
        pin = shown_pin and { identity = shown_pin } or worth(cookie.get(cookies, settings.pin_cookie), pins),
        page = worth(cookie.get(cookies, settings.page_cookie), posted),
    }
end

return _M
