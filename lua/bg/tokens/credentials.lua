-- What a request shows of whose it is: the session token that verifies, or a credential of the app's own. Keeps the key
-- ring and the verifier of session tokens; knows nothing of nginx variables, and nothing of which versions are served.

local api_clients = require("bg.tokens.api_clients")
local claims = require("bg.tokens.claims")
local cookie = require("bg.lib.cookie")
local cookie_sessions = require("bg.tokens.cookie_sessions")
local hot_file = require("bg.lib.hot_file")
local keyring = require("bg.tokens.keyring")
local names = require("bg.lib.names")
local refusals = require("bg.tokens.refusals")
local signed_cookies = require("bg.tokens.signed_cookies")
local verifier = require("bg.tokens.verifier")

local concat = table.concat
local error, ipairs = error, ipairs
local find, lower, sub = string.find, string.lower, string.sub

local JWS = "^[^.]*%.[^.]*%.[^.]*$" -- three segments

local settings
local keys -- the hot file with the key ring
local tokens -- the verifier of session tokens
local count_refusal = refusals.counter("token")

local _M = { epoch = 0 } -- `epoch`: how often keys or secrets were replaced

-- Completes the identity in a session token with the names under which its session is noted and pinned.
local function complete(identity)
    local sid = identity.sid
    identity.user = names.user(identity.user)
    identity.sid = names.session(sid, identity.user, identity.foreign)
    identity.pin_sid = signed_cookies.pin_sid(sid, identity.sid)
    if identity.version then
        identity.key = names.key(identity.sid, identity.user)
    else
        identity.sid, identity.key = names.by_token(identity.sid, identity.user)
    end
end

-- A new verifier remembers nothing of what an old one found.
local function renew_tokens()
    local rules = {
        issuer = settings.issuer, leeway = settings.leeway, longest = settings.token_longest,
        by_alg = keyring.by_alg(keys.value), version_claim = claims.version_claim(settings.version_claim),
    }
    local terms = signed_cookies.hash(concat({
        keys.text, settings.issuer, settings.leeway, settings.token_longest, settings.version_claim,
    }, "\0"))
    tokens = verifier.new(keys.value, rules, count_refusal, complete, terms)
    _M.epoch = _M.epoch + 1
end

--- Loads keys and sets up the verifiers. Raises on a key that must not be used: the proxy does not start with it.
function _M.init(given)
    settings = given
    signed_cookies.init(given)
    cookie_sessions.init(given)
    keys = hot_file.new("keyring.json", function() return keyring.index(settings.keys_dir) end,
        function(text) return keyring.load(settings.keys_dir, text) end)
    if not keys:poll() then
        error(settings.keys_dir .. ": " .. keys.why, 0)
    end
    renew_tokens()
end

--- Reads keys and secrets again, at `now` in seconds. With new ones every remembered verdict is forgotten.
function _M.sync_keys(now)
    local signs_anew = signed_cookies.sync(now)
    if signs_anew then
        cookie_sessions.renew()
    end
    if keys:poll() or signs_anew then
        renew_tokens()
    end
end

--- Why the newest keys on disk are not those in force; nil when they are.
function _M.fault()
    return keys.why or signed_cookies.fault()
end

-- The credentials of the Bearer scheme (RFC 6750), whose name is case-insensitive. A pattern with an anchor and a
-- capture would be shorter, but LuaJIT does not compile such patterns.
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

--- The decision about requests with just this Authorization is kept (routing.decision_cache): its token is not looked
-- for again.
function _M.let_go(authorization)
    local bearer = bearer_of(authorization)
    if bearer then
        tokens:let_go(bearer)
    end
end

-- A text that is not in our own cookie may be the app's, and mean nothing to us: it counts as refused only where it has
-- the form of a signed token (a JWS of three segments, RFC 7515).
local function jws_identity(text, now, quietly)
    local identity, reason = tokens:look(text, now)
    if not identity and not quietly and find(text, JWS) then
        count_refusal(reason)
    end
    return identity
end

-- What a header of [tokens] headers has: a token, with or without the scheme before it.
local function bare(value)
    return bearer_of(value) or value
end

-- The same as session(), of the headers and cookies that [tokens] names. What is no token there is the app's own.
-- `spare` is the identity in a token without a version that has been found so far, which came `in_cookie`, or nil.
local function further_session(request, cookies, now, quietly, spare, in_cookie)
    for _, header in ipairs(settings.token_headers) do
        local value = request.header(header)
        local identity = value and jws_identity(bare(value), now, quietly)
        if identity and identity.version then
            return identity, false
        elseif identity and not spare then
            spare, in_cookie = identity, false
        end
    end
    for _, each in ipairs(settings.token_cookies) do
        local value = cookie.get(cookies, each.wanted)
        local identity = value and jws_identity(value, now, quietly)
        if identity and identity.version then
            return identity, true
        elseif identity and not spare then
            spare, in_cookie = identity, true
        end
    end
    return spare, in_cookie
end

--- The identity in the first session token that verifies: the bearer token, or else the one in the cookie, or else one
-- where [tokens] headers and cookies say. A token that says a version goes before those that say none. Second value: it
-- came in a cookie. `quietly`: refusals are not counted.
function _M.session(request, cookies, now, quietly)
    local bearer = bearer_of(request.authorization())
    local spare = bearer and jws_identity(bearer, now, quietly) or nil
    if spare and spare.version then
        return spare, false
    end
    local identity, in_cookie = tokens:identity(cookie.get(cookies, settings.session_cookie), now, quietly), false
    if identity and identity.version then
        return identity, true
    elseif identity and not spare then
        spare, in_cookie = identity, true
    end
    if not settings.has_further_tokens then
        return spare, in_cookie
    end
    return further_session(request, cookies, now, quietly, spare, in_cookie)
end

-- The identity of the API client that shows `value` in `header`. A client that was known under the secret before this
-- one keeps its version; its `exp` of now has it remembered anew.
local function client_of(header, value, now)
    -- No other sid has a zero byte before it is hashed, so that none is ever the same.
    local text = header.name .. "\0" .. value
    local sid = signed_cookies.hash(text)
    local known = api_clients.find(sid, now)
    if not known then
        local former_sid = signed_cookies.former_hash(text)
        known = former_sid and api_clients.find(former_sid, now) or nil
        if known then
            known.exp = now
        end
    end
    known = known or {}
    known.sid, known.header = sid, header.name
    known.key = known.version and names.client_key(sid) or nil
    return known
end

--- The identity of an API client, by the first header of [sessions] key_headers that the request has; nil if it has
-- none. `header` is its name. A client that has come before has the `version` and `generation` that it was given,
-- `exp`, and a `key`.
function _M.client(request, now)
    for _, header in ipairs(settings.key_headers) do
        local value = request.header(header)
        if value and value ~= "" then
            return client_of(header, value, now)
        end
    end
end

-- What the token in `text` is worth, with `place`, where it was found; nil where `text` has not the form of one.
local function worth_of(text, place, now)
    local worth = text and find(text, JWS) and tokens:worth(text, now) or nil
    if worth then
        worth.place = place
    end
    return worth
end

-- Of two worths the one that counts: the first that verifies, else the first. Each may be nil.
local function better(one, other)
    return (not one or other and other.identity and not one.identity) and other or one
end

--- What each credential of a request is worth at `now`: `{preview, bearer, cookie, pin, page}` as verifier:worth() has
-- it, absent ones left out. `bearer` is the token in a header, and `cookie` the one in a cookie; its `place` is where
-- [tokens] has it, nil in the usual places. This is for explaining: nothing is counted, and routing looks no further
-- than it must.
function _M.all(request, cookies, now)
    local all = signed_cookies.worth(cookies, now)
    all.bearer = worth_of(bearer_of(request.authorization()), nil, now)
    for _, header in ipairs(settings.token_headers) do
        local value = request.header(header)
        all.bearer = better(all.bearer, worth_of(value and bare(value), header.name, now))
    end
    all.cookie = tokens:worth(cookie.get(cookies, settings.session_cookie), now)
    for _, each in ipairs(settings.token_cookies) do
        all.cookie = better(all.cookie, worth_of(cookie.get(cookies, each.wanted), each.name, now))
    end
    return all
end

return _M
