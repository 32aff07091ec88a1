-- What an answer does to the session of the app's own cookie ([sessions] cookie): a log-in begins one, a new value goes
-- on with it, and a cookie that is cleared ends it. It is looked at when the answer is through; the browser's next
-- request may be here before, so that nothing depends on it but counts, and clients that keep no pin.

local api_clients = require("bg.tokens.api_clients")
local at_hand = require("bg.lib.at_hand")
local cookie = require("bg.lib.cookie")
local counters = require("bg.lib.counters")
local cookie_sessions = require("bg.tokens.cookie_sessions")
local credentials = require("bg.tokens.credentials")
local names = require("bg.lib.names")
local recorder = require("bg.activity.recorder")
local request = require("bg.routing.request")
local set_cookie = require("bg.lib.set_cookie")
local signed_cookies = require("bg.tokens.signed_cookies")

local ngx = ngx
local pcall, tonumber = pcall, tonumber

local GRACE = 60 -- seconds in which requests may still be on their way with a cookie that the app has cleared
local FAULTS = counters.series("bgctl_faults_total")
local TRIAL = 600 -- seconds in which a client without a pin may show for the first time what its log-in gave it

local settings

local _M = {}

--- Begins with these settings (lib.settings).
function _M.init(given)
    settings = given
end

local function names_further(list)
    for i = 2, #list do
        if at_hand.get(list[i].variable) then
            return true
        end
    end
    return false
end

-- Whether the answer names one of these cookies at all: nginx knows, and most answers do not. (With a loop in its
-- course LuaJIT would not compile the log phase as one; most apps have one such cookie.)
local function names_one(list)
    local first = list[1]
    return first and (at_hand.get(first.variable) ~= nil or list[2] ~= nil and names_further(list))
end

-- The cookie that counts before the answer and after it, each as `{which, value}`; nil where there is none.
local function change(cookies, lines, now)
    local before, after
    local list = settings.session_cookies
    for i = 1, #list do
        local which = list[i]
        local old = cookie.get(cookies, which.wanted) or ""
        local new = set_cookie.value(lines, which.name, now) or old
        before = before or old ~= "" and { which, old } or nil
        after = after or new ~= "" and { which, new } or nil
    end
    return before, after
end

-- A log-in. A client that has shown a pin keeps cookies, and counts at once; any other one when it comes back.
local function begin(name, place, pin, now)
    if not pin then
        api_clients.keep_lightly(name, place.version, place.generation, now + TRIAL, now)
        return
    end
    local _, key = names.by_cookie(pin.bound and pin.sid or name)
    recorder.gone(names.key(pin.sid))
    recorder.note(key, nil, cookie_sessions.expiry(now), place.version)
end

-- The value is another one. Who has a pin is known by that; who was only sent one may not keep it.
local function go_on(name, place, session, now)
    if not session.is_pinned then
        local exp = now + settings.active_window
        api_clients.keep(name, place.version, place.generation, exp, now, session.root)
    end
end

-- A log-out.
local function finish(place, session, now)
    if session.key then
        recorder.gone(session.key)
    end
    api_clients.close(session.name, place.version, place.generation, now + GRACE, now)
end

--- Follows what the answer `{lines, version, generation}` does to the session of the request `asked` (routing.request).
-- `lines` are its Set-Cookie lines; `version` has the session, and may be another than the one that has answered.
function _M.take(asked, answer, now)
    local cookies = asked.cookie()
    local before, after = change(cookies, answer.lines, now)
    local is_same = before and after and before[1] == after[1] and before[2] == after[2]
    if is_same or not before and not after or credentials.session(asked, cookies, now, true) then
        return
    end
    local pin = signed_cookies.pin(cookies, now, true)
    local name = after and cookie_sessions.name(after[1], after[2])
    local known = name and api_clients.find(name, now)
    if known and known.is_over then
        api_clients.forget(name)
    end
    if not before then
        begin(name, answer, pin, now)
    elseif after then
        go_on(name, answer, cookie_sessions.session(cookies, pin, now), now)
    else
        finish(answer, cookie_sessions.session(cookies, pin, now), now)
    end
end

local function take_at_hand()
    local var = ngx.var
    local answer = {
        lines = ngx.header["Set-Cookie"], version = var.bg_session_version,
        generation = tonumber(var.bg_generation),
    }
    _M.take(request.AT_HAND, answer, ngx.time())
end

--- log_by_lua: the same for the request at hand. Never throws.
function _M.follow()
    if not names_one(settings.session_cookies) or not at_hand.has("bg_version") then
        return
    end
    local ok, why = pcall(take_at_hand)
    if not ok then
        counters.add(FAULTS)
        ngx.log(ngx.ERR, "the session's cookie was not followed: ", why)
    end
end

return _M
