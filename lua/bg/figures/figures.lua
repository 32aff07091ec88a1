-- Records what is compared between two versions, slot by slot, since the proxy started: requests that are over, errors,
-- latencies, and what came of copied requests. A worker adds up in plain arrays, which costs a request a few additions,
-- and folds them into shared memory a few times a second. The number of versions is bounded: what no slot has served
-- for an hour is forgotten.

local slots = require("bg.lib.slots")

local ngx = ngx
local floor, max, min = math.floor, math.max, math.min
local match = string.match
local ipairs, pairs = ipairs, pairs

-- Upper bounds of the histogram's buckets, in milliseconds: nginx knows no shorter time.
local BOUNDS = { 5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 7500, 10000, 15000,
    30000, 60000 }
local BUCKETS = #BOUNDS + 1
-- A row is one array: latencies by bucket; answers by the first digit of their status; failovers; milliseconds, summed
-- up; and, of copied requests (routing.mirror), answers by the first digit, those without an answer, and those that
-- were not sent. Each of these names is the index before the first field of its kind, or the field itself.
local STATUS = BUCKETS
local FAILOVERS = STATUS + 6
local TIME = FAILOVERS + 1
local MIRRORED = TIME
local OUTCOMES = { failed = MIRRORED + 6, dropped = MIRRORED + 7 }
local FIELDS = MIRRORED + 7

local STARTED = "started"
local PAIR, MEMBER = "^(%l+) (%S+)$", "^(%l+ %S+) %d+$"
local KEPT = 3600 -- seconds
local MOST = 16 -- pairs of slot and version; each version has been in two slots

local dict = ngx.shared.bg_figures
local pending = {} -- slot (routing.routing_table) -> the row that this worker has yet to fold

-- SECONDS: the upper bounds of the buckets, in seconds. BUCKETS: how many there are, with one beyond the last bound.
local _M = { SECONDS = {}, BUCKETS = BUCKETS }

for i, bound in ipairs(BOUNDS) do
    _M.SECONDS[i] = bound / 1000
end

-- The bucket of a time in milliseconds.
local function bucket_of(time)
    local bucket = 1
    while bucket < BUCKETS and time > BOUNDS[bucket] do
        bucket = bucket + 1
    end
    return bucket
end

-- The same, for most requests, by one look.
local QUICK = {}
for time = 0, 1000 do
    QUICK[time] = bucket_of(time)
end

local function row_of(slot)
    local row = pending[slot]
    if not row then
        row = {}
        for i = 1, FIELDS do
            row[i] = 0
        end
        pending[slot] = row
    end
    row.changed = true
    return row
end

--- Begins, unless figures from before a reload are there.
function _M.begin(now)
    dict:safe_add(STARTED, now)
end

--- Since when everything here has been counted, in seconds since the epoch.
function _M.started_at()
    return dict:get(STARTED)
end

-- The first digit of a status, for statistics. An app may answer with any number up to 999; a status of 0 means that
-- the client has gone before there was one, and counts as nginx's own 499 does.
local function class_of(status)
    return status == 0 and 4 or max(1, min(5, floor(status / 100)))
end

--- A request that was meant for `slot` (routing.routing_table) is over. `failed_over`: the other slot had to answer it.
function _M.finished(slot, status, failed_over)
    if not slot.version then
        return
    end
    local row = row_of(slot)
    local class = STATUS + class_of(status)
    row[class] = row[class] + 1
    if failed_over then
        row[FAILOVERS] = row[FAILOVERS] + 1
    end
end

--- `slot` has answered a request within `seconds`.
function _M.took(slot, seconds)
    if not slot.version then
        return
    end
    local row = row_of(slot)
    local time = max(0, floor(seconds * 1000 + 0.5)) -- whole milliseconds; 0 where the clock was set back
    local bucket = QUICK[time] or bucket_of(time)
    row[bucket] = row[bucket] + 1
    row[TIME] = row[TIME] + time
end

--- What came of a copy of a request for `slot`: a status, "failed" (no answer) or "dropped" (not sent).
function _M.mirrored(slot, outcome)
    local field = OUTCOMES[outcome] or MIRRORED + class_of(outcome)
    local row = row_of(slot)
    row[field] = row[field] + 1
end

local function fold_row(pair, row)
    row.changed = false
    dict:safe_add(pair, ngx.now())
    for i = 1, FIELDS do
        if row[i] > 0 then
            if dict:incr(pair .. " " .. i, row[i], 0) then
                row[i] = 0
            else
                row.changed = true -- what does not fit is tried again
            end
        end
    end
end

--- Folds this worker's rows into shared memory.
function _M.fold()
    for slot, row in pairs(pending) do
        if row.changed then
            fold_row(slot.name .. " " .. slot.version, row)
        else
            pending[slot] = nil -- the slot may be one of a routing table long past
        end
    end
end

-- Pairs of slot and version (`green 1.6.8`) that are known, the one that was served last first; and when each was last
-- served, in seconds since the epoch.
local function pairs_known()
    local list, seen_at = {}, {}
    for _, key in ipairs(dict:get_keys(0)) do
        if match(key, PAIR) then
            list[#list + 1] = key
            seen_at[key] = dict:get(key) or 0
        end
    end
    table.sort(list, function(a, b)
        if seen_at[a] ~= seen_at[b] then
            return seen_at[a] > seen_at[b]
        end
        return a < b
    end)
    return list, seen_at
end

--- Forgets versions that have not been served for an hour, and the oldest of too many. `routing`
-- (routing.routing_table) may be nil.
function _M.forget(routing, now)
    for _, name in ipairs(slots.SLOTS) do
        local version = routing and routing.slots[name].version
        if version then
            dict:safe_set(name .. " " .. version, now)
        end
    end
    local known, seen_at = pairs_known()
    for i, pair in ipairs(known) do
        if i > MOST or now - seen_at[pair] >= KEPT then
            dict:delete(pair)
        end
    end
    for _, key in ipairs(dict:get_keys(0)) do
        local pair = match(key, MEMBER)
        if pair and not dict:get(pair) then
            dict:delete(key)
        end
    end
end

--- Pairs of slot and version that are known, in the order of their names.
function _M.pairs()
    local list = pairs_known()
    table.sort(list)
    return list
end

--- What is known of a pair: `{slot, version, requests, errors, statuses, failovers, counts, seconds, mirrored}`.
-- `statuses` are the requests by the first digit of their status, `counts` the latencies by bucket (of requests whose
-- latency says something), `seconds` the sum of these latencies; `mirrored` are the copies by the first digit of their
-- status, and `failed` and `dropped`. `errors` are answers with a 5xx and failovers. All zero for a pair that is not
-- known.
function _M.read(pair)
    local slot, version = match(pair, PAIR)
    local found = { slot = slot, version = version, counts = {}, statuses = {} }
    local function field(i)
        return dict:get(pair .. " " .. i) or 0
    end
    for i = 1, BUCKETS do
        found.counts[i] = field(i)
    end
    found.requests = 0
    for class = 1, 5 do
        found.statuses[class] = field(STATUS + class)
        found.requests = found.requests + found.statuses[class]
    end
    found.failovers = field(FAILOVERS)
    found.errors = found.statuses[5] + found.failovers
    found.seconds = field(TIME) / 1000
    found.mirrored = { failed = field(OUTCOMES.failed), dropped = field(OUTCOMES.dropped) }
    for class = 1, 5 do
        found.mirrored[class] = field(MIRRORED + class)
    end
    return found
end

return _M
