-- What one worker tells the session API of all that was noted (bg.activity): batches of rows from shared memory, the
-- first noted first, until nothing waits. A report that was not taken is sent again; a store that was emptied is told
-- everything anew.

local cjson = require("cjson.safe")
local files = require("bg.files")
local metrics = require("bg.metrics")
local outbox = require("bg.outbox")
local post = require("bg.post")
local seen = require("bg.seen")
local timestamp = require("bg.timestamp")

local ngx = ngx
local format, sub = string.format, string.sub
local min = math.min
local exiting = ngx.worker.exiting

local BATCH = 1000
local PATH = "/_bgctl/activity"
local GONE = outbox.GONE
local DELIVERED = metrics.series("bgctl_activity_delivered_total")

local feed = ngx.shared.bg_feed -- how the reporting goes: epoch, error, last_delivery

local settings, gauges
local sending = false

local _M = {}

--- Begins; `given` are the settings (bg.settings), `count_by_version()` gives the gauges that go with a report.
function _M.init(given, count_by_version)
    settings, gauges = given, count_by_version
end

local function row_of(key)
    local row = seen.get(key)
    return row and { sub(key, 3), row.user or cjson.null, row.version, row.seen, min(row.exp, timestamp.LAST) }
end

-- A JSON array. Not every cjson has a value for an empty one.
local function list(items)
    return #items > 0 and cjson.encode(items) or "[]"
end

-- What was lost may have been the latest of a session that is silent since: until its window is over, who knows?
local function is_complete()
    return outbox.length() == 0 and outbox.whole_for() > settings.active_window
end

local function body_of(keys)
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
    local status, body = post(exiting() and settings.api or settings.control, PATH, key, body_of(keys))
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
        local ok, err, again = pcall(deliver, keys)
        if not ok then
            again = false -- the same would be thrown again
        end
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

--- Sends all that waits, unless this worker is at it already.
function _M.send()
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

--- Between two ticks: what other workers have folded since need not wait for the next one.
function _M.catch_up()
    if ngx.worker.id() == 0 and not exiting() and outbox.length() > 0 then
        _M.send()
    end
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
