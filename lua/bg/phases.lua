-- What nginx calls for requests, one function per phase; each is a thin rim around the modules that know.

local bodies = require("bg.limits.bodies")
local checks = require("bg.health.checks")
local client_limits = require("bg.limits.clients")
local counters = require("bg.lib.counters")
local cookie_answers = require("bg.routing.cookie_answers")
local error_page = require("bg.gate.error_page")
local figures = require("bg.figures.figures")
local gate = require("bg.gate.gate")
local inflight = require("bg.workers.inflight")
local mirror = require("bg.routing.mirror")
local names = require("bg.lib.names")
local outcome = require("bg.figures.outcome")
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

-- Sets the variables in which nginx has what was decided (nginx/public.conf.j2).
local function tell_nginx(decision, var)
    local slot, routing = decision.slot, router.routing()
    var.bg_version, var.bg_generation = slot.version, routing.generation
    if slot.upstream == slot.name and decision.reason ~= PREVIEW then
        var.bg_other_version = routing.slots[slot.other].version
    end
    if logs then
        var.bg_reason, var.bg_session = decision.reason, names.in_log(decision.identity)
    end
    if decision.cookie then
        var.bg_pin = decision.cookie
        counters.add(PINS)
    end
    if decision.terms then
        var.bg_pin_terms = decision.terms
    end
end

-- The upstream for the request at hand, and the decision (routing.router), nil while no state has been read yet.
local function route(is_slotted)
    local decision = router.route(request.AT_HAND, ngx.time(), is_slotted)
    if not decision then
        return STABLE
    end
    local slot, reason = decision.slot, decision.reason
    tell_nginx(decision, ngx.var)
    if reason == MIGRATED then
        counters.add(MIGRATIONS)
    end
    slot_totals.routed(slot.name, reason)
    -- A preview shows its version, or that the version fails: an answer of the other slot would hide that.
    return reason == PREVIEW and slot.alone or rules.upstream(slot, checks.up), decision
end

-- The same, without a decision where routing fails: then the stable slot serves. Never throws.
local function route_safely(is_slotted)
    local ok, upstream, decision = pcall(route, is_slotted)
    if ok then
        return upstream, decision
    end
    counters.add(FAULTS)
    ngx.log(ngx.ERR, "routing failed, the stable slot serves: ", upstream)
    local routing = router.routing()
    return routing and routing.slots[STABLE].upstream or STABLE
end

-- Whether the gate is closed to the request at hand.
local function is_closed()
    local routing = router.routing()
    return routing ~= nil and routing.gate ~= nil and gate.is_closed(routing.gate, ngx.var.bg_allowed ~= "")
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

-- Nor is there a tick that publishes what has been counted, and a WebSocket may outlive its worker's last tick by
-- hours.
local function publish_if_leaving()
    local leaving = exiting()
    if leaving then
        counters.fold()
        figures.fold()
        workers.publish(router.state_file)
    end
    return leaving
end

--- set_by_lua of a location that both slots share. Returns the upstream's name, or "" while the gate is closed.
function _M.route()
    look_if_leaving()
    return is_closed() and "" or (route_safely(false))
end

--- set_by_lua of a slotted location. Returns the upstream's name, and counts the request as in flight until log(); or
-- returns "" while the gate is closed.
function _M.slot()
    local leaving = look_if_leaving()
    if is_closed() then
        return ""
    end
    local upstream, decision = route_safely(true)
    local slot, holder
    if decision then
        slot, holder = decision.slot, decision.holder
    end
    local number = inflight.enter(slot and slot.name or STABLE, ngx.var.bg_lasting ~= "", holder, slot, ngx.now())
    ngx.var.bg_inflight = number
    if leaving then
        workers.publish(router.state_file)
        if holder then
            recorder.hand_over(number, holder)
        end
    end
    return upstream
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

-- Waits at the gate until it opens, and then has the request routed by `enter`; or turns the request away.
local function wait(enter, most)
    local upstream
    repeat
        local verdict = queue.pass(router.state_file, ngx.var.bg_allowed ~= "")
        if verdict ~= "open" then
            counters.add(TURNED_AWAY[verdict])
            return error_page.send(verdict)
        end
        upstream = enter()
    until upstream ~= ""
    ngx.var.bg_upstream = upstream
    if ngx.var.bg_body == "large" then
        return _M.body(most)
    end
end

--- access_by_lua where route() has found the gate closed.
function _M.held_route(most)
    return wait(_M.route, most)
end

--- access_by_lua where slot() has found the gate closed, and of files, where it may have found it open.
function _M.held_slot(most)
    if ngx.var.bg_upstream == "" then
        return wait(_M.slot, most)
    end
end

-- The number of the request at hand among those in flight, and whether it was refused for its body. The number is nil
-- where the request was not counted: its client has gone while it was held, or its service has no slots.
local function number_of(var)
    local number = var.bg_inflight
    local is_refused, has_body_alone = bodies.over(number)
    if number == queue.HELD then
        queue.leave()
        return nil
    elseif has_body_alone or number == "" then
        return nil
    end
    return number, is_refused
end

-- Counts out what slot() has counted in. Returns what log() does.
local function count_out(var)
    local status = ngx.status
    local number, is_refused = number_of(var)
    is_refused = is_refused or status == 429 and client_limits.refused(var)
    if not number then
        publish_if_leaving()
        return
    end
    local over = inflight.leave(number)
    if not is_refused then
        if status < 500 and var.bg_failed ~= "" and checks.up[over.name] ~= false then
            checks.hurry()
        end
        outcome.count(over, router.routing(), status, var)
    end
    if over.holder then
        recorder.ended(over.holder)
    end
    if publish_if_leaving() then
        recorder.left(number)
    end
    return not is_refused and over.slot or nil
end

--- log_by_lua of the public server, when the answer is through. Returns the slot (routing.routing_table) for which the
-- request was meant, where it has seen the request.
function _M.log()
    local var = ngx.var
    local slot = count_out(var)
    cookie_answers.follow(var)
    return slot
end

--- log_by_lua of a location of `service`, whose requests are copied for a candidate.
function _M.log_and_mirror(service)
    local slot, routing = _M.log(), router.routing()
    if slot and routing and not outcome.is_stream(ngx.var) then
        mirror.offer(service, slot, routing, ngx.var)
    end
end

return _M
