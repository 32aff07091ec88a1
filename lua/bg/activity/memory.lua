-- What this proxy knows of whom it has seen: one line for each session and visitor, in memory that all workers share
-- and that a reload leaves alone. It is what is reported, what is told again to a store that was emptied, and what
-- says whether a session has been idle. Visitors have memory of their own: however many come, no session is forgotten
-- for them.

local names = require("bg.lib.names")

local ngx = ngx
local format, match = string.format, string.match
local max = math.max
local ipairs, tonumber = ipairs, tonumber

-- version, last seen, expiry, when the newest token was issued, then the user: whatever bytes it may have, to the end.
local LINE = "^(%S+) (%S+) (%S+) (%S+) ?(.*)$"
local PLACE = "^(%S+) (%S+) (%d+) (%d+)"

local sessions, visitors = ngx.shared.bg_seen, ngx.shared.bg_visitors
local SINCE = "since" -- no key of a session (lib.names)
-- In place of a line: since when it is over. Whoever asks after that under the same name is somebody else.
local OVER, IS_OVER, OVER_SECONDS = "over %.3f", "^over (%S+)$", 600

local _M = {}

local function dict_of(key)
    return names.is_visitor(key) and visitors or sessions
end

--- Since when no session has been forgotten, in seconds since the epoch.
function _M.since()
    return sessions:get(SINCE)
end

--- Begins, unless a reload finds it begun.
function _M.begin(now)
    sessions:safe_add(SINCE, now)
    visitors:safe_add(SINCE, now)
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

-- What a row says that the line known of it does not: it is somewhere else, lives longer, or comes back after a lull.
local function is_news(row, version, seen, exp, iat, lull)
    return version ~= row.version or row.seen - seen > lull or tonumber(exp) ~= row.exp or iat < row.iat
end

--- Keeps a row for `window` seconds, unless a newer one is there. "news" or "more", or nil where it is over with the
-- row: more of a session that is known to be active can be told later than what is news of it. Second value: somebody
-- had to be forgotten for it. `lull`: seconds of silence after which it is news that a session goes on. The row's
-- `asked`, where it has one, is when its last request came.
function _M.put(row, window, lull)
    local dict = dict_of(row.key)
    local known = dict:get(row.key) or ""
    local over = match(known, IS_OVER)
    if over and (row.asked or 0) <= tonumber(over) then
        return nil, false
    end
    local version, seen, exp, iat = match(known, PLACE)
    seen, iat = tonumber(seen), tonumber(iat) or 0
    -- What lies ahead of the clock is from before it was set back.
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

--- It is over with `key`, also for what other workers have yet to fold of requests before `now`.
function _M.drop(key, now)
    dict_of(key):set(key, format(OVER, now), OVER_SECONDS)
end

--- Since when it is over with `key`; nil where it is not, or is forgotten.
function _M.over_since(key)
    return tonumber(match(dict_of(key):get(key) or "", IS_OVER))
end

--- Every key. It locks the dictionary for as long as it copies: for a store that was emptied, not for every second.
function _M.keys()
    local keys = {}
    for _, dict in ipairs({ sessions, visitors }) do
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
