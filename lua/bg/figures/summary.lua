-- Sums up what was recorded (figures.figures): for metrics by slot and version, for /status by version.

local figures = require("bg.figures.figures")
local slots = require("bg.lib.slots")

local ipairs = ipairs

local _M = {}

--- All that is known, a list of rows (figures.figures) in the order of slots and versions.
function _M.list()
    local rows = {}
    for i, pair in ipairs(figures.pairs()) do
        rows[i] = figures.read(pair)
    end
    return rows
end

--- `{version -> {requests, errors, bounds, counts}}` of the versions in `routing` (routing.routing_table, or nil); the
-- sums of both slots, also those from when the other slot served it. `bounds` are those of `counts`, in seconds.
function _M.by_version(routing)
    local found = {}
    for _, name in ipairs(slots.SLOTS) do
        local version = routing and routing.slots[name].version
        if version then
            found[version] = { requests = 0, errors = 0, bounds = figures.SECONDS, counts = {} }
            for i = 1, figures.BUCKETS do
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

--- What came of the copies for green in `routing`: `{version, requests, errors, dropped}`; nil when there were none.
function _M.mirror(routing)
    local version = routing and routing.slots.green.version
    if not version then
        return nil
    end
    local came = figures.read("green " .. version).mirrored
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
