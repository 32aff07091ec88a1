-- What analysis compares: finished requests, errors and latencies of each version, slot by slot, since the proxy
-- started. A worker adds up in plain arrays and folds them into shared memory a few times a second; a request costs
-- the hot path a few additions. Versions are bounded: what nobody has served for an hour is forgotten.

local ngx = ngx
local floor, max, min = math.floor, math.max, math.min
local match = string.match
local ipairs, pairs = ipairs, pairs

-- Upper bounds of the histogram's buckets, in milliseconds: nginx knows no shorter time.
local BOUNDS = { 5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 7500, 10000, 15000,
    30000, 60000 }
local BUCKETS = #BOUNDS + 1
-- A row is one array: buckets, then answers by the first digit of their status, failovers, milliseconds, and the same
-- of copied requests (routing.mirror), those without an answer, those that were not sent.
local STATUS = BUCKETS
local FAILOVERS = STATUS + 6
local TIME = FAILOVERS + 1
local MIRRORED = TIME
local OUTCOMES = { failed = MIRRORED + 6, dropped = MIRRORED + 7 }
local FIELDS = MIRRORED + 7

local SLOTS = require("bg.lib.slots").SLOTS
local STARTED = "started"
local PAIR, MEMBER = "^(%l+) (%S+)$", "^(%l+ %S+) %d+$"
local KEPT = 3600 -- seconds
local MOST = 16 -- slots and versions: each version has been in two slots

local dict = ngx.shared.bg_figures
local pending = {} -- slot (routing.routing_table) -> row

local _M = { SECONDS = {} }

for i, bound in ipairs(BOUNDS) do
    _M.SECONDS[i] = bound / 1000
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

--- Begins, unless a reload finds it begun.
function _M.begin(now)
    dict:safe_add(STARTED, now)
end

--- Since when all that is here has been counted, in seconds since the epoch.
function _M.started_at()
    return dict:get(STARTED)
end

-- An app may say 999. Without a status the client has gone before there was one, as with 499.
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
    local time = max(0, floor(seconds * 1000 + 0.5)) -- whole again; 0 where the clock was set back
    local bucket = 1
    while bucket < BUCKETS and time > BOUNDS[bucket] do
        bucket = bucket + 1
    end
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
            pending[slot] = nil -- the slot may be that of a state long past
        end
    end
end

-- Pairs of slot and version, the one that was served last first.
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

--- Forgets what has not been served for long, or is too much. `state` (routing.routing_table) may be nil.
function _M.forget(state, now)
    for _, name in ipairs(SLOTS) do
        local version = state and state.slots[name].version
        if version then
            dict:safe_set(name .. " " .. version, now)
        end
    end
    local list, seen_at = pairs_known()
    for i, pair in ipairs(list) do
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

local function read(pair)
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

--- All that is known: a list of `{slot, version, requests, errors, statuses, failovers, counts, seconds, mirrored}`.
-- `statuses` are the requests by the first digit of their status, `counts` those whose latency says something, by
-- bucket (`SECONDS`, and one beyond), `seconds` the sum of their latencies, `mirrored` the copies by the first digit of
-- their status, and `failed` and `dropped`. An error is a 5xx, or a failover.
function _M.list()
    local list = pairs_known()
    table.sort(list)
    local rows = {}
    for i, pair in ipairs(list) do
        rows[i] = read(pair)
    end
    return rows
end

--- `{version -> {requests, errors, bounds, counts}}` of the slots in `state` (routing.routing_table, or nil), of both
-- where they have the same version.
function _M.by_version(state)
    local found = {}
    for _, name in ipairs(SLOTS) do
        local version = state and state.slots[name].version
        if version then
            found[version] = { requests = 0, errors = 0, bounds = _M.SECONDS, counts = {} }
            for i = 1, BUCKETS do
                found[version].counts[i] = 0
            end
        end
    end
    for _, row in ipairs(_M.list()) do
        local sums = found[row.version]
        if sums then
            sums.requests, sums.errors = sums.requests + row.requests, sums.errors + row.errors
            for i, count in ipairs(row.counts) do
                sums.counts[i] = sums.counts[i] + count
            end
        end
    end
    return found
end

--- What came of the copies for green in `state`: `{version, requests, errors, dropped}`, or nil when there were none.
function _M.mirror(state)
    local version = state and state.slots.green.version
    if not version or not dict:get("green " .. version) then
        return nil
    end
    local came = read("green " .. version).mirrored
    local sum = came.failed
    for class = 1, 5 do
        sum = sum + came[class]
    end
    if sum + came.dropped == 0 then
        return nil
    end
    return { version = version, requests = sum, errors = came[5] + came.failed, dropped = came.dropped }
end

return _M
