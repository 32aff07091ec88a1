-- What every worker has applied and holds open, for the control listener to add up. Each publishes one line under its
-- own pid: generation and counts together, so that a reader never pairs an old count with a new generation.

local ffi = require("ffi")
local inflight = require("bg.workers.inflight")
local queue = require("bg.gate.queue")

local ngx = ngx
local max, min = math.max, math.min
local format, match = string.format, string.match
local ipairs, pairs, tonumber = ipairs, pairs, tonumber

ffi.cdef("int kill(int pid, int signal);")

local ESRCH = 3
local LINE = "^(%d+) (%d) (%d+%.%d+) (%d+) (%d+) (%d+) (%d+) (%d+)$"

local dict = ngx.shared.bg_workers

local _M = {}

--- Whether a process of this host lives.
function _M.is_alive(pid)
    return ffi.C.kill(pid, 0) == 0 or ffi.errno() ~= ESRCH
end

--- Publishes this worker's line. `state` is the watched state file.
function _M.publish(state)
    local generation = state.value and state.value.generation or 0
    local exiting = ngx.worker.exiting() and 1 or 0
    local blue, blue_websockets = inflight.of("blue")
    local green, green_websockets = inflight.of("green")
    local ok, err = dict:safe_set(ngx.worker.pid(), format("%d %d %.3f %d %d %d %d %d",
        generation, exiting, state.good_at, blue, blue_websockets, green, green_websockets, queue.count()))
    if not ok then
        ngx.log(ngx.ERR, "cannot publish this worker's state: ", err)
    end
end

local function parse(pid, line)
    local generation, exiting, good_at, blue, blue_websockets, green, green_websockets, held = match(line, LINE)
    return {
        pid = pid,
        generation = tonumber(generation),
        exiting = exiting == "1",
        good_at = tonumber(good_at),
        open = { blue = tonumber(blue), green = tonumber(green) },
        websockets = { blue = tonumber(blue_websockets), green = tonumber(green_websockets) },
        held = tonumber(held),
    }
end

--- All living workers, exiting ones too, by pid. What a dead worker had open died with it: its line is dropped.
function _M.list()
    local list = {}
    for _, pid in ipairs(dict:get_keys(0)) do
        pid = tonumber(pid)
        local line = dict:get(pid)
        if not _M.is_alive(pid) then
            dict:delete(pid)
        elseif line then
            list[#list + 1] = parse(pid, line)
        end
    end
    table.sort(list, function(a, b) return a.pid < b.pid end)
    return list
end

--- What a list() comes to: `open` and `websockets` by slot, and `held`, of all; of the workers that take requests the
-- `lowest` (nil: there is none) and the `highest` generation, and `age`: the most seconds since one of them has read a
-- good state.
function _M.totals(list)
    local sums = {
        open = { blue = 0, green = 0 }, websockets = { blue = 0, green = 0 },
        held = 0, highest = 0, age = 0,
    }
    for _, worker in ipairs(list) do
        for slot in pairs(sums.open) do
            sums.open[slot] = sums.open[slot] + worker.open[slot]
            sums.websockets[slot] = sums.websockets[slot] + worker.websockets[slot]
        end
        sums.held = sums.held + worker.held
        if not worker.exiting then
            sums.lowest = min(sums.lowest or worker.generation, worker.generation)
            sums.highest = max(sums.highest, worker.generation)
            sums.age = max(sums.age, ngx.now() - worker.good_at)
        end
    end
    return sums
end

return _M
