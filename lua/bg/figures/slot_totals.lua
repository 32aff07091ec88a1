-- Requests and errors of each slot since the proxy started, and the same by version together with what is open: what
-- goes along with a report of activity.

local counters = require("bg.lib.counters")
local workers = require("bg.workers.workers")

local RULES = { "preview", "token", "moved", "page", "pin", "credential", "migrated", "new", "retired" }

local _M = { DECISIONS = {}, ERRORS = {} }

for _, slot in ipairs({ "blue", "green" }) do
    _M.ERRORS[slot] = counters.series("bgctl_errors_total", "slot", slot)
    _M.DECISIONS[slot] = {}
    for _, rule in ipairs(RULES) do
        _M.DECISIONS[slot][rule] = counters.series("bgctl_decisions_total", "slot", slot, "reason", rule)
    end
end

--- Requests that were routed to a slot.
function _M.requests(slot)
    local sum = 0
    for _, series in pairs(_M.DECISIONS[slot]) do
        sum = sum + counters.total(series)
    end
    return sum
end

--- Those of them that were answered with a 5xx.
function _M.errors(slot)
    return counters.total(_M.ERRORS[slot])
end

--- `{version -> {open, websockets, requests, errors}}` of the slots that have one; `state` (routing.routing_table) may
-- be nil.
function _M.by_version(state)
    local found, all = {}, workers.totals(workers.list())
    for name, slot in pairs(state and state.slots or {}) do
        if slot.version then
            local sums = found[slot.version] or { open = 0, websockets = 0, requests = 0, errors = 0 }
            sums.requests = sums.requests + _M.requests(name)
            sums.errors = sums.errors + _M.errors(name)
            sums.open = sums.open + all.open[name]
            sums.websockets = sums.websockets + all.websockets[name]
            found[slot.version] = sums
        end
    end
    return found
end

return _M
