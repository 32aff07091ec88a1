-- Remembers every session and visitor that this proxy has seen, a line each, in memory that all workers share and that
-- a reload leaves alone. From here come the rows of reports, what a store is told that was emptied, and whether a
-- session has been idle. Visitors have memory of their own, so that no number of them pushes out a session; and so have
-- the sessions that only a cookie of the app names, because nobody has verified those.

local names = require("bg.lib.names")

local ngx = ngx
local format, match = string.format, string.match
local max = math.max
local ipairs, tonumber = ipairs, tonumber

-- Version, last seen, expiry, when the newest token was issued; then the user, of any bytes, up to the end.
local LINE = "^(%S+) (%S+) (%S+) (%S+) ?(.*)$"
local PLACE = "^(%S+) (%S+) (%d+) (%d+)"

local sessions, cookies, visitors = ngx.shared.bg_seen, ngx.shared.bg_cookies, ngx.shared.bg_visitors
local ALL = { sessions, cookies, visitors }
local SINCE = "since" -- no key of a session (lib.names)
-- Stands in place of a line when a visitor has logged in, with the time of that. A request that comes later under the
-- same name is another browser's.
local OVER, IS_OVER, OVER_SECONDS = "over %.3f", "^over (%S+)$", 600

local _M = {}

local function dict_of(key)
    return names.is_visitor(key) and visitors or names.is_cookie(key) and cookies or sessions
end

--- Since when no session has been forgotten, in seconds since the epoch.
function _M.since()
    return max(sessions:get(SINCE), cookies:get(SINCE))
end

--- Begins, unless a reload finds it begun.
function _M.begin(now)
    for _, dict in ipairs(ALL) do
        dict:safe_add(SINCE, now)
    end
end

--- The row under `key`, `{key, version, seen, exp, iat, user}`, or nil.
function _M.get(key)
    local line = dict_of(key):get(key)
    if not line or match(line, IS_OVER) then
        return nil
    end
    local version, seen, exp, iat, user = match(line, LINE)
    return {
        key = key, version = version, seen = tonumber(seen), exp = tonumber(exp), iat = tonumber(iat),
        user = names.is_session(key) and user or nil,
    }
end

-- Whether a row says more than its line in memory: its version or its expiry is another one, its token is newer, or it
-- comes back after a lull.
local function is_news(row, version, seen, exp, iat, lull)
    return version ~= row.version or row.seen - seen > lull or tonumber(exp) ~= row.exp or iat < row.iat
end

--- Keeps a row for `window` seconds, unless a newer one is there. Returns "news", or "more" where it only says that a
-- known session is still active (that can be told later), or nil where its visitor has logged in since; and whether
-- another row had to be forgotten for it. `lull`: seconds of silence after which it is news that a session goes on. The
-- row's `asked`, where it has one, is when its last request came.
function _M.put(row, window, lull)
    local dict = dict_of(row.key)
    local known = dict:get(row.key) or ""
    local over = match(known, IS_OVER)
    if over and (row.asked or 0) <= tonumber(over) then
        return nil, false
    end
    local version, seen, exp, iat = match(known, PLACE)
    seen, iat = tonumber(seen), tonumber(iat) or 0
    -- A time ahead of the clock was written before the clock was set back: it does not count as newer.
    if seen and seen > row.seen and seen <= ngx.now() then
        return "more", false
    end
    local line = format("%s %.3f %d %d", row.version, row.seen, row.exp, max(row.iat, iat))
    local _, _, forgotten = dict:set(row.key, row.user and line .. " " .. row.user or line, window)
    if forgotten then
        dict:set(SINCE, ngx.now())
    end
    return (not seen or is_news(row, version, seen, exp, iat, lull)) and "news" or "more", forgotten
end

--- Ends the row under `key`: what other workers have yet to fold of requests before `now` does not revive it.
function _M.drop(key, now)
    dict_of(key):set(key, format(OVER, now), OVER_SECONDS)
end

--- When drop() ended the row under `key`; nil where it did not, or where that is forgotten.
function _M.over_since(key)
    return tonumber(match(dict_of(key):get(key) or "", IS_OVER))
end

--- Every key. This locks the dictionary while it is copied: it is meant for a store that was emptied, not for each
-- second.
function _M.keys()
    local keys = {}
    for _, dict in ipairs(ALL) do
        for _, key in ipairs(dict:get_keys(0)) do
            keys[#keys + 1] = key ~= SINCE and key or nil
        end
    end
    return keys
end

--- Whether the session under `key` has made no request for `limit` seconds; false while that cannot be known.
function _M.is_idle(key, limit, now)
    local row = _M.get(key)
    return now - (row and row.seen or dict_of(key):get(SINCE) or now) >= limit
end

return _M
