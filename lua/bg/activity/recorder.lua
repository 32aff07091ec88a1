-- Records who is active. Each worker notes the sessions of the requests that it routes, and folds its notes into shared
-- memory once a second (activity.memory, activity.outbox); one worker reports them from there (activity.reporter). A
-- session with a request in flight is active for as long as that lasts. A reload, a worker that dies and a session API
-- that is down lose nothing, because shared memory outlives them.

local counters = require("bg.lib.counters")
local inflight = require("bg.workers.inflight")
local memory = require("bg.activity.memory")
local outbox = require("bg.activity.outbox")
local reporter = require("bg.activity.reporter")
local workers = require("bg.workers.workers")

local ngx = ngx
local match, sub = string.match, string.sub
local max = math.max
local pairs, tonumber = pairs, tonumber
local exiting = ngx.worker.exiting

local LONGEST_SID = 128 -- bytes that the session API takes
local FORGOTTEN = counters.series("bgctl_activity_forgotten_total")

local handed_over = ngx.shared.bg_held -- requests that leaving workers still have in flight: `pid number` -> key

local noted = {} -- key -> row, since the last tick
local settings
local lull -- seconds of silence after which it is news that a session goes on
local ticks = 0

local _M = {}

--- Begins with these settings (lib.settings).
function _M.init(given)
    settings = given
    -- It has to be longer than the pause between two notes of what is in flight. Where sessions are idle after seconds
    -- already, every request is news.
    lull = given.held_every > 1 and given.held_every + 1 or 0
    memory.begin(ngx.now())
end

--- Notes that a session makes a request that `version` serves. Returns its row, which is the holder of the request
-- while that is in flight. `exp` and `iat` are those of its token, in seconds since the epoch; the row keeps the `iat`
-- of the newest token, because a log-out ends the older ones. `user` is nil for a visitor.
function _M.note(key, user, exp, version, iat)
    local row, now = noted[key], ngx.now()
    if row then
        row.version, row.exp, row.seen, row.asked, row.iat = version, exp, now, now, max(iat or 0, row.iat)
        return row
    end
    row = { key = key, user = user, exp = exp, version = version, seen = now, asked = now, iat = iat or 0 }
    noted[key] = row
    return row
end

--- The key for a session that has moved on while a tab of it still shows a page of `version`.
function _M.page_key(key, version)
    local longer = key .. "~" .. version
    if #longer > 2 + LONGEST_SID then -- a key has two letters before the sid (lib.names)
        return sub(key, 1, 2) .. "page-" .. ngx.md5(longer)
    end
    return longer
end

--- Whether the session under `key` has made no request for `limit` seconds before the one at hand.
function _M.is_idle(key, limit, now)
    return not noted[key] and memory.is_idle(key, limit, now)
end

--- The visitor under `key` has logged in, or the app has cleared the cookie of the session under it: it counts no
-- longer. Another browser with the same pin (a copy of its cookies) counts again from its next request on.
function _M.gone(key)
    noted[key] = nil
    memory.drop(key, ngx.now())
    outbox.add(outbox.GONE .. key)
end

-- Notes that the session under `key` is active now, on the version that it is known to be on: that version may be
-- another one than the request's, and what is in flight on a version is waited for by itself.
local function still_here(key, row)
    row = noted[key] or memory.get(key) or row
    if row then
        row.seen = ngx.now()
        noted[key] = row
    end
end

--- A request of `row` has ended, which is activity as well.
function _M.ended(row)
    still_here(row.key, row)
end

-- Notes the sessions of all requests in flight.
local function note_inflight()
    for _, row in pairs(inflight.holders()) do
        still_here(row.key, row)
    end
end

-- A row was forgotten to make room, and may not have been told yet. Of sessions, each report says since when none was
-- forgotten; of visitors only the doubt that is noted here tells.
local function forget(kind)
    counters.add(FORGOTTEN)
    outbox.lose(kind, outbox.length(kind) > 0 and 1 or 0)
    if kind == outbox.VISITOR then
        outbox.doubt(kind)
    end
end

-- Folds what this worker has noted into shared memory.
local function fold()
    for key, row in pairs(noted) do
        local told, forgotten = memory.put(row, settings.active_window, lull)
        if forgotten then
            forget(outbox.kind(key))
        end
        if told == "news" then
            outbox.add(key)
        elseif told then
            outbox.add_later(key)
        end
    end
    noted = {}
end

--- A worker that is leaving has no more ticks: it hands over the request with this number, and another worker notes its
-- session for as long as the leaving worker lives.
function _M.hand_over(number, row)
    handed_over:safe_set(ngx.worker.pid() .. " " .. number, row.key)
end

local function hand_all_over()
    for number, row in pairs(inflight.holders()) do
        _M.hand_over(number, row)
    end
end

-- Notes the sessions whose requests are in flight in workers that are leaving.
local function note_handed_over()
    for _, name in ipairs(handed_over:get_keys(0)) do
        local key = handed_over:get(name)
        if not workers.is_alive(tonumber(match(name, "^%d+"))) then
            handed_over:delete(name)
        elseif key then
            still_here(key)
        end
    end
end

--- Runs once a second, and once more when a worker leaves: a leaving worker reports for itself.
function _M.tick()
    ticks = ticks + 1
    local leaving, due = exiting(), ticks % settings.held_every == 0
    local is_reporter = ngx.worker.id() == 0
    if leaving or due then
        note_inflight()
    end
    if leaving then
        hand_all_over()
    elseif due and is_reporter then
        note_handed_over()
    end
    fold()
    if leaving or due and is_reporter then
        outbox.promote()
    end
    if leaving or is_reporter then
        reporter.send()
    end
end

--- A request with this number has ended in a worker that is leaving: no tick will fold what was noted of it, so that it
-- is folded and reported here.
function _M.left(number)
    handed_over:delete(ngx.worker.pid() .. " " .. number)
    fold()
    ngx.timer.at(0, reporter.send)
end

return _M
