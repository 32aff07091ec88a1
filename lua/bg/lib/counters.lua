-- Counters for Prometheus. Each worker adds up for itself and folds its sums into shared memory a few times a second,
-- so that counting costs a request one addition. All counters and their labels stand in one table: a series of any
-- other counter cannot be made, and nothing that arrives with a request can add a label.

local prometheus = require("bg.lib.prometheus")

local ngx = ngx
local error, ipairs, pairs, select = error, ipairs, pairs, select
local concat, sort = table.concat, table.sort
local match = string.match

-- The help text of each counter, then its labels.
local COUNTERS = {
    bgctl_decisions_total = { "Requests by the slot they were routed to and the rule that decided.", "slot", "reason" },
    bgctl_refused_tokens_total = { "Tokens that were treated as absent, by kind and reason.", "kind", "reason" },
    bgctl_pins_total = { "Pins made, also those that an answer did not take along." },
    bgctl_faults_total = { "Requests on which routing itself failed and the stable slot was used." },
    bgctl_errors_total = { "Requests answered with a 5xx, by the slot they were meant for.", "slot" },
    bgctl_health_checks_total = { "Health checks by the slot that was asked and what came of it.", "slot", "outcome" },
    bgctl_turned_away_total = { "Requests that the closed gate did not let through, by its mode.", "mode" },
    bgctl_limited_total = { "Requests refused because their client asks too much at a time, by limit.", "limit" },
    bgctl_migrations_total = { "Sessions that a page load has taken to the new version." },
    bgctl_refused_files_total = { "Bad contents of a file; each worker that refuses them counts one.", "file" },
    bgctl_activity_delivered_total = { "Rows of activity that the session API has taken." },
    bgctl_activity_dropped_total = {
        "Rows of activity that were not told: too many waited, or they were refused." },
    bgctl_activity_forgotten_total = { "Sessions, pages or API clients forgotten to make room for newer ones." },
}

local dict = ngx.shared.bg_metrics
local pending = {} -- series -> what this worker has yet to fold

local _M = { COUNTERS = COUNTERS }

--- The series of the counter `name` with these values of its labels, in the order of its labels. Raises where there is
-- no such counter, or where it has more labels or fewer: modules ask when they are loaded, so that nginx does not
-- start on a counter that would never be exported.
function _M.series(name, ...)
    local counter = COUNTERS[name]
    if not counter then
        error("there is no counter " .. name .. " in lib/counters.lua", 2)
    elseif select("#", ...) ~= #counter - 1 then
        error("the counter " .. name .. " has other labels", 2)
    end
    local labels = {}
    for i = 2, #counter do
        labels[#labels + 1], labels[#labels + 2] = counter[i], (select(i - 1, ...))
    end
    return prometheus.series(name, unpack(labels))
end

--- Adds `amount` to a series, or one.
function _M.add(series, amount)
    pending[series] = (pending[series] or 0) + (amount or 1)
end

--- Folds this worker's sums into shared memory. What does not fit stays pending and is tried again.
function _M.fold()
    for series, amount in pairs(pending) do
        if amount > 0 and dict:incr(series, amount, 0) then
            pending[series] = 0
        end
    end
end

--- What a series has come to, as far as workers have folded it.
function _M.total(series)
    return dict:get(series) or 0
end

-- `{series, value}` of all that was counted, by the counter's name, in the order of the series.
local function rows_by_name()
    local rows, keys = {}, dict:get_keys(0)
    sort(keys)
    for _, series in ipairs(keys) do
        local name = match(series, "^[^{]+")
        rows[name] = rows[name] or {}
        rows[name][#rows[name] + 1] = { series, dict:get(series) }
    end
    return rows
end

--- All counters as Prometheus text, by name.
function _M.text()
    local rows, names, texts = rows_by_name(), {}, {}
    for name in pairs(COUNTERS) do
        names[#names + 1] = name
    end
    sort(names)
    for _, name in ipairs(names) do
        local counter = COUNTERS[name]
        -- A counter that begins with its first event would hide that event from Prometheus' `increase`.
        local none = #counter > 1 and {} or { { name, 0 } }
        texts[#texts + 1] = prometheus.family(name, "counter", counter[1], rows[name] or none)
    end
    return concat(texts)
end

return _M
