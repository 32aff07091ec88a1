-- The control listener: what bgctl and Prometheus read. Loopback only, and nothing here changes anything.

local cjson = require("cjson.safe")
local credentials = require("bg.credentials")
local crypto = require("bg.crypto")
local decision = require("bg.decision")
local exposition = require("bg.exposition")
local figures = require("bg.figures")
local health = require("bg.health")
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

-- Null where it is not known: JSON has no nil.
local function health_row(name)
    local known = health.of(name)
    return {
        up = known.up == nil and cjson.null or known.up,
        since = known.since or cjson.null,
        why = known.why or cjson.null,
    }
end

-- The gate, and how many requests are held at it; nil while it is open and nobody is.
local function gate_row(list)
    local gate, held = router.state.value and router.state.value.gate, 0
    for _, worker in ipairs(list) do
        held = held + worker.held
    end
    if gate or held > 0 then
        return { mode = gate and gate.mode or cjson.null, ["until"] = gate and gate.ends or cjson.null, held = held }
    end
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
            health = health_row(name),
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
        startedAt = figures.started_at(),
        figures = figures.by_version(router.state.value),
        mirror = figures.mirror(router.state.value) or cjson.null,
        gate = gate_row(list) or cjson.null,
        stateError = router.state.why or cjson.null,
        keysError = credentials.keys.why or cjson.null,
        activity = report.status(),
    })
end

-- The identity in the first of these credentials that verifies.
local function verified(shown, rules)
    for _, credential in ipairs(shown) do
        if rules[credential.rule] and credential.identity then
            return credential.identity
        end
    end
end

-- What came of one credential; `used` is the identity that decided.
local function outcome(credential, used)
    local who = credential.identity
    if not who then
        return { rule = credential.rule, outcome = "rejected", why = credential.reason }
    end
    local serves = router.state.value.by_version[who.version]
    return {
        rule = credential.rule,
        outcome = who == used and "used" or serves and "outranked" or "retired",
        version = who.version,
        slot = serves and serves.name,
        why = serves and "slot " .. serves.name .. " serves version " .. who.version
            or "no slot serves version " .. who.version .. " any more",
    }
end

-- Without a session the draw is the next visitor's: only a share of 0 or 1 tells the slot beforehand.
local function fresh(known)
    local state = router.state.value
    if known then
        return decision.fresh(state, crypto.fraction(known.sid))
    end
    return (state.green_share == 0 and state.slots.blue) or (state.green_share == 1 and state.slots.green)
end

-- The same choice as router.route makes, with the outcome of every credential beside it.
local function explain(shown)
    local token = verified(shown, { bearer = true, cookie = true })
    local pin = verified(shown, { pin = true })
    local slot, reason = decision.held(router.state.value, token, pin)
    local used = slot and (reason == "token" and token or pin)
    local rules = {}
    for i, credential in ipairs(shown) do
        rules[i] = outcome(credential, used)
    end
    if not slot then
        slot = fresh(token or pin)
        reason = (token or pin) and "retired" or "new"
        rules[#rules + 1] = {
            rule = "new",
            outcome = "used",
            why = string.format("new sessions go to green with a share of %g %%", router.state.value.green_share * 100),
        }
    end
    return {
        slot = slot and slot.name or cjson.null,
        version = slot and slot.version or cjson.null,
        reason = reason,
        rules = rules,
    }
end

--- POST /explain `{"authorization": text?, "cookie": text?}`: the decision for such a request, and each rule's outcome.
function _M.explain()
    ngx.req.read_body()
    local request = strict_json.object(ngx.req.get_body_data() or "")
    if not request then
        return answer(400, { title = "the body is not a JSON object with authorization and cookie" })
    elseif not router.state.value then
        return answer(503, { title = "no state has been read yet: " .. (router.state.why or "") })
    end
    local authorization = type(request.authorization) == "string" and request.authorization or nil
    local cookies = type(request.cookie) == "string" and request.cookie or nil
    return answer(200, explain(credentials.list(authorization, cookies, ngx.time())))
end

--- GET /metrics: Prometheus text.
function _M.metrics()
    ngx.header["Content-Type"] = "text/plain; version=0.0.4; charset=utf-8"
    ngx.header["Cache-Control"] = "no-store"
    ngx.print(exposition.text())
end

return _M
