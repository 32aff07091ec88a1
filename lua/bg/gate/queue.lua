-- Requests of this worker that are held at the gate. They sleep until the state changes or the pause is over; one whose
-- client has gone is let go in the log phase.

local gate = require("bg.gate.gate")
local semaphore = require("ngx.semaphore")

local ngx = ngx
local max = math.max
local exiting = ngx.worker.exiting

local MOST = 1000 -- a quarter of the worker's connections: each that is let through needs a second one
local LOOK = 0.2 -- seconds; in a worker that is leaving no tick reads the state

local woken = semaphore.new()
local held = 0

local _M = { HELD = "held" }

--- How many are held.
function _M.count()
    return held
end

--- The state has changed: everybody looks again.
function _M.wake()
    if held > 0 then
        woken:post(held)
    end
end

--- One is held no longer.
function _M.leave()
    held = held - 1
end

-- In a worker that is leaving, the waiting read the state themselves: one of them does for all.
local function look(state)
    if exiting() and ngx.now() - state.good_at >= LOOK then
        state:poll()
    end
end

local function sleep(state)
    local left = max(0.001, state.value.gate.ends - ngx.now())
    woken:wait(exiting() and LOOK or left)
    look(state)
end

--- Waits for as long as the request is to be held. `state` is the watched state file. "open", or what it is turned
-- away for (gate.gate). Its client may go meanwhile: `$bg_open` tells the log phase that it was held.
function _M.pass(state, is_allowed)
    local verdict = gate.verdict(state.value.gate, is_allowed, held >= MOST, ngx.now())
    if verdict ~= "hold" then
        return verdict
    end
    held = held + 1
    ngx.var.bg_open = _M.HELD
    repeat
        sleep(state)
        verdict = gate.verdict(state.value.gate, is_allowed, false, ngx.now())
    until verdict ~= "hold"
    ngx.var.bg_open = ""
    _M.leave()
    return verdict
end

return _M
