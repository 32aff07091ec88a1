-- What nginx calls, one function per phase; each is a thin rim around the modules that know.

local activity = require("bg.activity")
local credentials = require("bg.credentials")
local metrics = require("bg.metrics")
local open = require("bg.open")
local pages = require("bg.pages")
local preview = require("bg.preview")
local report = require("bg.report")
local router = require("bg.router")
local settings = require("bg.settings")
local slot_totals = require("bg.slot_totals")
local workers = require("bg.workers")

local ngx = ngx
local pcall = pcall
local exiting = ngx.worker.exiting

-- Loaded before the workers start, so that no request has to open a file for it.
require("bg.control")

local STATE_SECONDS = 0.05 -- a switch is in force everywhere within two of these
local KEYS_SECONDS = 1
local ACTIVITY_SECONDS = 1
local REPORT_SECONDS = 0.5
local NO_REFERRER = "no-referrer"
local STABLE = "blue" -- what serves when nothing is known yet

local FAULTS = metrics.series("bgctl_faults_total")
local PINS = metrics.series("bgctl_pins_total")
local MIGRATIONS = metrics.series("bgctl_migrations_total")
local failovers = {}
for _, slot in ipairs({ "blue", "green" }) do
    failovers[slot] = metrics.series("bgctl_failovers_total", "slot", slot)
end
local decisions, errors = slot_totals.DECISIONS, slot_totals.ERRORS

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
    local given = settings.load(settings_file)
    router.init(given)
    pages.begin(given.keeps_pages)
    activity.init(given)
    report.init(given, function() return slot_totals.by_version(router.state.value) end)
end

--- init_worker_by_lua: the state is read before the first accept.
function _M.init_worker()
    sync()
    every(STATE_SECONDS, sync)
    every(KEYS_SECONDS, credentials.sync_keys)
    every(ACTIVITY_SECONDS, activity.tick)
    every(REPORT_SECONDS, report.catch_up)
end

-- What routing may want to know of the request at hand, read when it is asked for.
local request = {
    authorization = function() return ngx.var.http_authorization end,
    cookie = function() return ngx.var.http_cookie end,
    method = function() return ngx.var.request_method end,
    path = function() return ngx.var.request_uri end,
    host = function() return ngx.var.http_host end,
    accept = function() return ngx.var.http_accept end,
    referer = function() return ngx.var.http_referer end,
    mode = function() return ngx.var.http_sec_fetch_mode end,
    destination = function() return ngx.var.http_sec_fetch_dest end,
    site = function() return ngx.var.http_sec_fetch_site end,
    purpose = function() return ngx.var.http_sec_purpose or ngx.var.http_purpose end,
}

local function route(is_slotted)
    local var = ngx.var
    local slot, rule, pin, holder = router.route(request, ngx.time(), is_slotted)
    if not slot then
        return STABLE, STABLE
    end
    var.bg_version = slot.version
    -- A preview shows its version, or that it fails: the other one's answer would hide that.
    local upstream = rule == "preview" and slot.alone or slot.upstream
    if upstream == slot.name then
        var.bg_other_version = router.state.value.slots[slot.name == "blue" and "green" or "blue"].version
    end
    if pin then
        var.bg_pin = pin
        metrics.add(PINS)
    end
    if rule == "migrated" then
        metrics.add(MIGRATIONS)
    end
    metrics.add(decisions[slot.name][rule])
    return upstream, slot.name, holder
end

-- The upstream's name, the slot's, and the request's holder. Never throws; a fault routes to the stable slot.
local function route_safely(is_slotted)
    local ok, upstream, slot, holder = pcall(route, is_slotted)
    if ok then
        return upstream, slot, holder
    end
    metrics.add(FAULTS)
    ngx.log(ngx.ERR, "routing failed, the stable slot serves: ", upstream)
    return STABLE, STABLE
end

--- set_by_lua of a location that both slots share: the upstream's name.
function _M.route()
    return (route_safely(false))
end

--- set_by_lua of a slotted location: the upstream's name, with the request counted in until log().
function _M.slot()
    local leaving = exiting()
    if leaving then -- no timer reads the state for it any more
        router.state:poll()
    end
    local upstream, slot, holder = route_safely(true)
    local number = open.enter(slot, ngx.var.bg_upgrade ~= "", holder)
    ngx.var.bg_open = number
    if leaving then
        workers.publish(router.state)
        if holder then
            activity.hand_over(number, holder)
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
        known, reason = credentials.preview_link(ask.token, now, function(version)
            return router.state.value ~= nil and router.state.value.by_version[version] ~= nil
        end)
    end
    local given = preview.answer(router.settings, ask, known, reason, now)
    ngx.status = given.status
    ngx.header["Cache-Control"] = "no-store"
    ngx.header["Referrer-Policy"] = NO_REFERRER
    ngx.header["Set-Cookie"], ngx.header.Location = given.cookie, given.location
    ngx.header["Content-Type"] = "text/plain; charset=utf-8"
    ngx.print(given.text and given.text .. "\n" or "")
end

--- log_by_lua of the public server: counts out what slot() counted in.
function _M.log()
    local var = ngx.var
    local number = var.bg_open
    if not number or number == "" then
        return
    end
    local slot, holder = open.leave(number)
    local failed = var.bg_failed
    if ngx.status >= 500 then
        metrics.add(errors[slot])
    elseif failed ~= "" then
        metrics.add(failovers[failed])
    end
    if holder then
        activity.ended(holder)
    end
    if exiting() then -- no timer ticks in a worker that is leaving, and its WebSockets may outlive it by hours
        workers.publish(router.state)
        activity.left(number)
    end
end

return _M
