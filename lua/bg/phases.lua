-- What nginx calls, one function per phase; each is a thin rim around the modules that know.

local metrics = require("bg.metrics")
local open = require("bg.open")
local router = require("bg.router")
local settings = require("bg.settings")
local workers = require("bg.workers")

local ngx = ngx
local pcall = pcall
local exiting = ngx.worker.exiting

-- Loaded before the workers start, so that no request has to open a file for it.
require("bg.control")

local STATE_SECONDS = 0.05 -- a switch is in force everywhere within two of these
local KEYS_SECONDS = 1
local STABLE = "blue" -- what serves when nothing is known yet

local FAULTS = metrics.series("bgctl_faults_total")
local PINS = metrics.series("bgctl_pins_total")
local decisions, failovers = {}, {}
for _, slot in ipairs({ "blue", "green" }) do
    failovers[slot] = metrics.series("bgctl_failovers_total", "slot", slot)
    decisions[slot] = {}
    for _, rule in ipairs({ "token", "pin", "new", "retired" }) do
        decisions[slot][rule] = metrics.series("bgctl_decisions_total", "slot", slot, "reason", rule)
    end
end

local _M = {}

-- Runs `work` on every tick, and in a worker's last one. A tick that fails is logged; the next one comes all the same.
local function every(seconds, work)
    local ok, err = ngx.timer.every(seconds, function()
        local done, why = pcall(work)
        if not done then
            ngx.log(ngx.ERR, "timer: ", why)
        end
    end)
    if not ok then
        error("cannot start a timer: " .. err, 0)
    end
end

local function sync()
    router.state:poll()
    workers.publish(router.state)
    metrics.fold()
end

--- init_by_lua: settings and keys, before any worker exists. Raises: nginx does not start on bad keys.
function _M.init(settings_file)
    router.init(settings.load(settings_file))
end

--- init_worker_by_lua: the state is read before the first accept.
function _M.init_worker()
    sync()
    every(STATE_SECONDS, sync)
    every(KEYS_SECONDS, router.sync_keys)
end

local function route()
    local var = ngx.var
    local slot, rule, pin = router.route(var.http_authorization, var.http_cookie, ngx.time())
    if not slot then
        return STABLE, STABLE
    end
    var.bg_version = slot.version
    if slot.upstream == slot.name then
        var.bg_other_version = router.state.value.slots[slot.name == "blue" and "green" or "blue"].version
    end
    if pin then
        var.bg_pin = pin
        metrics.add(PINS)
    end
    metrics.add(decisions[slot.name][rule])
    return slot.upstream, slot.name
end

--- set_by_lua of a location that both slots share: the upstream's name, and the slot's. Never throws; a fault routes to
-- the stable slot.
function _M.route()
    local ok, upstream, slot = pcall(route)
    if ok then
        return upstream, slot
    end
    metrics.add(FAULTS)
    ngx.log(ngx.ERR, "routing failed, the stable slot serves: ", upstream)
    return STABLE, STABLE
end

--- set_by_lua of a slotted location: the upstream's name, with the request counted in until log().
function _M.slot()
    local leaving = exiting()
    if leaving then -- no timer reads the state for it any more
        router.state:poll()
    end
    local upstream, slot = _M.route()
    ngx.var.bg_open = open.enter(slot, ngx.var.bg_upgrade ~= "")
    if leaving then
        workers.publish(router.state)
    end
    return upstream
end

--- log_by_lua of the public server: counts out what slot() counted in.
function _M.log()
    local var = ngx.var
    local tag = var.bg_open
    if not tag or tag == "" then
        return
    end
    open.leave(tag)
    local failed = var.bg_failed
    if failed ~= "" and ngx.status < 500 then
        metrics.add(failovers[failed])
    end
    if exiting() then -- no timer ticks in a worker that is leaving, and its WebSockets may outlive it by hours
        workers.publish(router.state)
    end
end

return _M
