-- Who is active: noted by each worker as requests are routed, folded into shared memory once a second (activity.memory,
-- activity.outbox), reported from there by one worker (activity.reporter). What is open is active for as long as it is
-- open. So a reload, a worker that dies or a session API that is down loses nothing: what is shared outlives them all.

local counters = require("bg.lib.counters")
local inflight = require("bg.workers.inflight")
local outbox = require("bg.activity.outbox")
local reporter = require("bg.activity.reporter")
local memory = require("bg.activity.memory")
local names = require("bg.lib.names")
local workers = require("bg.workers.workers")

local ngx = ngx
local match, sub = string.match, string.sub
local max = math.max
local pairs, tonumber = pairs, tonumber
local exiting = ngx.worker.exiting

local MAX_ID = 128 -- bytes of a sid that the session API takes
local FORGOTTEN = counters.series("bgctl_activity_forgotten_total")

local held = ngx.shared.bg_held -- what leaving workers still have open, as `pid number` -> key

local noted = {}
local settings, lull
local ticks = 0

local _M = {}

--- Begins; `given` are the settings (lib.settings).
function _M.init(given)
    settings = given
    -- Longer than the pause between two notes of what is open. Where idleness is a matter of seconds, all is news.
    lull = given.held_every > 1 and given.held_every + 1 or 0
    memory.begin(ngx.now())
end

--- Notes that `who` (tokens.verifier; with `key` and `user`) makes a request, served by `version`. Returns the row,
-- which is the holder of the request while it is open. `iat` is when its token was issued, and stays that of the newest
-- one: a log-out ends older ones.
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

--- The key of what a session has left behind: it has moved on, and a page of it is still on `version`.
function _M.page_key(key, version)
    local longer = key .. "~" .. version
    if #longer > 2 + MAX_ID then -- with the kind before it (activity.memory)
        return sub(key, 1, 2) .. "page-" .. ngx.md5(longer)
    end
    return longer
end

--- Whether the session under `key` has made no request for `limit` seconds before the one at hand.
function _M.is_idle(key, limit, now)
    return not noted[key] and memory.is_idle(key, limit, now)
end

--- A visitor is one no longer: it has logged in. Another browser with the same pin (a copy of its cookies) is one from
-- its next request on.
function _M.gone(sid)
    local key = names.key(sid)
    noted[key] = nil
    memory.drop(key, ngx.now())
    outbox.add(outbox.GONE .. sid)
end

-- Whoever is under `key` is active now, wherever its place is by now: a WebSocket on the version that a session has
-- left is waited for by itself.
local function still_here(key, row)
    row = noted[key] or memory.get(key) or row
    if row then
        row.seen = ngx.now()
        noted[key] = row
    end
end

--- A request of `row` has ended: that is activity as well, and the last of it.
function _M.ended(row)
    still_here(row.key, row)
end

local function note_open()
    for _, row in pairs(inflight.holders()) do
        still_here(row.key, row)
    end
end

-- Somebody was forgotten: it may be one that was yet to be told. Of sessions the report says since when none was; of a
-- visitor only this tells.
local function forget(kind)
    counters.add(FORGOTTEN)
    outbox.lose(kind, outbox.length(kind) > 0 and 1 or 0)
    if kind == outbox.VISITOR then
        outbox.doubt(kind)
    end
end

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

--- A worker that is leaving has no more ticks: another one keeps what it has open alive, for as long as it lives.
function _M.hand_over(number, row)
    held:safe_set(ngx.worker.pid() .. " " .. number, row.key)
end

local function hand_all_over()
    for number, row in pairs(inflight.holders()) do
        _M.hand_over(number, row)
    end
end

local function note_handed_over()
    for _, name in ipairs(held:get_keys(0)) do
        local key = held:get(name)
        if not workers.is_alive(tonumber(match(name, "^%d+"))) then
            held:delete(name)
        elseif key then
            still_here(key)
        end
    end
end

--- Once a second, and once more when a worker leaves: then it reports itself, whichever worker it is.
function _M.tick()
    ticks = ticks + 1
    local leaving, due = exiting(), ticks % settings.held_every == 0
    local is_reporter = ngx.worker.id() == 0
    if leaving or due then
        note_open()
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

--- In a worker that is leaving, a request with this number has ended: no tick will fold what was noted of it.
function _M.left(number)
    held:delete(ngx.worker.pid() .. " " .. number)
    fold()
    ngx.timer.at(0, reporter.send)
end

return _M
