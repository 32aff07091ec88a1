-- Holds requests of this worker at the closed gate. They sleep until the state changes or the pause is over. A request
-- whose client has gone is let go in the log phase.

local at_hand = require("bg.lib.at_hand")
local gate = require("bg.gate.gate")
local semaphore = require("ngx.semaphore")

local ngx = ngx
local max = math.max
local exiting = ngx.worker.exiting

local MOST = 1000 -- a quarter of the worker's connections: each that is let through needs a second one
local LOOK = 0.2 -- seconds between two looks at the state in a worker that is leaving, which has no ticks

local woken = semaphore.new()
local held = 0
local numbers = {} -- of the requests that are held (lib.at_hand) -> true

local _M = {}

--- How many requests are held.
function _M.count()
    return held
end

--- The state has changed: every request that is held looks at the gate again.
function _M.wake()
    if held > 0 then
        woken:post(held)
    end
end

--- The request with this number is over, or is held no longer. Returns whether it was held until now.
function _M.leave(number)
    if held == 0 or not numbers[number] then
        return false
    end
    numbers[number] = nil
    held = held - 1
    return true
end

-- In a worker that is leaving, requests that are held read the state themselves; one of them does it for all.
local function look(state_file)
    if exiting() and ngx.now() - state_file.good_at >= LOOK then
        state_file:poll()
    end
end

local function sleep(state_file)
    local left = max(0.001, state_file.value.gate.ends - ngx.now())
    woken:wait(exiting() and LOOK or left)
    look(state_file)
end

--- Waits for as long as the request at hand is to be held. Returns "open", or the mode for which it is turned away
-- (gate.gate). Its client may go away meanwhile: then leave() lets it go. `state_file` is the hot file with the routing
-- table.
function _M.pass(state_file, is_allowed)
    local verdict = gate.verdict(state_file.value.gate, is_allowed, held >= MOST, ngx.now())
    if verdict ~= "hold" then
        return verdict
    end
    local number = at_hand.number()
    held = held + 1
    numbers[number] = true
    repeat
        sleep(state_file)
        verdict = gate.verdict(state_file.value.gate, is_allowed, false, ngx.now())
    until verdict ~= "hold"
    _M.leave(number)
    return verdict
end

return _M
