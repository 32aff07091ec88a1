-- Reports to the session API who is active: one worker sends what all of them have noted, in batches of rows from
-- shared memory, those first that were noted first. A report that was not taken is sent again; a store that was emptied
-- is told everything anew.

local base64url = require("bg.lib.base64url")
local cjson = require("cjson.safe")
local counters = require("bg.lib.counters")
local crypto = require("bg.lib.crypto")
local http = require("bg.lib.http")
local memory = require("bg.activity.memory")
local outbox = require("bg.activity.outbox")
local report = require("bg.activity.report")
local secret_file = require("bg.lib.secret_file")

local ngx = ngx
local find, format, sub = string.find, string.format, string.sub
local ipairs, pairs, pcall, type = ipairs, pairs, pcall, type
local floor, min = math.floor, math.min
local exiting = ngx.worker.exiting

local INSTANCE_BYTES = 9
local BATCH = 1000 -- rows
local PATH = "/_bgctl/activity"
-- The session API answers in a line: more is not from it.
local LIMITS = { seconds = 8, connect = 1, pause = 5, most = 65536, needs = "body" }
local TOO_LARGE, THROWN = 413, "thrown"
local NEVER = { [400] = true, [TOO_LARGE] = true, [THROWN] = true } -- to send the same report again would be in vain
local REFUSED = { [400] = true, [401] = true, [TOO_LARGE] = true } -- the answer says why
local DELIVERED = counters.series("bgctl_activity_delivered_total")
local DROPPED = counters.series("bgctl_activity_dropped_total")

-- How the reporting goes: `epoch` of the store, `error`, `last_delivery`; and `instance`, the name of this proxy.
local feed = ngx.shared.bg_feed

local settings, key_file
local sending = false

local _M = {}

-- Checks the proxy's key as the session API does: one line of at least 32 letters, without blanks.
local function proxy_key(text)
    if #text < 32 or find(text, "[^!-~]") then
        return nil, "not one line of at least 32 characters without blanks"
    end
    return text
end

--- Begins with these settings (lib.settings). `count_by_version()` gives the gauges that go with a report.
function _M.init(given, count_by_version)
    settings = given
    report.init(given, count_by_version)
    key_file = secret_file.new(settings.proxy_key_file, proxy_key)
    feed:safe_add("instance", base64url.encode(crypto.random(INSTANCE_BYTES)))
end

-- A store that answers with another epoch than before was emptied, or is another store: it is told everything.
local function take_epoch(body)
    local answer = cjson.decode(body)
    local epoch = type(answer) == "table" and answer.epoch
    if type(epoch) == "string" and epoch ~= feed:get("epoch") then
        feed:set("epoch", epoch)
        for _, key in ipairs(memory.keys()) do
            outbox.add(key)
        end
    end
end

-- The answer to a report, or nil and why there is none.
local function post(address, key, body)
    local answer, why = http.ask(address, http.request("POST", PATH, {
        "Host: " .. address,
        "Authorization: Bearer " .. key,
        "Content-Type: application/json",
        "Content-Length: " .. #body,
    }, body), LIMITS)
    return not why and answer or nil, why
end

-- Sends a report through our own control listener: nginx keeps the connection, and does not write a line into the error
-- log each second while the session API is down. A worker that is leaving may find that listener closed already, and
-- goes straight to the session API. Returns nil when the report was taken; else why not, and the answer's status where
-- there is one.
local function deliver(sessions, gone)
    key_file:poll()
    local key, err = key_file.value, key_file.why
    if not key then
        return err
    end
    local answer, why = post(exiting() and settings.api or settings.control, key, report.body(sessions, gone))
    local status = answer and answer.status
    if status == 200 then
        take_epoch(answer.body)
        return nil
    elseif REFUSED[status] then
        return format("status %d: %s", status, sub(answer.body, 1, 300)), status
    end
    return "no answer: " .. (status and "status " .. status or why), status
end

-- Takes up to `most` keys and reports as many of them as fit. Returns those, and what deliver() returns. What does not
-- fit is put back before the report is written, which says whether anything still waits.
local function send_some(most)
    local keys = outbox.take(most)
    local made, sessions, gone, count = pcall(report.rows, keys)
    if not made then
        return keys, sessions, THROWN
    end
    local rest = {}
    for i = count + 1, #keys do
        rest[#rest + 1], keys[i] = keys[i], nil
    end
    outbox.put_back(rest)
    local sent, err, status = pcall(deliver, sessions, gone)
    return keys, err, sent and status or not sent and THROWN or nil
end

-- Notes that these keys will never be told.
local function lose(keys)
    local counts = {}
    for _, kind in ipairs(outbox.KINDS) do
        counts[kind] = 0
    end
    for _, key in ipairs(keys) do
        local kind = outbox.kind(key)
        counts[kind] = counts[kind] + 1
    end
    for kind, count in pairs(counts) do
        outbox.lose(kind, count)
    end
end

-- Sends reports until nothing waits, or until one was not taken. A report that is too large is halved.
local function send()
    local most = BATCH
    repeat
        local keys, err, status = send_some(most)
        if not err then
            feed:delete("error")
            feed:set("last_delivery", ngx.now())
            counters.add(DELIVERED, #keys)
            most = min(2 * most, BATCH)
        elseif status == TOO_LARGE and #keys > 1 then
            outbox.put_back(keys)
            most = floor(#keys / 2)
        elseif NEVER[status] then
            feed:set("error", err)
            ngx.log(ngx.ERR, "the session API refuses a report of activity: ", err)
            lose(keys)
        else
            feed:set("error", err)
            outbox.put_back(keys)
            return
        end
    until outbox.length() == 0
end

--- Sends all that waits, unless this worker is sending already.
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

--- Sends between two ticks what other workers have folded meanwhile.
function _M.catch_up()
    if ngx.worker.id() == 0 and not exiting() and outbox.length() > 0 then
        _M.send()
    end
end

--- Why the newest key on disk is not the one in use, as far as this worker knows; nil when it is.
function _M.fault()
    return key_file.why and key_file.name .. ": " .. key_file.why
end

--- How the reporting goes, for the control listener; times are seconds since the epoch.
function _M.status()
    return {
        queued = outbox.length(),
        delivered = counters.total(DELIVERED),
        dropped = counters.total(DROPPED),
        lastDelivery = feed:get("last_delivery") or cjson.null,
        error = feed:get("error") or cjson.null,
    }
end

return _M
