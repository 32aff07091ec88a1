-- What every worker has applied and has in flight, for the control listener to add up. Each worker publishes one line
-- under its own pid, with generation and counts together: a reader never pairs an old count with a new generation.

local ffi = require("ffi")
local open = require("bg.workers.open")
local queue = require("bg.gate.queue")

local ngx = ngx
local max, min = math.max, math.min
local format, match = string.format, string.match
local ipairs, pairs, tonumber = ipairs, pairs, tonumber

ffi.cdef("int kill(int pid, int signal); int getppid(void);")

local ESRCH = 3
local SIGHUP = 1
-- Generation, whether it is exiting, when the state was last good, requests and WebSockets of blue, of green and of the
-- services that are both's, how many requests it holds at the gate, and whether its node is drained.
local LINE = "^(%d+) (%d) (%d+%.%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d)$"
local NONE = {}

local dict = ngx.shared.bg_workers

local _M = {}

--- Whether a process of this host lives.
function _M.is_alive(pid)
    return ffi.C.kill(pid, 0) == 0 or ffi.errno() ~= ESRCH
end

--- Has nginx start new workers in the place of all that there are, as a reload does. Its first process and the workers
-- are of one user.
function _M.renew()
    if ffi.C.kill(ffi.C.getppid(), SIGHUP) ~= 0 then
        ngx.log(ngx.ERR, "cannot have new workers take over: error ", ffi.errno(), " of kill")
    end
end

--- Publishes this worker's line. `state_file` is the hot file with the routing table. `is_drained`: whether the worker
-- goes by a node.json that drains the node (node.node_file); nothing is asked of that in a worker that is leaving.
function _M.publish(state_file, is_drained)
    local generation = state_file.value and state_file.value.generation or 0
    local exiting = ngx.worker.exiting() and 1 or 0
    local unchanged = state_file.value and state_file.value.unchanged or NONE
    local blue, blue_websockets, of_blue, of_blue_websockets = open.of("blue", unchanged)
    local green, green_websockets, of_green, of_green_websockets = open.of("green", unchanged)
    local ok, err = dict:safe_set(ngx.worker.pid(), format("%d %d %.3f %d %d %d %d %d %d %d %d",
        generation, exiting, state_file.good_at, blue, blue_websockets, green, green_websockets,
        of_blue + of_green, of_blue_websockets + of_green_websockets, queue.count(), is_drained and 1 or 0))
    if not ok then
        ngx.log(ngx.ERR, "cannot publish this worker's state: ", err)
    end
end

local function parse(pid, line)
    local generation, exiting, good_at, blue, blue_websockets, green, green_websockets, both, both_websockets, held,
        drained = match(line, LINE)
    return {
        pid = pid,
        generation = tonumber(generation),
        exiting = exiting == "1",
        good_at = tonumber(good_at),
        inflight = { blue = tonumber(blue), green = tonumber(green), both = tonumber(both) },
        websockets = {
            blue = tonumber(blue_websockets), green = tonumber(green_websockets),
            both = tonumber(both_websockets),
        },
        held = tonumber(held),
        is_drained = drained == "1",
    }
end

--- All living workers by pid, those that are leaving included: a list of `{pid, generation, exiting, good_at, inflight,
-- websockets, held, is_drained}`. The requests of a dead worker died with it: its line is dropped.
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

--- The sums of a list(): requests (`inflight`) and `websockets` by slot, and of the services that are `both`'s;
-- how many are `held` at the gate; and, of the workers that still take requests, the `lowest` (nil: there is no such
-- worker) and the `highest` generation, and `age`, the most seconds since one of them last read a good state.
function _M.totals(list)
    local sums = {
        inflight = { blue = 0, green = 0, both = 0 }, websockets = { blue = 0, green = 0, both = 0 },
        held = 0, highest = 0, age = 0,
    }
    for _, worker in ipairs(list) do
        for slot in pairs(sums.inflight) do
            sums.inflight[slot] = sums.inflight[slot] + worker.inflight[slot]
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
