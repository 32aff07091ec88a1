-- Who is active: noted by each worker as requests are routed, folded into shared memory once a second (bg.seen,
-- bg.outbox), reported from there by one worker. What is open is active for as long as it is open. So a reload, a
-- worker that dies or a session API that is down loses nothing: what is shared outlives them all.

local cjson = require("cjson.safe")
local files = require("bg.files")
local metrics = require("bg.metrics")
local open = require("bg.open")
local outbox = require("bg.outbox")
local post = require("bg.post")
local seen = require("bg.seen")
local workers = require("bg.workers")

local ngx = ngx
local min = math.min
local format, match, sub = string.format, string.match, string.sub
local pairs, tonumber = pairs, tonumber
local exiting = ngx.worker.exiting

local BATCH = 1000
local PATH = "/internal/activity"
local GONE = "gone "
local LATEST = 253402300799 -- the last second of the year 9999: some tokens have an `exp` that cjson would round
local MAX_ID = 128 -- bytes of a sid or user that the session API takes
local FORGOTTEN = metrics.series("bgctl_activity_forgotten_total")
local DELIVERED = metrics.series("bgctl_activity_delivered_total")

local feed = ngx.shared.bg_feed -- how the reporting goes: epoch, error, last_delivery
local held = ngx.shared.bg_held -- what leaving workers still have open, as `pid number` -> key

local noted = {}
local settings, gauges
local sending = false
local ticks = 0

local _M = {}

--- Begins; `given` are the settings (bg.settings), `count_by_version()` gives the gauges that go with a report.
function _M.init(given, count_by_version)
    settings, gauges = given, count_by_version
    seen.begin(ngx.now())
end

--- Notes that `who` (bg.identity; with `key` and `user`) makes a request, served by `version`. Returns the row, which
-- is the holder of the request while it is open.
function _M.note(key, user, exp, version)
    local row = noted[key]
    if row then
        row.version, row.exp, row.seen = version, exp, ngx.now()
        return row
    end
    row = { key = key, user = user, exp = exp, version = version, seen = ngx.now() }
    noted[key] = row
    return row
end

--- The key under which a session or visitor is noted, and the user in a form that the session API takes.
function _M.names(sid, user)
    if user and (user == "" or #user > MAX_ID) then
        user = "md5-" .. ngx.md5(user)
    end
    return seen.key(sid, user), user
end

--- The key of what a session has left behind: it has moved on, and a page of it is still on `version`.
function _M.page_key(key, version)
    local longer = key .. "~" .. version
    if #longer > 2 + MAX_ID then -- with the kind before it (bg.seen)
        return sub(key, 1, 2) .. "page-" .. ngx.md5(longer)
    end
    return longer
end

--- Whether the session under `key` has made no request for `limit` seconds before the one at hand.
function _M.is_idle(key, limit, now)
    return not noted[key] and seen.is_idle(key, limit, now)
end

--- A visitor is one no longer: it has logged in.
function _M.gone(sid)
    local key = seen.key(sid)
    noted[key] = nil
    seen.drop(key)
    outbox.add(GONE .. sid)
end

-- Whoever is under `key` is active now, wherever its place is by now: a WebSocket on the version that a session has
-- left is waited for by itself.
local function still_here(key, row)
    row = noted[key] or seen.get(key) or row
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
    for _, row in pairs(open.holders()) do
        still_here(row.key, row)
    end
end

local function fold()
    for key, row in pairs(noted) do
        local kept, forgotten = seen.put(row, settings.active_window)
        if forgotten then
            metrics.add(FORGOTTEN)
            outbox.lose(outbox.length() > 0 and 1 or 0) -- it may be one that was yet to be told
        end
        if kept then
            outbox.add(key)
        end
    end
    noted = {}
end

--- A worker that is leaving has no more ticks: another one keeps what it has open alive, for as long as it lives.
function _M.hand_over(number, row)
    held:safe_set(ngx.worker.pid() .. " " .. number, row.key)
end

local function hand_all_over()
    for number, row in pairs(open.holders()) do
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

local function row_of(key)
    local row = seen.get(key)
    return row and { sub(key, 3), row.user or cjson.null, row.version, row.seen, min(row.exp, LATEST) }
end

-- A JSON array. Not every cjson has a value for an empty one.
local function list(items)
    return #items > 0 and cjson.encode(items) or "[]"
end

-- What was lost may have been the latest of a session that is silent since: until its window is over, who knows?
local function is_complete()
    return outbox.length() == 0 and outbox.whole_for() > settings.active_window
end

local function report(keys)
    local sessions, gone = {}, {}
    for _, key in ipairs(keys) do
        if sub(key, 1, #GONE) == GONE then
            gone[#gone + 1] = sub(key, #GONE + 1)
        else
            sessions[#sessions + 1] = row_of(key) -- nil: it is over since, or was counted as lost when it was forgotten
        end
    end
    return format('{"proxy":%s,"now":%.3f,"since":%.3f,"epoch":%s,"complete":%s,"sessions":%s,"gone":%s,"gauges":%s}',
        cjson.encode(settings.proxy_name), ngx.now(), seen.since(), cjson.encode(feed:get("epoch") or cjson.null),
        is_complete(), list(sessions), list(gone), cjson.encode(gauges()))
end

-- A store with another epoch has been emptied, or is new to us: it is told everything.
local function take_epoch(body)
    local answer = cjson.decode(body)
    local epoch = type(answer) == "table" and answer.epoch
    if type(epoch) == "string" and epoch ~= feed:get("epoch") then
        feed:set("epoch", epoch)
        for _, key in ipairs(seen.keys()) do
            outbox.add(key)
        end
    end
end

-- It goes through our own control listener: nginx keeps the connection, and a session API that is down makes no line in
-- the error log each second. A worker that is leaving may find that listener closed already, and goes straight there.
-- nil when the report was taken, else why not, and whether the same report may be taken another time.
local function deliver(keys)
    local key, err = files.secret(settings.proxy_key_file)
    if not key then
        return err, true
    end
    local status, body = post(exiting() and settings.api or settings.control, PATH, key, report(keys))
    if status == 200 then
        take_epoch(body)
        return nil
    end
    -- What is malformed stays so. Sending it for ever would keep all else back.
    if status == 400 or status == 401 then
        err = format("status %d: %s", status, sub(body, 1, 300))
    else
        err = status and "no answer: status " .. status or "no answer: " .. body
    end
    return err, status ~= 400
end

local function send()
    repeat
        local keys = outbox.take(BATCH)
        local err, again = deliver(keys)
        if err then
            feed:set("error", err)
            if again then
                outbox.put_back(keys)
                return
            end
            ngx.log(ngx.ERR, "the session API refuses a report of activity: ", err)
            outbox.lose(#keys)
        else
            feed:delete("error")
            feed:set("last_delivery", ngx.now())
            metrics.add(DELIVERED, #keys)
        end
    until outbox.length() == 0
end

local function send_alone()
    if sending then
        return
    end
    sending = true
    local ok, err = pcall(send)
    sending = false
    if not ok then
        ngx.log(ngx.ERR, "activity: ", err)
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
    if leaving or is_reporter then
        send_alone()
    end
end

--- Between two ticks: what other workers have folded since need not wait for the next one.
function _M.report()
    if ngx.worker.id() == 0 and not exiting() and outbox.length() > 0 then
        send_alone()
    end
end

--- In a worker that is leaving, a request with this number has ended: no tick will fold what was noted of it.
function _M.left(number)
    held:delete(ngx.worker.pid() .. " " .. number)
    fold()
    ngx.timer.at(0, send_alone)
end

--- How the reporting goes, for the control listener.
function _M.status()
    return {
        queued = outbox.length(),
        delivered = metrics.total(DELIVERED),
        dropped = metrics.total(metrics.series("bgctl_activity_dropped_total")),
        lastDelivery = feed:get("last_delivery") or cjson.null,
        error = feed:get("error") or cjson.null,
    }
end

return _M
