-- Remembers which version a client was given that has nothing to say it with: no token that names one, and no pin. It
-- is known by a credential of the app's own, an API key, an opaque bearer token or the app's session cookie, or by a
-- token that says whose it is and no version. Its first request is a draw. A switch would draw anew for all of them, so
-- that each is remembered for as long as it goes on asking, in memory that all workers share. What is kept is a hash,
-- never the credential itself; where memory runs short, the least used is forgotten. Sessions with a verified token
-- have memory of their own, because anybody can make up the rest. After a restart the session API tells what it knows
-- of them (tokens.restored).

local counters = require("bg.lib.counters")
local names = require("bg.lib.names")

local ngx = ngx
local format, match, sub = string.format, string.match, string.sub
local tonumber = tonumber

-- A generation, or "@" and a time; when the line is forgotten; a version; and the name of the session that a cookie
-- belongs to, where its value is not the first one of it.
local LINE = "^(@?%d+) (%d+) (%S+) ?(%S*)$"
local OVER = "." -- in place of that name: the app has cleared the cookie
local FORGOTTEN = counters.series("bgctl_activity_forgotten_total")

local clients, sessions = ngx.shared.bg_clients, ngx.shared.bg_token_sessions

local _M = {}

local function dict_of(sid)
    return names.is_by_token(sid) and sessions or clients
end

--- What is known at `now` of the client with this sid: `{version, generation, issued, exp, root, is_over}`. `version`
-- is what it was given, in the state of `generation` (nil where only the time `issued` is known); it is forgotten at
-- `exp` (times in seconds since the epoch). `root` names the session of a cookie that has replaced another one;
-- `is_over`: the app has cleared the cookie. nil for a new client.
function _M.find(sid, now)
    local line = dict_of(sid):get(sid)
    if not line then
        return nil
    end
    local since, exp, version, root = match(line, LINE)
    exp = tonumber(exp)
    if not exp or exp <= now then
        return nil
    end
    local is_time = sub(since, 1, 1) == "@"
    return {
        version = version, generation = not is_time and tonumber(since) or nil,
        issued = is_time and tonumber(sub(since, 2)) or nil, exp = exp,
        root = root ~= "" and root ~= OVER and root or nil, is_over = root == OVER,
    }
end

--- What find() reads; nil for a new client. While that is the same text, and its `exp` is not reached, find() has the
-- same answer.
function _M.line(sid)
    local line = dict_of(sid):get(sid)
    return line
end

local function line_of(version, since, exp, root)
    return format("%s %d %s%s", since, exp, version, root and " " .. root or "")
end

--- Remembers until `exp` that a client was given `version`; `root` as in find().
function _M.keep(sid, version, generation, exp, now, root)
    local line = line_of(version, format("%d", generation), exp, root)
    local _, _, forgotten = dict_of(sid):set(sid, line, exp - now)
    if forgotten then
        counters.add(FORGOTTEN)
    end
end

--- The same for a client that may never come back: nothing is forgotten for it.
function _M.keep_lightly(sid, version, generation, exp, now)
    dict_of(sid):safe_set(sid, line_of(version, format("%d", generation), exp), exp - now)
end

--- Remembers until `exp` that the app has cleared the cookie of this sid: what was on its way with it is no session.
function _M.close(sid, version, generation, exp, now)
    _M.keep(sid, version, generation, exp, now, OVER)
end

--- Forgets a client.
function _M.forget(sid)
    dict_of(sid):delete(sid)
end

--- Remembers until `exp` what the session API tells: that `version` served this client at the time `issued`. What the
-- client was given since counts more; or less, where `prevails`.
function _M.restore(sid, version, issued, exp, now, prevails)
    local dict = dict_of(sid)
    local put = prevails and dict.safe_set or dict.safe_add
    put(dict, sid, line_of(version, format("@%d", issued), exp), exp - now)
end

return _M
