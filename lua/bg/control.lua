-- The control listener: what bgctl and Prometheus read. Loopback only, and nothing here changes anything.

local cjson = require("cjson.safe")
local credentials = require("bg.credentials")
local explain = require("bg.explain")
local metrics = require("bg.metrics")
local report = require("bg.report")
local router = require("bg.router")
local routes = require("bg.routes")
local slot_totals = require("bg.slot_totals")
local strict_json = require("bg.strict_json")
local workers = require("bg.workers")

local ngx = ngx

local _M = {}

local function answer(status, document)
    ngx.status = status
    ngx.header["Content-Type"] = "application/json"
    ngx.header["Cache-Control"] = "no-store"
    ngx.print(cjson.encode(document), "\n")
end

-- Seconds since this worker last read a good state, to the millisecond.
local function state_age(worker)
    return math.floor(math.max(0, ngx.now() - worker.good_at) * 1000) / 1000
end

local function total(list, field, slot)
    local sum = 0
    for _, worker in ipairs(list) do
        sum = sum + worker[field][slot]
    end
    return sum
end

-- The lowest generation that a worker which takes requests has applied.
local function applied(list)
    local lowest
    for _, worker in ipairs(list) do
        if not worker.exiting and (not lowest or worker.generation < lowest) then
            lowest = worker.generation
        end
    end
    return lowest
end

local function worker_rows(list)
    local rows = {}
    for i, worker in ipairs(list) do
        rows[i] = {
            pid = worker.pid,
            generation = worker.generation,
            exiting = worker.exiting,
            stateAge = state_age(worker),
        }
    end
    return rows
end

local function slot_rows(list)
    local rows = {}
    for _, name in ipairs(routes.SLOTS) do
        local slot = router.state.value and router.state.value.slots[name] or {}
        rows[name] = {
            version = slot.version or cjson.null,
            state = slot.state or cjson.null,
            weight = slot.weight or cjson.null,
            open = total(list, "open", name),
            websockets = total(list, "websockets", name),
            requests = slot_totals.requests(name),
            errors = slot_totals.errors(name),
        }
    end
    return rows
end

--- GET /healthz: this process answers.
function _M.healthz()
    answer(200, { status = "ok" })
end

--- GET /status: generation and open requests, worker by worker and slot by slot.
function _M.status()
    local list = workers.list()
    answer(200, {
        schema = 1,
        generation = applied(list) or cjson.null,
        phase = router.state.value and router.state.value.phase or cjson.null,
        workersExpected = ngx.worker.count(),
        workers = worker_rows(list),
        slots = slot_rows(list),
        stateError = router.state.why or cjson.null,
        keysError = credentials.keys.why or cjson.null,
        activity = report.status(),
    })
end

--- POST /explain `{"method", "path", "host", "headers": {...}, "client"}`, each of them optional, or just
-- `{"authorization", "cookie"}`: the decision for such a request, and each rule's outcome (bg.explain).
function _M.explain()
    ngx.req.read_body()
    local asked = strict_json.object(ngx.req.get_body_data() or "")
    if not asked then
        return answer(400, { title = "the body is not a JSON object that describes a request" })
    end
    local said = explain.of(explain.request(asked), ngx.time())
    if not said then
        return answer(503, { title = "no state has been read yet: " .. (router.state.why or "") })
    end
    for _, name in ipairs({ "slot", "version", "service", "pin" }) do
        said[name] = said[name] or cjson.null
    end
    return answer(200, said)
end

--- GET /metrics: Prometheus text (format 0.0.4).
function _M.metrics()
    local list = workers.list()
    local open, websockets, age = {}, {}, 0
    for _, name in ipairs(routes.SLOTS) do
        open[#open + 1] = { metrics.series("bgctl_open_requests", "slot", name), total(list, "open", name) }
        websockets[#websockets + 1] = {
            metrics.series("bgctl_open_websockets", "slot", name), total(list, "websockets", name),
        }
    end
    for _, worker in ipairs(list) do
        age = worker.exiting and age or math.max(age, state_age(worker))
    end
    ngx.header["Content-Type"] = "text/plain; version=0.0.4; charset=utf-8"
    ngx.print(
        metrics.counters(),
        metrics.family("bgctl_open_requests", "gauge", "Requests in flight, WebSockets included.", open),
        metrics.family("bgctl_open_websockets", "gauge", "WebSockets open.", websockets),
        metrics.family("bgctl_state_generation", "gauge", "Lowest generation in force in any worker.",
            { { "bgctl_state_generation", applied(list) or 0 } }),
        metrics.family("bgctl_state_age_seconds", "gauge", "Longest time since a worker last read a good state.",
            { { "bgctl_state_age_seconds", age } }),
        metrics.family("bgctl_state_refusals", "gauge", "Bad state files that this worker has refused.",
            { { "bgctl_state_refusals", router.state.refusals } }),
        metrics.family("bgctl_activity_queued", "gauge", "Sessions and visitors that are yet to be reported.",
            { { "bgctl_activity_queued", report.status().queued } })
    )
end

return _M
