-- What nginx calls for requests on their way, one function per phase; each is a thin rim around the modules that know.
-- What it calls when they are over is in bg.log_phase.

local at_hand = require("bg.lib.at_hand")
local bodies = require("bg.limits.bodies")
local checks = require("bg.health.checks")
local counters = require("bg.lib.counters")
local error_page = require("bg.gate.error_page")
local gate = require("bg.gate.gate")
local inflight = require("bg.workers.inflight")
local names = require("bg.lib.names")
local queue = require("bg.gate.queue")
local reasons = require("bg.lib.reasons")
local replicas = require("bg.routing.replicas")
local recorder = require("bg.activity.recorder")
local request = require("bg.routing.request")
local router = require("bg.routing.router")
local rules = require("bg.routing.rules")
local slot_totals = require("bg.figures.slot_totals")
local workers = require("bg.workers.workers")

local ngx = ngx
local pcall = pcall
local exiting = ngx.worker.exiting

local format = string.format
local PREVIEW, MIGRATED = reasons.PREVIEW, reasons.MIGRATED
local STABLE = "blue" -- the slot that serves when nothing is known yet

local FAULTS = counters.series("bgctl_faults_total")
local PINS = counters.series("bgctl_pins_total")
local MIGRATIONS = counters.series("bgctl_migrations_total")
local TURNED_AWAY = { pause = counters.series("bgctl_turned_away_total", "pause") }
TURNED_AWAY.maintenance = counters.series("bgctl_turned_away_total", "maintenance")

local logs = false -- whether there is an access log

local _M = {}

--- Begins with these settings (lib.settings), before there are workers.
function _M.init(settings)
    logs = settings.access_log
end

local NONE = {}

-- The services that the release under way leaves unchanged, `{service -> true}`.
local function unchanged_now()
    local routing = router.routing()
    return routing and routing.unchanged or NONE
end

-- Where the request goes; `other` is nil or false where no other slot may answer it.
local function tell_place(version, generation, other)
    at_hand.set("bg_version", version)
    at_hand.set("bg_generation", generation)
    if other then
        at_hand.set("bg_other_version", other)
    end
end

local function tell_log(reason, identity)
    at_hand.set("bg_reason", reason)
    at_hand.set("bg_session", names.in_log(identity))
end

-- Sets the variables in which nginx has what was decided (nginx/public.conf.j2).
local function tell_nginx(decision)
    local slot, routing = decision.slot, router.routing()
    local has_other = slot.upstream == slot.name and decision.reason ~= PREVIEW
    tell_place(slot.version, format("%d", decision.generation), has_other and routing.slots[slot.other].version)
    if logs then
        tell_log(decision.reason, decision.identity)
    end
    if decision.cookie then
        at_hand.set("bg_pin", decision.cookie)
        counters.add(PINS)
    end
    if decision.terms then
        at_hand.set("bg_pin_terms", decision.terms)
    end
end

-- The upstream for the request at hand to `service`, nil where slots have none of it; and the decision
-- (routing.router), nil while no state has been read yet.
local function route(service)
    local is_slotted = service ~= nil
    local decision = router.route(request.AT_HAND, ngx.time(), is_slotted)
    if not decision then
        return STABLE
    end
    local slot, reason = decision.slot, decision.reason
    tell_nginx(decision)
    if reason == MIGRATED then
        counters.add(MIGRATIONS)
    end
    slot_totals.routed(slot.name, reason)
    local unchanged = unchanged_now()
    -- A preview shows its version, or that the version fails: an answer of the other slot would hide that.
    if reason == PREVIEW and not unchanged[service] then
        return slot.alone, decision
    end
    return rules.upstream(slot, service, unchanged, checks.up), decision
end

-- The same, without a decision where routing fails: then the stable slot serves. Never throws.
local function route_safely(service)
    local ok, upstream, decision = pcall(route, service)
    if ok then
        return upstream, decision
    end
    counters.add(FAULTS)
    ngx.log(ngx.ERR, "routing failed, the stable slot serves: ", upstream)
    local routing = router.routing()
    return routing and routing.slots[STABLE].upstream or STABLE
end

-- Whether there is a gate, which may be closed to the request at hand.
local function is_gated()
    local routing = router.routing()
    return routing ~= nil and routing.gate ~= nil
end

-- Whether the gate is closed to the request at hand.
local function is_closed()
    return is_gated() and gate.is_closed(router.routing().gate, ngx.var.bg_allowed ~= "")
end

-- A worker that is leaving has no more ticks: there each request reads the state. Returns whether the worker is
-- leaving.
local function look_if_leaving()
    local leaving = exiting()
    if leaving then
        router.state_file:poll()
        checks.sync()
    end
    return leaving
end

--- set_by_lua of a location that both slots share. Returns the upstream's name, or "" while the gate is closed.
function _M.route()
    look_if_leaving()
    return is_closed() and "" or (route_safely(nil))
end

-- Decides about the request at hand anew. Returns what slot() does.
local function slot_anew(service)
    local leaving = look_if_leaving()
    if is_closed() then
        return ""
    end
    local upstream, decision = route_safely(service)
    local slot, holder, number
    if decision then
        slot, holder = decision.slot, decision.holder
    end
    number = at_hand.number()
    local name = slot and slot.name or STABLE
    inflight.enter(number, name, service, at_hand.has("bg_lasting"), holder, slot, ngx.now())
    if leaving then
        workers.publish(router.state_file)
        if holder then
            recorder.hand_over(number, holder)
        end
    end
    return upstream
end

-- Puts a decision that was kept (routing.decision_cache) into effect. Returns what slot() does.
local function slot_again(kept, holder, service)
    local way = kept.way
    local slot = way.slot
    tell_place(way.version, way.generation, way.other_version)
    if logs then
        tell_log(way.reason, kept)
    end
    counters.add(way.series)
    inflight.enter(at_hand.number(), slot.name, service, kept.is_lasting == true, holder, slot, ngx.now())
    return rules.upstream(slot, service, unchanged_now(), checks.up)
end

--- set_by_lua of a location of `service`, which is slotted. Returns the upstream's name, and counts the request as in
-- flight until it is logged (bg.log_phase); or returns "" while the gate is closed. Most requests take the first way,
-- which LuaJIT compiles: there is no loop, no pcall and no metamethod on it.
function _M.slot(service)
    if not exiting() and not is_gated() then
        local kept, holder = router.again(request.AT_HAND, ngx.time())
        if kept then
            return slot_again(kept, holder, service)
        end
    end
    return slot_anew(service)
end

--- access_by_lua of a request with a large body: when this returns, the body is whole, or the request is refused.
-- `most` is the limit of its service (limits.bodies).
function _M.body(most)
    local refused = bodies.take_in(most)
    return refused and error_page.send(refused)
end

--- balancer_by_lua of a service with replicas: names the one that is asked (routing.replicas).
function _M.balance(service, own, other)
    replicas.balance(service, own, other)
end

-- Waits at the gate until it opens, and then has the request routed by `enter`, which is told its `service`; or turns
-- the request away.
local function wait(enter, service, most)
    local upstream
    repeat
        local verdict = queue.pass(router.state_file, ngx.var.bg_allowed ~= "")
        if verdict ~= "open" then
            counters.add(TURNED_AWAY[verdict])
            return error_page.send(verdict)
        end
        upstream = enter(service)
    until upstream ~= ""
    ngx.var.bg_upstream = upstream
    if ngx.var.bg_body == "large" then
        return _M.body(most)
    end
end

--- access_by_lua where route() has found the gate closed.
function _M.held_route(most)
    return wait(_M.route, nil, most)
end

--- access_by_lua where slot() has found the gate closed, and of files, where it may have found it open.
function _M.held_slot(most, service)
    if ngx.var.bg_upstream == "" then
        return wait(_M.slot, service, most)
    end
end

return _M
