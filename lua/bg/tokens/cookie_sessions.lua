-- The sessions of an app that has a session cookie of its own ([sessions] cookie) and no token of ours. The value of
-- that cookie means nothing to us and leaves no worker: a session is known by a keyed hash of the value that was seen
-- first. Apps replace the value, at a log-in or with each answer; the browser's pin then says which session it is, or,
-- where a client keeps no pin, what the proxy remembers of the new value (routing.cookie_answers).

local api_clients = require("bg.tokens.api_clients")
local cookie = require("bg.lib.cookie")
local names = require("bg.lib.names")
local signed_cookies = require("bg.tokens.signed_cookies")
local two_ages = require("bg.lib.two_ages")

local ipairs = ipairs
local ceil, floor = math.ceil, math.floor
local sub = string.sub

local HASH_LETTERS = 22 -- of base64url: 132 bits
local REMEMBERED, LONGEST_REMEMBERED = 10000, 256 -- values of each cookie that a worker knows, and their bytes

local _M = {}

local settings
local seen -- for each of the settings' session_cookies, what this worker knows of a value: `{name, identity}`

--- Begins with these settings (lib.settings).
function _M.init(given)
    settings = given
    _M.renew()
end

--- Hashes are made with another secret from now on.
function _M.renew()
    seen = {}
    for _, which in ipairs(settings.session_cookies) do
        seen[which] = two_ages.new(REMEMBERED)
    end
end

-- No other text that is hashed has a zero byte after an equals sign.
local function text_of(which, value)
    return which.wanted .. "\0" .. value
end

-- What this worker knows of a value of the cookie `which` (one of the settings' session_cookies).
local function entry_of(which, value)
    local entry = seen[which]:get(value)
    if not entry then
        entry = { name = sub(signed_cookies.hash(text_of(which, value)), 1, HASH_LETTERS) }
        if #value <= LONGEST_REMEMBERED then
            seen[which]:set(value, entry)
        end
    end
    return entry
end

--- The name of a value of the cookie `which`.
function _M.name(which, value)
    return entry_of(which, value).name
end

--- Until when a session counts that is active at `now`, in seconds since the epoch: the same moment for a while, so
-- that not every request is news.
function _M.expiry(now)
    local half = settings.active_window / 2
    return floor((floor(now / half) + 3) * half)
end

-- What was remembered under the secret before this one: it is to be remembered anew.
local function find_former(which, value, now)
    local former = signed_cookies.former_hash(text_of(which, value))
    local name = former and sub(former, 1, HASH_LETTERS)
    local known = name and api_clients.find(name, now)
    if known then
        known.root, known.exp = known.root or name, now
    end
    return known
end

--- The last second (now, or after it) in which expiry() is what it is now.
function _M.same_until(now)
    local half = settings.active_window / 2
    return ceil((floor(now / half) + 1) * half) - 1
end

--- The first of these cookies that the request has, as one of the settings' session_cookies, and its value; nil where
-- it has none.
function _M.shown(cookies)
    local list = settings.session_cookies
    for i = 1, #list do
        local value = cookie.get(cookies, list[i].wanted)
        if value and value ~= "" then
            return list[i], value
        end
    end
end

local function identity_of(which, name, root, known)
    local sid, key = names.by_cookie(root)
    local identity = {
        sid = sid, key = key, pin_sid = root, root = root, name = name, cookie = which.name,
        kept_until = known and known.exp or 0,
    }
    if known then
        identity.version, identity.generation, identity.issued = known.version, known.generation, known.issued
        identity.key = not known.is_over and key or nil
    end
    return identity
end

-- Of most browsers nothing is remembered, as their pin says all: the same table serves all their requests.
local function pinned(which, entry, root)
    local identity = entry.identity
    if not identity or identity.root ~= root then
        identity = identity_of(which, entry.name, root)
        identity.is_pinned, entry.identity = true, identity
    end
    return identity
end

--- The identity of the session that the app's cookie names, nil without such a cookie. `pin` is the identity in the
-- request's pin, or nil. `name` is what the value is remembered under, and `root` the session's own name. Where the
-- client was remembered it has the `version`, and the `generation` or the time `issued`, that it was given, until
-- `kept_until`. Without a `key` the app has cleared the cookie.
function _M.session(cookies, pin, now)
    local which, value = _M.shown(cookies)
    if not which then
        return nil
    end
    local entry, is_pinned = entry_of(which, value), pin ~= nil and pin.bound
    local identity
    local known = api_clients.find(entry.name, now)
    if is_pinned and not known then
        identity = pinned(which, entry, pin.sid)
    else
        known = known or find_former(which, value, now)
        local root = is_pinned and pin.sid or known and known.root or entry.name
        identity = identity_of(which, entry.name, root, known)
        identity.is_pinned = is_pinned
    end
    identity.exp = _M.expiry(now)
    return identity
end

return _M
