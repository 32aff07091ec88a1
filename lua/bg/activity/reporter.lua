-- What one worker tells the session API of all that was noted (activity.recorder): batches of rows from shared memory,
-- the first noted first, until nothing waits. A report that was not taken is sent again; a store that was emptied is
-- told everything anew.

local base64url = require("bg.lib.base64url")
local cjson = require("cjson.safe")
local crypto = require("bg.lib.crypto")
local counters = require("bg.lib.counters")
local outbox = require("bg.activity.outbox")
local post = require("bg.lib.post")
local secret_file = require("bg.lib.secret_file")
local memory = require("bg.activity.memory")
local names = require("bg.lib.names")
local timestamp = require("bg.lib.timestamp")

local ngx = ngx
local concat = table.concat
local find, format, sub = string.find, string.format, string.sub
local ipairs, pairs, tostring = ipairs, pairs, tostring
local floor, min = math.floor, math.min
local exiting = ngx.worker.exiting

local INSTANCE_BYTES = 9
local BATCH = 1000 -- rows
local BATCH_BYTES = 512 * 1024 -- half of what the session API takes: names of any length in any script
local PATH = "/_bgctl/activity"
local GONE = outbox.GONE
local TOO_LARGE, THROWN = 413, "thrown"
local NEVER = { [400] = true, [TOO_LARGE] = true, [THROWN] = true } -- the same report would be refused again
local DELIVERED = counters.series("bgctl_activity_delivered_total")

local feed = ngx.shared.bg_feed -- how the reporting goes: epoch, error, last_delivery; and instance: who this proxy is

local settings, gauges, key_file
local sending = false

local _M = {}

-- As the session API takes it: one line of at least 32 letters, without blanks.
local function proxy_key(text)
    if #text < 32 or find(text, "[^!-~]") then
        return nil, "not one line of at least 32 characters without blanks"
    end
    return text
end

--- Begins; `given` are the settings (lib.settings), `count_by_version()` gives the gauges that go with a report.
function _M.init(given, count_by_version)
    settings, gauges = given, count_by_version
    key_file = secret_file.new(settings.proxy_key_file, proxy_key)
    feed:safe_add("instance", base64url.encode(crypto.random(INSTANCE_BYTES)))
end

local function row_of(key)
    local row = memory.get(key)
    return row and { sub(key, 3), row.user or cjson.null, row.version, row.seen, min(row.exp, timestamp.LAST),
        min(row.iat, timestamp.LAST) }
end

-- Who is a visitor no longer, and since when; nil where another browser is one under the same name since.
local function gone_of(key)
    local sid = sub(key, #GONE + 1)
    local name = names.key(sid)
    return not memory.get(name) and { sid, memory.over_since(name) or ngx.now() } or nil
end

-- A JSON array of JSON texts.
local function list(texts)
    return "[" .. concat(texts, ",") .. "]"
end

-- What was lost may have been the latest of a session that is silent since: until its window is over, who knows?
local function is_complete(kind)
    return outbox.length(kind) == 0 and outbox.whole_for(kind) > settings.active_window
end

-- JSON texts of sessions (and visitors), and of visitors that are gone, for as many of `keys` as fit into a report; and
-- how many those are. Of some there is nothing to tell: they are over since, or were counted as lost when forgotten.
local function rows_of(keys)
    local sessions, gone, bytes = {}, {}, 0
    for i, key in ipairs(keys) do
        local is_gone = sub(key, 1, #GONE) == GONE
        local row = is_gone and gone_of(key) or not is_gone and row_of(key)
        local text = row and cjson.encode(row)
        bytes = bytes + (text and #text or 0)
        if bytes > BATCH_BYTES and i > 1 then
            return sessions, gone, i - 1
        elseif text then
            local into = is_gone and gone or sessions
            into[#into + 1] = text
        end
    end
    return sessions, gone, #keys
end

local function body_of(sessions, gone)
    local parts = {
        proxy = cjson.encode(settings.proxy_name),
        instance = cjson.encode(feed:get("instance")),
        now = format("%.3f", ngx.now()),
        since = format("%.3f", memory.since()),
        epoch = cjson.encode(feed:get("epoch") or cjson.null),
        complete = tostring(is_complete(outbox.SESSION)),
        visitors_complete = tostring(is_complete(outbox.VISITOR)),
        sessions = list(sessions),
        gone = list(gone),
        gauges = cjson.encode(gauges()),
    }
    local members = {}
    for name, text in pairs(parts) do
        members[#members + 1] = '"' .. name .. '":' .. text
    end
    return "{" .. concat(members, ",") .. "}"
end

-- A store with another epoch has been emptied, or is new to us: it is told everything.
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

-- It goes through our own control listener: nginx keeps the connection, and a session API that is down makes no line in
-- the error log each second. A worker that is leaving may find that listener closed already, and goes straight there.
-- nil when the report was taken, else why not, and its status, if it has one.
local function deliver(sessions, gone)
    key_file:poll()
    local key, err = key_file.value, key_file.why
    if not key then
        return err
    end
    local status, body = post(exiting() and settings.api or settings.control, PATH, key, body_of(sessions, gone))
    if status == 200 then
        take_epoch(body)
        return nil
    end
    -- What is malformed stays so. Sending it for ever would keep all else back.
    if status == 400 or status == 401 or status == TOO_LARGE then
        err = format("status %d: %s", status, sub(body, 1, 300))
    else
        err = status and "no answer: status " .. status or "no answer: " .. body
    end
    return err, status
end

-- Takes up to `most` keys and reports of as many as fit. Returns those, and what deliver() says. What does not fit
-- waits again before the report says whether that is all.
local function report(most)
    local keys = outbox.take(most)
    local made, sessions, gone, count = pcall(rows_of, keys)
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

local function lose(keys)
    local counts = { [outbox.SESSION] = 0, [outbox.VISITOR] = 0 }
    for _, key in ipairs(keys) do
        local kind = outbox.kind(key)
        counts[kind] = counts[kind] + 1
    end
    for kind, count in pairs(counts) do
        outbox.lose(kind, count)
    end
end

local function send()
    local most = BATCH
    repeat
        local keys, err, status = report(most)
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

--- Why the newest key on disk is not the one in use, as this worker knows it; nil when it is.
function _M.fault()
    return key_file.why and key_file.name .. ": " .. key_file.why
end

--- How the reporting goes, for the control listener.
function _M.status()
    return {
        queued = outbox.length(),
        delivered = counters.total(DELIVERED),
        dropped = counters.total(counters.series("bgctl_activity_dropped_total")),
        lastDelivery = feed:get("last_delivery") or cjson.null,
        error = feed:get("error") or cjson.null,
    }
end

return _M
