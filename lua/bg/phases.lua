-- What nginx calls, one function per phase; each is a thin rim around the modules that know.

local recorder = require("bg.activity.recorder")
local bodies = require("bg.limits.bodies")
local credentials = require("bg.tokens.credentials")
local crypto = require("bg.lib.crypto")
local decision = require("bg.routing.decision")
local exposition = require("bg.control.exposition")
local figures = require("bg.figures.figures")
local gate = require("bg.gate.gate")
local checks = require("bg.health.checks")
local lineage = require("bg.routing.lineage")
local counters = require("bg.lib.counters")
local mirror = require("bg.routing.mirror")
local error_page = require("bg.gate.error_page")
local inflight = require("bg.workers.inflight")
local outcome = require("bg.figures.outcome")
local page_versions = require("bg.routing.page_versions")
local preview_link = require("bg.tokens.preview_link")
local reporter = require("bg.activity.reporter")
local request = require("bg.routing.request")
local router = require("bg.routing.router")
local settings = require("bg.lib.settings")
local slot_totals = require("bg.figures.slot_totals")
local queue = require("bg.gate.queue")
local workers = require("bg.workers.workers")

local ngx = ngx
local match = string.match
local pcall, tonumber = pcall, tonumber
local exiting = ngx.worker.exiting

-- Loaded before the workers start, so that no request has to open a file for it.
require("bg.control.listener")

local STATE_SECONDS = 0.05 -- a switch is in force everywhere within two of these
local KEYS_SECONDS = 1
local ACTIVITY_SECONDS = 1
local REPORT_SECONDS = 0.5
local FORGET_SECONDS = 60
local BODIES_SECONDS = 1
local STABLE = "blue" -- what serves when nothing is known yet

local FAULTS = counters.series("bgctl_faults_total")
local PINS = counters.series("bgctl_pins_total")
local MIGRATIONS = counters.series("bgctl_migrations_total")
local turned_away = {}
for _, mode in ipairs({ "pause", "maintenance" }) do
    turned_away[mode] = counters.series("bgctl_turned_away_total", "mode", mode)
end
local decisions, errors = slot_totals.DECISIONS, slot_totals.ERRORS

local logs = false
local checks_seconds -- between two looks at the slots

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
    if router.state:poll() or exiting() then
        queue.wake()
    end
    checks.sync()
    counters.fold()
    figures.fold()
    workers.publish(router.state) -- whoever reads it knows that all before is folded
end

--- init_by_lua: settings and keys, before any worker exists. Raises: nginx does not start on bad keys.
function _M.init(settings_file)
    local given = settings.load(settings_file)
    router.init(given)
    logs = given.access_log
    page_versions.begin(given.keeps_pages, given.token_longest)
    recorder.init(given)
    reporter.init(given, function() return slot_totals.by_version(router.state.value) end)
    figures.begin(ngx.now())
    error_page.init(given)
    checks.init(given, function() return router.state.value end)
    checks_seconds = given.health_check
    exposition.init(given)
    mirror.init(given, function() return router.state.value end)
    bodies.init(given)
end

--- init_worker_by_lua: the state is read before the first accept.
function _M.init_worker()
    sync()
    bodies.init_worker()
    every(STATE_SECONDS, sync)
    every(BODIES_SECONDS, bodies.tick)
    every(KEYS_SECONDS, function() credentials.sync_keys(ngx.now()) end)
    every(ACTIVITY_SECONDS, recorder.tick)
    every(REPORT_SECONDS, reporter.catch_up)
    every(FORGET_SECONDS, function() figures.forget(router.state.value, ngx.now()) end)
    every(checks_seconds, checks.tick)
end

-- Whose request it is, for the access log; the same for a log-in's token and for the pin beside it.
local function session_hash(who)
    if not who.hash then
        who.hash = crypto.short_hash(who.pin_sid or who.sid)
    end
    return who.hash
end

local function route(is_slotted)
    local var = ngx.var
    local slot, rule, pin, holder, who, terms = router.route(request.AT_HAND, ngx.time(), is_slotted)
    if not slot then
        return STABLE, STABLE
    end
    var.bg_version, var.bg_generation = slot.version, router.state.value.generation
    local is_preview = rule == "preview"
    if slot.upstream == slot.name and not is_preview then
        var.bg_other_version = router.state.value.slots[slot.other].version
    end
    if logs then
        var.bg_reason, var.bg_session = rule, session_hash(who)
    end
    if pin then
        var.bg_pin = pin
        counters.add(PINS)
    end
    if terms then
        var.bg_pin_terms = terms
    end
    if rule == "migrated" then
        counters.add(MIGRATIONS)
    end
    counters.add(decisions[slot.name][rule])
    -- A preview shows its version, or that it fails: the other one's answer would hide that.
    return is_preview and slot.alone or decision.upstream(slot, checks.up), slot.name, holder, slot
end

-- The upstream's name, the slot's, the request's holder, and the slot (routing.routing_table), where one is known.
-- Never throws; a fault routes to the stable slot.
local function route_safely(is_slotted)
    local ok, upstream, name, holder, slot = pcall(route, is_slotted)
    if ok then
        return upstream, name, holder, slot
    end
    counters.add(FAULTS)
    ngx.log(ngx.ERR, "routing failed, the stable slot serves: ", upstream)
    local state = router.state.value
    return state and state.slots[STABLE].upstream or STABLE, STABLE
end

-- Whether the gate is closed to the request at hand.
local function is_closed()
    local state = router.state.value
    return state ~= nil and state.gate ~= nil and gate.is_closed(state.gate, ngx.var.bg_allowed ~= "")
end

-- In a worker that is leaving no timer reads the state any more. Whether this is one.
local function look_if_leaving()
    local leaving = exiting()
    if leaving then
        router.state:poll()
        checks.sync()
    end
    return leaving
end

-- Nor does one tell what has been counted, and a WebSocket may outlive it by hours.
local function tell_if_leaving()
    local leaving = exiting()
    if leaving then
        counters.fold()
        figures.fold()
        workers.publish(router.state)
    end
    return leaving
end

--- set_by_lua of a location that both slots share: the upstream's name, or "" while the gate is closed.
function _M.route()
    look_if_leaving()
    return is_closed() and "" or (route_safely(false))
end

--- set_by_lua of a slotted location: the upstream's name, with the request counted in until log(); or "" while the gate
-- is closed.
function _M.slot()
    local leaving = look_if_leaving()
    if is_closed() then
        return ""
    end
    local upstream, name, holder, slot = route_safely(true)
    local number = inflight.enter(name, ngx.var.bg_lasting ~= "", holder, slot, ngx.now())
    ngx.var.bg_open = number
    if leaving then
        workers.publish(router.state)
        if holder then
            recorder.hand_over(number, holder)
        end
    end
    return upstream
end

--- content_by_lua of the link that `bgctl preview` prints: the cookie, and on to the page.
function _M.preview()
    if ngx.var.request_method ~= "GET" then
        ngx.header.Allow = "GET"
        return ngx.exit(405)
    end
    local query, now = ngx.req.get_uri_args(10), ngx.time()
    local ask = { token = query.token, to = query.to, is_end = query["end"] ~= nil }
    local known, reason
    if not ask.is_end then
        known, reason = credentials.preview_link(ask.token, now, function(shown)
            return router.state.value ~= nil and lineage.slot_of_same(router.state.value, shown) ~= nil
        end)
    end
    local given = preview_link.answer(router.settings, ask, known, reason, now)
    ngx.status = given.status
    ngx.header["Cache-Control"] = "no-store"
    ngx.header["Set-Cookie"], ngx.header.Location = given.cookie, given.location
    ngx.header["Content-Type"] = "text/plain; charset=utf-8"
    ngx.print(given.text and given.text .. "\n" or "")
end

--- access_by_lua of a request with a large body: it is whole when this returns, or refused.
function _M.body()
    local refused = bodies.take_in()
    if refused then
        return error_page.send(refused)
    end
end

-- Waits at the gate, and has the request routed by `enter`; or turns it away.
local function wait(enter)
    local upstream
    repeat
        local verdict = queue.pass(router.state, ngx.var.bg_allowed ~= "")
        if verdict ~= "open" then
            counters.add(turned_away[verdict])
            return error_page.send(verdict)
        end
        upstream = enter()
    until upstream ~= ""
    ngx.var.bg_upstream = upstream
    if ngx.var.bg_body ~= "" then
        return _M.body()
    end
end

--- access_by_lua where route() has found the gate closed.
function _M.held_route()
    return wait(_M.route)
end

--- access_by_lua where slot() has.
function _M.held_slot()
    return wait(_M.slot)
end

-- What is wrong with a request that nginx itself has refused, by the status that it gave.
local REFUSED = { [400] = "malformed", [413] = "large_body", [431] = "large_request_headers" }

-- Whether the last server that was asked has sent more than there is room for before its headers were over.
local function are_headers_too_large(var)
    local received = tonumber(match(var.upstream_bytes_received or "", "(%d+)$"))
    return received ~= nil and received >= router.settings.header_size
end

--- content_by_lua of a request that nginx has refused, or that no slot has answered, or not in time.
function _M.unavailable()
    local var, status = ngx.var, ngx.status
    local _, has_body_alone = bodies.leave(var.bg_open) -- nothing is read of its body any more
    if REFUSED[status] then
        return error_page.send(REFUSED[status])
    elseif status == 503 then
        return error_page.send("busy", var.bg_retry_after)
    end
    local retry_after = var.bg_retry_after
    local maybe_done = retry_after == ""
    if status == 502 and are_headers_too_large(var) then
        return error_page.send("large_answer_headers", "", maybe_done)
    end
    if var.bg_open ~= "" and not has_body_alone then -- it was meant for a slot
        checks.hurry()
    end
    if status == 504 then
        return error_page.send("timeout", "", maybe_done)
    end
    return error_page.send("unavailable", retry_after, maybe_done)
end

--- log_by_lua of the public server: counts out what slot() counted in. The slot (routing.routing_table) that the
-- request was meant for, where there is one.
function _M.log()
    local var = ngx.var
    local number = var.bg_open
    local is_refused, has_body_alone = bodies.over(number)
    if number == queue.HELD then -- the client has gone
        queue.leave()
        number = ""
    elseif has_body_alone then -- of a service without slots
        number = ""
    end
    if not number or number == "" then
        tell_if_leaving()
        return
    end
    local name, holder, slot, began = inflight.leave(number)
    local status = ngx.status
    if is_refused then -- the slot has not seen it
        slot = nil
    elseif status >= 500 then
        counters.add(errors[name])
    elseif var.bg_failed ~= "" and checks.up[name] ~= false then
        checks.hurry()
    end
    if slot then
        outcome.count(slot, router.state.value, status, began, status < 500 and var.bg_failed ~= "", var)
    end
    if holder then
        recorder.ended(holder)
    end
    if tell_if_leaving() then
        recorder.left(number)
    end
    return slot
end

--- log_by_lua of a location of `service`, which is mirrored.
function _M.log_and_mirror(service)
    local slot = _M.log()
    if slot and router.state.value and not outcome.is_stream(ngx.var) then
        mirror.offer(service, slot, router.state.value, ngx.var)
    end
end

return _M
