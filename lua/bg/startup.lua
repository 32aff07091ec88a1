-- Starts the Lua side of the proxy: what is read before there are workers, and the timers of each worker.

local bodies = require("bg.limits.bodies")
local checks = require("bg.health.checks")
local confirmation = require("bg.node.confirmation")
local counters = require("bg.lib.counters")
local credentials = require("bg.tokens.credentials")
local datagrams = require("bg.workers.datagrams")
local error_page = require("bg.gate.error_page")
local exposition = require("bg.control.exposition")
local figures = require("bg.figures.figures")
local kept = require("bg.assets.kept")
local leaving = require("bg.node.leaving")
local mirror = require("bg.routing.mirror")
local node_file = require("bg.node.node_file")
local page_versions = require("bg.routing.page_versions")
local phases = require("bg.phases")
local queue = require("bg.gate.queue")
local replicas = require("bg.routing.replicas")
local recorder = require("bg.activity.recorder")
local reporter = require("bg.activity.reporter")
local restored = require("bg.tokens.restored")
local router = require("bg.routing.router")
local settings = require("bg.lib.settings")
local slot_totals = require("bg.figures.slot_totals")
local stopping = require("bg.node.stopping")
local workers = require("bg.workers.workers")

local ngx = ngx
local error, pcall = error, pcall
local exiting = ngx.worker.exiting

-- These are loaded before the workers start, so that no request has to open their files.
require("bg.answers")
require("bg.log_phase")
require("bg.assets.location")
require("bg.control.listener")

-- Seconds between two ticks.
local STATE_SECONDS = 0.05 -- a switch is in force everywhere within two of these
local KEYS_SECONDS = 1
local RESTORE_SECONDS = 1
local ACTIVITY_SECONDS = 1
local REPORT_SECONDS = 0.5
local FORGET_SECONDS = 60
local BODIES_SECONDS = 1

local checks_seconds -- between two rounds of health checks
local woken_for -- the routing table for which requests at the gate were last woken

local _M = {}

-- Runs `work` on every tick, and once more when the worker leaves. A tick that fails is logged; the next one comes all
-- the same.
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
    if exiting() then
        datagrams.leave()
    end
    node_file.poll()
    stopping.poll()
    router.state_file:poll()
    leaving.tick()
    if router.routing() ~= woken_for or exiting() then -- a request may have read the state first (routing.router)
        woken_for = router.routing()
        queue.wake()
        checks.hurry()
    end
    checks.sync()
    counters.fold()
    figures.fold()
    workers.publish(router.state_file, node_file.said().is_drained) -- comes last: what is published has been folded
end

--- init_by_lua: reads settings and keys. Raises where they must not be used: nginx does not start then.
function _M.init(settings_file)
    local given = settings.load(settings_file)
    router.init(given)
    node_file.init(given)
    stopping.init(given)
    phases.init(given)
    page_versions.begin(given.keeps_pages, given.token_longest)
    recorder.init(given)
    restored.init(given)
    reporter.init(given, function() return slot_totals.by_version(router.routing()) end)
    figures.begin(ngx.now())
    confirmation.init(given, router.state_file)
    error_page.init(given)
    checks.init(given, router.routing)
    checks_seconds = given.health_check
    exposition.init(given)
    replicas.init(given)
    mirror.init(given, router.routing)
    kept.init(given)
    bodies.init(given)
end

--- init_worker_by_lua: reads the state before the worker accepts its first connection, and starts its timers.
function _M.init_worker()
    sync()
    bodies.init_worker()
    every(STATE_SECONDS, sync)
    every(BODIES_SECONDS, bodies.tick)
    every(KEYS_SECONDS, function() credentials.sync_keys(ngx.now()) end)
    ngx.timer.at(0, restored.tick)
    every(RESTORE_SECONDS, restored.tick)
    every(ACTIVITY_SECONDS, recorder.tick)
    every(REPORT_SECONDS, reporter.catch_up)
    every(FORGET_SECONDS, function() figures.forget(router.routing(), ngx.now()) end)
    every(checks_seconds, checks.tick)
end

return _M
