-- Requests and errors of each slot since the proxy started, for /status, and, added up by version, for the reports of
-- activity. They are counted by other rules than the figures (figures.figures):  a request counts here as soon as it is
-- routed, and an error is an answer with a 5xx, while a failover is none.

local counters = require("bg.lib.counters")
local reasons = require("bg.lib.reasons")
local slots = require("bg.lib.slots")
local workers = require("bg.workers.workers")

local ipairs, pairs = ipairs, pairs

local decisions, errors = {}, {} -- slot -> reason -> series, and slot -> series
for _, slot in ipairs(slots.SLOTS) do
    errors[slot] = counters.series("bgctl_errors_total", slot)
    decisions[slot] = {}
    for _, reason in ipairs(reasons.ALL) do
        decisions[slot][reason] = counters.series("bgctl_decisions_total", slot, reason)
    end
end

local _M = {}

--- The series (lib.counters) of requests that were routed to the slot of this name, for this reason (lib.reasons).
function _M.series(slot, reason)
    return decisions[slot][reason]
end

--- Counts a request that was routed to the slot of this name, for this reason (lib.reasons).
function _M.routed(slot, reason)
    counters.add(decisions[slot][reason])
end

--- Counts an answer with a 5xx to a request that was meant for this slot.
function _M.failed(slot)
    counters.add(errors[slot])
end

--- How many requests were routed to a slot.
function _M.requests(slot)
    local sum = 0
    for _, series in pairs(decisions[slot]) do
        sum = sum + counters.total(series)
    end
    return sum
end

--- How many of them were answered with a 5xx.
function _M.errors(slot)
    return counters.total(errors[slot])
end

--- `{version -> {open, websockets, requests, errors}}` of the slots that have a version; `open` are the requests in
-- flight. `routing` (routing.routing_table) may be nil.
function _M.by_version(routing)
    local found, all = {}, workers.totals(workers.list())
    for name, slot in pairs(routing and routing.slots or {}) do
        if slot.version then
            local sums = found[slot.version] or { open = 0, websockets = 0, requests = 0, errors = 0 }
            sums.requests = sums.requests + _M.requests(name)
            sums.errors = sums.errors + _M.errors(name)
            sums.open = sums.open + all.inflight[name]
            sums.websockets = sums.websockets + all.websockets[name]
            found[slot.version] = sums
        end
    end
    return found
end

return _M
