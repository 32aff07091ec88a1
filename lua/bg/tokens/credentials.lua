-- What a request shows for itself: the session token that verifies, the pin, and a preview. Holds the worker's
-- verifiers and the key ring; knows nothing of nginx variables, nor of versions.

local base64url = require("bg.lib.base64url")
local claims = require("bg.tokens.claims")
local api_clients = require("bg.tokens.api_clients")
local cookie = require("bg.lib.cookie")
local crypto = require("bg.lib.crypto")
local verifiers = require("bg.tokens.verifier")
local keyring = require("bg.tokens.keyring")
local counters = require("bg.lib.counters")
local names = require("bg.lib.names")
local pin = require("bg.tokens.pin")
local preview_link = require("bg.tokens.preview_link")
local secret_file = require("bg.lib.secret_file")
local hot_file = require("bg.lib.hot_file")

local find, lower, sub = string.find, string.lower, string.sub
local huge = math.huge

local JWS = "^[^.]*%.[^.]*%.[^.]*$" -- three segments

-- Every worker believes a new pin secret before the first of them signs with it.
local SETTLE_SECONDS = 2

local settings, pin_file, tokens, pins, previews, posted
local pin_secret -- what pins are signed with
local former_secret -- and were before it was replaced
local coming -- {secret, key, at}: signs next
local other_pins -- the verifier of the secret that is coming, or of the one before: whoever has such a pin stays put
local refusal_series = { token = {}, pin = {}, page = {}, preview = {} }

local _M = {}

-- Counts refusals of one kind of token by reason.
local function counter(kind)
    local series = refusal_series[kind]
    return function(reason)
        series[reason] = series[reason]
            or counters.series("bgctl_refused_tokens_total", "kind", kind, "reason", reason)
        counters.add(series[reason])
    end
end

-- What is derived from a verified token, once: the names under which its session is noted and pinned.
local function know_session(who)
    local sid = who.sid
    who.user = names.user(who.user)
    who.sid = names.session(sid, who.user, who.foreign)
    who.key = names.key(who.sid, who.user)
    who.pin_sid = pin.sid(pin_secret.text, sid, who.sid)
end

-- The same of what we have signed ourselves: it has its name already.
local function know_visitor(who)
    who.key, who.pin_sid = names.key(who.sid), who.sid
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
    local rules = {
        issuer = settings.issuer, leeway = settings.leeway, longest = settings.token_longest,
        by_alg = keyring.by_alg(_M.keys.value), version_claim = claims.place(settings.version_claim),
    }
    tokens = verifiers.new(_M.keys.value, rules, counter("token"), know_session)
end

-- What a pin of the former secret says is good, and is to be signed anew.
local function know_former(who)
    know_visitor(who)
    who.former = true
end

-- A pin is good for as long as we have said, also where that would be less by now ([tokens] longest, pin_idle): it
-- holds the browsers whose tokens are refused then.
local function pin_verifier(key, learn)
    local rules = { issuer = pin.ISSUER, leeway = 0, longest = huge }
    return verifiers.new({ [pin.KID] = key }, rules, counter("pin"), learn)
end

-- bgctl signs links with a new secret at once; those that are signed with the old one end.
local function renew_previews(secret)
    local keys = { [preview_link.KID] = secret.key }
    local rules = { issuer = preview_link.ISSUER, leeway = 0, longest = huge } -- as long as bgctl was told
    previews = verifiers.new(keys, rules, counter("preview"), know_visitor)
end

local function sign_pins_with(secret)
    local former = pin_secret
    pin_secret, coming = secret, nil
    pins = pin_verifier(secret.key, know_visitor)
    former_secret = former
    local rules = { issuer = pin.PAGE_ISSUER, leeway = 0, longest = settings.pin_idle }
    posted = verifiers.new({ [pin.PAGE_KID] = secret.key }, rules, counter("page"), know_visitor)
    other_pins = former and pin_verifier(former.key, know_former)
end

local function as_secret(text)
    local key, why = crypto.key("HS256", text)
    return key and { text = text, key = key }, why
end

--- Loads keys and sets up the verifiers. Raises on a key that must not be used: the proxy does not start with it.
function _M.init(given)
    settings = given
    pin_file = secret_file.new(settings.pin_key_file, as_secret)
    if not pin_file:poll() then
        error(settings.pin_key_file .. ": " .. pin_file.why, 0)
    end
    sign_pins_with(pin_file.value)
    renew_previews(pin_file.value)
    _M.keys = hot_file.new("keyring.json", function() return keyring.index(settings.keys_dir) end,
        function(text) return keyring.load(settings.keys_dir, text) end)
    if not _M.keys:poll() then
        error(settings.keys_dir .. ": " .. _M.keys.why, 0)
    end
    renew_tokens()
end

-- Whether pins are signed with another secret from now on.
local function sync_pins(now)
    if pin_file:poll() then
        coming = { secret = pin_file.value, at = now }
        other_pins = pin_verifier(coming.secret.key, know_visitor)
        renew_previews(coming.secret)
    end
    if not coming or now < coming.at + SETTLE_SECONDS then
        return false
    end
    sign_pins_with(coming.secret)
    return true
end

--- Reads the keys again, at `now` in seconds; with other ones, every remembered verdict is forgotten.
function _M.sync_keys(now)
    local signs_anew = sync_pins(now)
    if _M.keys:poll() or signs_anew then
        renew_tokens()
    end
end

--- Why the newest keys on disk are not those in force; nil when they are.
function _M.fault()
    return _M.keys.why or pin_file.why and pin_file.name .. ": " .. pin_file.why
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

-- The secret in force is tried first: most pins are signed with it, and the other one may be there for months.
local function pins_for(text, now)
    local is_other = other_pins and text and not pins:look(text, now) and other_pins:look(text, now)
    return is_other and other_pins or pins
end

-- The identity in another cookie that has the pin's name, or had it before [pin] was changed: one that is as pins are
-- now, else the first that verifies.
local function other_pin(cookies, now)
    local found
    for _, text in ipairs(cookie.all(cookies, settings.pin_name)) do
        local who = pins_for(text, now):look(text, now)
        if who and who.jar == settings.pin_jar then
            return who
        end
        found = found or who
    end
    return found
end

--- The identity in the pin, if one verifies. `former`: it is to be minted anew.
function _M.pin(cookies, now, quietly)
    local text = cookie.get(cookies, settings.pin_cookie)
    local who = identity_in(pins_for(text, now), text, now, quietly)
    if who and who.jar == settings.pin_jar or not cookies then
        return who
    end
    return other_pin(cookies, now)
end

--- The identity of a page that was the answer to a POST from another site, where the browser has had one.
function _M.posted(cookies, now, quietly)
    return identity_in(posted, cookie.get(cookies, settings.page_cookie), now, quietly)
end

-- No sid has a zero byte, so that no pin's is ever the same (tokens.pin).
local function client_sid(secret, header, value)
    return base64url.encode(crypto.hmac(secret.text, header.name .. "\0" .. value))
end

-- A client that was known under the secret before this one stays put, and is remembered anew.
local function former_client(header, value, now)
    local version, generation
    if former_secret then
        version, generation = api_clients.find(client_sid(former_secret, header, value), now)
    end
    return version, generation, version and now
end

--- Whose request it is, by the first header of [sessions] key_headers that it has; nil if it has none. It is an
-- identity (tokens.token), with a `version` if this client was given one, and then with a `key`: it has come back.
function _M.client(request, now)
    for _, header in ipairs(settings.key_headers) do
        local value = request.header(header)
        if value and value ~= "" then
            local sid = client_sid(pin_secret, header, value)
            local version, generation, exp = api_clients.find(sid, now)
            if not version then
                version, generation, exp = former_client(header, value, now)
            end
            return {
                sid = sid, version = version, generation = generation, exp = exp, header = header.name,
                key = version and names.key(sid) or nil,
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

--- The Set-Cookie value of a new pin of `place` (tokens.pin), good for `life` seconds.
function _M.pin_cookie(place, life, now)
    local text = pin.mint(pin_secret.text, place, now + life, now)
    return cookie.set(settings.pin_cookie, text, life, settings)
end

--- The Set-Cookie value that says which version the page is of that is the answer to a POST from another site.
function _M.page_cookie(place, life, now)
    return cookie.set(settings.page_cookie, pin.mint_page(pin_secret.text, place, now + life, now), life, settings)
end

--- What each credential of a request is worth at `now`: `{preview, bearer, cookie, pin, page}`, each `{identity,
-- reason, faults}`, absent ones left out. For explaining: nothing is counted, and routing looks no further than it
-- must.
function _M.all(authorization, cookies, now)
    local bearer = bearer_of(authorization)
    local shown_pin = _M.pin(cookies, now, true)
    local function worth(text, verifier)
        if not text then
            return nil
        end
        local who, reason = verifier:look(text, now)
        return { identity = who, reason = reason, faults = not who and verifier:faults(text, now) or nil }
    end
    local pinned = cookie.get(cookies, settings.pin_cookie)
    return {
        preview = worth(cookie.get(cookies, settings.preview_cookie), previews),
        bearer = bearer and find(bearer, JWS) and worth(bearer, tokens) or nil,
        cookie = worth(cookie.get(cookies, settings.session_cookie), tokens),
        pin = shown_pin and { identity = shown_pin } or worth(pinned, pins_for(pinned, now)),
        page = worth(cookie.get(cookies, settings.page_cookie), posted),
    }
end

return _M
