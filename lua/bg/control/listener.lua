-- The control listener: answers what bgctl and Prometheus read. It is on loopback only, and nothing here changes
-- anything.

local checks = require("bg.health.checks")
local cjson = require("cjson.safe")
local confirmation = require("bg.node.confirmation")
local credentials = require("bg.tokens.credentials")
local explain = require("bg.control.explain")
local exposition = require("bg.control.exposition")
local figures = require("bg.figures.figures")
local node_file = require("bg.node.node_file")
local readiness = require("bg.node.readiness")
local reporter = require("bg.activity.reporter")
local request = require("bg.routing.request")
local router = require("bg.routing.router")
local slot_totals = require("bg.figures.slot_totals")
local slots = require("bg.lib.slots")
local strict_json = require("bg.lib.strict_json")
local summary = require("bg.figures.summary")
local workers = require("bg.workers.workers")

local ngx = ngx
local max, tonumber = math.max, tonumber

local _M = {}

local function answer(status, document)
    ngx.status = status
    ngx.header["Content-Type"] = "application/json"
    ngx.header["Cache-Control"] = "no-store"
    ngx.print(cjson.encode(document), "\n")
end

-- Seconds since a worker last read a good state, to the millisecond.
local function state_age(worker)
    return math.floor(math.max(0, ngx.now() - worker.good_at) * 1000) / 1000
end

local function worker_rows(list)
    local rows = {}
    for i, worker in ipairs(list) do
        rows[i] = {
            pid = worker.pid,
            generation = worker.generation,
            exiting = worker.exiting,
            drained = worker.is_drained,
            stateAge = state_age(worker),
        }
    end
    return rows
end

-- What is known of a slot's health; null where it is not known, since JSON has no nil. `passed` is there where replicas
-- are passed over.
local function health_row(name)
    local known = checks.of(name)
    return {
        up = known.up == nil and cjson.null or known.up,
        since = known.since or cjson.null,
        why = known.why or cjson.null,
        passed = known.passed and known.passed[1] and known.passed or nil,
    }
end

-- The gate, and how many requests are held at it; nil while it is open and no request is held any more.
local function gate_row(held)
    local gate = router.routing() and router.routing().gate
    if gate or held > 0 then
        return { mode = gate and gate.mode or cjson.null, ["until"] = gate and gate.ends or cjson.null, held = held }
    end
end

-- Connections of clients on which something is under way, at whatever service; not this one.
local function busy_connections()
    return max(0, tonumber(ngx.var.connections_active) - tonumber(ngx.var.connections_waiting) - 1)
end

-- What load balancers are told at `path`, "" where they cannot ask; and what node.json says.
local function node_row()
    local said, why_not = node_file.said(), readiness.why_not()
    return {
        path = router.settings.balancer_path,
        ready = why_not == nil,
        whyNot = why_not or cjson.null,
        drain = said.is_drained,
        since = said.since or cjson.null,
        why = said.why or "",
        confirmed = confirmation.is_given(),
        error = node_file.fault() or cjson.null,
        busyConnections = busy_connections(),
    }
end

local function slot_rows(sums)
    local rows = {}
    for _, name in ipairs(slots.SLOTS) do
        local slot = router.routing() and router.routing().slots[name] or {}
        rows[name] = {
            version = slot.version or cjson.null,
            state = slot.state or cjson.null,
            weight = slot.weight or cjson.null,
            open = sums.inflight[name],
            websockets = sums.websockets[name],
            requests = slot_totals.requests(name),
            errors = slot_totals.errors(name),
            health = health_row(name),
        }
    end
    return rows
end

-- The services that the release leaves unchanged, `{service -> true}`, and what is in flight there.
local function unchanged_row(sums)
    local routing = router.routing()
    return {
        services = routing and routing.unchanged or {},
        open = sums.inflight.both, websockets = sums.websockets.both,
    }
end

--- GET /healthz: says that this process answers.
function _M.healthz()
    answer(200, { status = "ok" })
end

--- GET /status: generations, worker by worker; requests in flight, totals and health, slot by slot; and the rest that
-- bgctl watches.
function _M.status()
    local list = workers.list()
    local sums = workers.totals(list)
    answer(200, {
        schema = 1,
        generation = sums.lowest or cjson.null,
        phase = router.routing() and router.routing().phase or cjson.null,
        workersExpected = ngx.worker.count(),
        workers = worker_rows(list),
        slots = slot_rows(sums),
        unchanged = unchanged_row(sums),
        startedAt = figures.started_at(),
        figures = summary.by_version(router.routing()),
        mirror = summary.mirror(router.routing()) or cjson.null,
        gate = gate_row(sums.held) or cjson.null,
        node = node_row(),
        stateError = router.state_file.why or cjson.null,
        keysError = credentials.fault() or reporter.fault() or cjson.null,
        activity = reporter.status(),
    })
end

--- POST /explain `{"method", "path", "host", "headers": {...}}`, each member optional, or just `{"authorization",
-- "cookie"}`: answers with the decision about such a request, and with the outcome of each rule (control.explain).
function _M.explain()
    ngx.req.read_body()
    local asked = strict_json.object(ngx.req.get_body_data() or "")
    if not asked then
        return answer(400, { title = "the body is not a JSON object that describes a request" })
    end
    local said = explain.of(request.described(asked), ngx.time())
    if not said then
        return answer(503, { title = "no state has been read yet: " .. (router.state_file.why or "") })
    end
    for _, name in ipairs({ "slot", "version", "service", "host", "neighbour", "pin" }) do
        said[name] = said[name] or cjson.null
    end
    return answer(200, said)
end

--- GET /metrics: Prometheus text.
function _M.metrics()
    ngx.header["Content-Type"] = "text/plain; version=0.0.4; charset=utf-8"
    ngx.header["Cache-Control"] = "no-store"
    ngx.print(exposition.text())
end

return _M
