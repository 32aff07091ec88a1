-- In a worker that is measured (tests/bench/allocated.py): how many bytes each of the functions allocates that nginx
-- calls for a request. The collector is stopped anew each time: once is not enough, it works again between requests.

local log_phase = require("bg.log_phase")
local phases = require("bg.phases")

local ngx = ngx
local memory = collectgarbage

local taken = { slot = 0, log = 0 } -- KiB, by function

local function watch(module, name)
    local inner = module[name]
    module[name] = function(argument)
        memory("stop")
        local before = memory("count")
        local answer = inner(argument)
        taken[name] = taken[name] + memory("count") - before
        return answer
    end
end

local _M = {}

--- init_worker_by_lua.
function _M.begin()
    watch(phases, "slot")
    watch(log_phase, "log")
    package.loaded.allocated = _M
end

--- content_by_lua: how much so far; lets the collector work.
function _M.show()
    memory("restart")
    ngx.say(taken.slot, " ", taken.log)
end

return _M
