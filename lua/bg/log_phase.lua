-- What nginx calls when a request is over (log_by_lua). What every request runs here has no loop, no pcall and no
-- metamethod in it, so that LuaJIT compiles it as one trace (docs/performance.md).

local at_hand = require("bg.lib.at_hand")
local bodies = require("bg.limits.bodies")
local checks = require("bg.health.checks")
local client_limits = require("bg.limits.clients")
local cookie_answers = require("bg.routing.cookie_answers")
local counters = require("bg.lib.counters")
local figures = require("bg.figures.figures")
local inflight = require("bg.workers.inflight")
local mirror = require("bg.routing.mirror")
local outcome = require("bg.figures.outcome")
local queue = require("bg.gate.queue")
local recorder = require("bg.activity.recorder")
local router = require("bg.routing.router")
local workers = require("bg.workers.workers")

local ngx = ngx
local exiting = ngx.worker.exiting

local _M = {}

-- In a worker that is leaving no tick publishes what has been counted, and a WebSocket may outlive the worker's last
-- tick by hours. `number` is the request's, nil where it was not counted.
local function publish(number)
    counters.fold()
    figures.fold()
    workers.publish(router.state_file)
    if number then
        recorder.left(number)
    end
end

-- Counts a request out that was counted in, and not refused by the proxy itself.
local function count(request, status)
    -- No other slot could have answered for one that is asked alone.
    local slot = request.slot
    local has_failed = status < 500 and (not slot or slot.upstream == slot.name) and at_hand.has("bg_failed")
    if has_failed and checks.up[request.name] ~= false then
        checks.hurry()
    end
    outcome.count(request, router.routing(), status, has_failed)
end

-- Counts out what phases.slot() has counted in. Returns the slot (routing.routing_table) for which the request was
-- meant, where it has seen the request.
local function count_out()
    local number, status = at_hand.number(), at_hand.status()
    local is_refused = bodies.over(number)
    local request = inflight.leave(number)
    queue.leave(number)
    if status == 429 and client_limits.refused(ngx.var) then
        is_refused = true
    end
    local slot
    if request then
        if not is_refused then
            count(request, status)
            slot = request.slot
        end
        if request.holder then
            recorder.ended(request.holder)
        end
        inflight.done(request)
    end
    if exiting() then
        publish(request and number)
    end
    return slot
end

--- Of the public server, when the answer is through.
function _M.log()
    count_out()
    cookie_answers.follow()
end

--- Of a location of `service`, whose requests are copied for a candidate.
function _M.log_and_mirror(service)
    local slot, routing = count_out(), router.routing()
    cookie_answers.follow()
    if slot and routing and mirror.is_wanted(routing) and not outcome.is_stream() then
        mirror.offer(service, slot, routing, ngx.var)
    end
end

return _M
