-- Has clients let go of the connections that they keep, when node.json asks for that: new workers take over, and nginx
-- closes what is idle in the old ones, after what is under way. On one host bgctl signals nginx itself; to the other
-- nodes of a cluster it has no way but this file.

local node_file = require("bg.node.node_file")
local workers = require("bg.workers.workers")

local worker = ngx.worker

local FIRST = 0 -- the worker that asks for new ones: one of them is enough

local seen -- how often node.json had asked when this worker last looked; nil before the first look

local _M = {}

--- Looks at what node.json says by now: with every tick of the state. What was asked before this worker began has led
-- to this worker.
function _M.tick()
    local asked = node_file.said().leave or 0
    if seen and asked > seen and worker.id() == FIRST and not worker.exiting() then
        workers.renew()
    end
    seen = asked
end

return _M
