-- Records who is active. Each worker notes the sessions of the requests that it routes, and folds its notes into shared
-- memory (activity.memory, activity.outbox): what is new within a second, and that a session goes on as often as that
-- is told (the settings' held_every). One worker reports from there (activity.reporter). A session with a request in
-- flight is active for as long as that lasts. A reload and a session API that is down lose nothing, and a worker that
-- dies loses no session, because shared memory outlives them.

local counters = require("bg.lib.counters")
local inflight = require("bg.workers.inflight")
local memory = require("bg.activity.memory")
local outbox = require("bg.activity.outbox")
local pace = require("bg.lib.pace")
local reporter = require("bg.activity.reporter")
local workers = require("bg.workers.workers")

local ngx = ngx
local format, match, sub = string.format, string.match, string.sub
local max = math.max
local error, ipairs, pairs, pcall, tonumber = error, ipairs, pairs, pcall, tonumber
local exiting = ngx.worker.exiting

local LONGEST_SID = 128 -- bytes that the session API takes
local MOST_NOTED = 20000 -- rows that are kept until they are due
local FORGOTTEN = counters.series("bgctl_activity_forgotten_total")

local handed_over = ngx.shared.bg_held -- requests that leaving workers still have in flight: `pid number` -> key

-- key -> row of each session that has been active since the last time that all were folded. `is_news`: it says what
-- shared memory does not have yet; `is_due`: it is to be folded with the next tick; `folded`: its `seen` when it was.
local noted = {}
local folding = false
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
    iat = iat or 0
    if not row then
        row = { key = key, user = user, exp = exp, version = version, iat = iat, is_news = true }
        noted[key] = row
    elseif row.version ~= version or row.exp ~= exp or row.iat < iat then
        row.version, row.exp, row.iat, row.is_news = version, exp, max(iat, row.iat), true
    end
    row.seen, row.asked = now, now
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

--- Whether the session under `key` has made no request for `limit` seconds before the one at hand. Another worker may
-- have seen one that it has yet to fold.
function _M.is_idle(key, limit, now)
    local row = noted[key]
    return (not row or now - row.seen >= limit) and memory.is_idle(key, limit + lull, now)
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
    return row
end

-- The same, to be folded with this tick.
local function goes_on(key, row)
    row = still_here(key, row)
    if row then
        row.is_due = true
    end
end

--- A request of `row` has ended, which is activity as well.
function _M.ended(row)
    still_here(row.key, row)
end

-- Notes the sessions of all requests in flight.
local function note_inflight()
    for _, request in pairs(inflight.all()) do
        local row = request.holder
        if row then
            goes_on(row.key, row)
        end
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

local function fold_row(row)
    local key = row.key
    row.is_news, row.is_due, row.folded = false, false, row.seen
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

-- Rows that are to be folded now: those that have to be, or all; all of them, too, where there are too many to keep. A
-- row of a session that has not been active since it was folded is dropped.
local function take(is_all)
    local rows, count = {}, 0
    for key, row in pairs(noted) do
        count = count + 1
        if row.folded == row.seen and not row.is_news then
            if is_all then
                noted[key] = nil
            end
        elseif is_all or row.is_news or row.is_due then
            rows[#rows + 1] = row
        end
    end
    if count > MOST_NOTED and not is_all then
        rows = take(true)
        noted = {}
    end
    return rows
end

-- Folds what this worker has noted into shared memory: what has to be, or all of it. `step` (lib.pace), which may be
-- nil, is called with the number of each row. A session that is gone by then stays so (activity.memory).
local function fold(is_all, step)
    for i, row in ipairs(take(is_all)) do
        fold_row(row)
        if step then
            step(i)
        end
    end
end

local function name_of(number)
    return format("%d %.0f", ngx.worker.pid(), number)
end

--- A worker that is leaving has no more ticks: it hands over the request with this number, and another worker notes its
-- session for as long as the leaving worker lives.
function _M.hand_over(number, row)
    handed_over:safe_set(name_of(number), row.key)
end

local function hand_all_over()
    for number, request in pairs(inflight.all()) do
        if request.holder then
            _M.hand_over(number, request.holder)
        end
    end
end

-- Notes the sessions whose requests are in flight in workers that are leaving.
local function note_handed_over()
    for _, name in ipairs(handed_over:get_keys(0)) do
        local key = handed_over:get(name)
        if not workers.is_alive(tonumber(match(name, "^%d+"))) then
            handed_over:delete(name)
        elseif key then
            goes_on(key)
        end
    end
end

-- The same beside requests, unless the tick before this one is still at it.
local function fold_slowly(is_all)
    if folding then
        return
    end
    folding = true
    local ok, err = pcall(fold, is_all, pace.step)
    folding = false
    if not ok then
        error(err, 0)
    end
end

-- That sessions go on is folded one tick before it is told, by all workers.
local function is_next_due()
    return (ticks + 1) % settings.held_every == 0
end

-- Runs once more when a worker leaves: a leaving worker reports for itself.
local function last_tick()
    note_inflight()
    hand_all_over()
    fold(true)
    outbox.promote()
    reporter.send()
end

--- Runs once a second.
function _M.tick()
    if exiting() then
        return last_tick()
    end
    ticks = ticks + 1
    local due, is_reporter = ticks % settings.held_every == 0, ngx.worker.id() == 0
    if due then
        note_inflight()
    end
    if due and is_reporter then
        note_handed_over()
    end
    fold_slowly(is_next_due())
    if due and is_reporter then
        outbox.promote(pace.step)
    end
    if is_reporter then
        reporter.send()
    end
end

--- A request with this number has ended in a worker that is leaving: no tick will fold what was noted of it, so that it
-- is folded and reported here.
function _M.left(number)
    handed_over:delete(name_of(number))
    fold(true)
    ngx.timer.at(0, reporter.send)
end

return _M
