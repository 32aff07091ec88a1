-- What Prometheus is told, in its text format. The values of labels are bounded: slots, words of our own, and the few
-- versions that figures.figures knows.

local checks = require("bg.health.checks")
local counters = require("bg.lib.counters")
local figures = require("bg.figures.figures")
local files = require("bg.lib.files")
local prometheus = require("bg.lib.prometheus")
local readiness = require("bg.node.readiness")
local reporter = require("bg.activity.reporter")
local router = require("bg.routing.router")
local strict_json = require("bg.lib.strict_json")
local summary = require("bg.figures.summary")
local workers = require("bg.workers.workers")

local ngx = ngx
local floor = math.floor
local format = string.format
local ipairs, pairs = ipairs, pairs

local SLOTS = require("bg.lib.slots").SLOTS
local STATUSES = { "1xx", "2xx", "3xx", "4xx", "5xx" }

local settings

local _M = {}

--- Begins with these settings (lib.settings).
function _M.init(given)
    settings = given
end

-- A version of nginx or ngx_lua as text: 1026003 is 1.26.3, and 10028 is 0.10.28.
local function dotted(number)
    return format("%d.%d.%d", floor(number / 1000000), floor(number / 1000) % 1000, number % 1000)
end

-- A metric without labels; without a row where `value` is nil.
local function one(name, kind, help, value)
    return prometheus.family(name, kind, help, value and { { name, value } } or {})
end

-- A metric with a row for each of `items`: `row(item)` gives its value, and its labels in pairs.
local function each(name, kind, help, items, row)
    local rows = {}
    for _, item in ipairs(items) do
        local value, labels = row(item)
        rows[#rows + 1] = { prometheus.series(name, unpack(labels)), value }
    end
    return prometheus.family(name, kind, help, rows)
end

local function requests(list)
    local name, rows = "bgctl_requests_total", {}
    for _, row in ipairs(list) do
        for class, status in ipairs(STATUSES) do
            local series = prometheus.series(name, "slot", row.slot, "version", row.version, "status", status)
            rows[#rows + 1] = { series, row.statuses[class] }
        end
    end
    return prometheus.family(name, "counter",
        "Requests that are over, by the slot and version they were meant for.", rows)
end

local function durations(list)
    local name, rows = "bgctl_request_duration_seconds", {}
    for _, row in ipairs(list) do
        local sum = 0
        for i, count in ipairs(row.counts) do
            sum = sum + count
            rows[#rows + 1] = { prometheus.series(name .. "_bucket", "slot", row.slot, "version", row.version,
                "le", figures.SECONDS[i] or "+Inf"), sum }
        end
        local labels = { "slot", row.slot, "version", row.version }
        rows[#rows + 1] = { prometheus.series(name .. "_sum", unpack(labels)), row.seconds }
        rows[#rows + 1] = { prometheus.series(name .. "_count", unpack(labels)), sum }
    end
    return prometheus.family(name, "histogram",
        "Time to answer, by the slot and version that did; no WebSockets, no event streams.", rows)
end

local function failovers(list)
    return each("bgctl_failovers_total", "counter",
        "Requests answered by the other slot, by the slot and version they were meant for.", list, function(row)
            return row.failovers, { "slot", row.slot, "version", row.version }
        end)
end

local function mirrored(list)
    local name, rows = "bgctl_mirrored_total", {}
    local function add(row, outcome, value)
        if value > 0 then
            local series = prometheus.series(name, "slot", row.slot, "version", row.version, "outcome", outcome)
            rows[#rows + 1] = { series, value }
        end
    end
    for _, row in ipairs(list) do
        for class, status in ipairs(STATUSES) do
            add(row, status, row.mirrored[class])
        end
        add(row, "failed", row.mirrored.failed)
        add(row, "dropped", row.mirrored.dropped)
    end
    return prometheus.family(name, "counter", "Copies of requests for a candidate, by what came of them.", rows)
end

-- Slots as they are in the routing table, with what living workers have in flight on them.
local function slots_now(sums)
    local found = {}
    for _, name in ipairs(SLOTS) do
        local slot = router.routing() and router.routing().slots[name] or {}
        found[#found + 1] = {
            name = name, version = slot.version or "", state = slot.state or "", weight = slot.weight or 0,
            inflight = sums.inflight[name], websockets = sums.websockets[name],
        }
    end
    return found
end

local function slots(sums)
    local now = slots_now(sums)
    local function of(field)
        return function(slot) return slot[field], { "slot", slot.name, "version", slot.version } end
    end
    return each("bgctl_open_requests", "gauge", "Requests in flight, WebSockets included.", now, of("inflight"))
        .. each("bgctl_open_websockets", "gauge", "WebSockets open.", now, of("websockets"))
        .. each("bgctl_slot_weight", "gauge", "Share of new sessions, in parts of all weights.", now, of("weight"))
        .. each("bgctl_slot_info", "gauge", "Version and state of a slot.", now, function(slot)
            return 1, { "slot", slot.name, "version", slot.version, "state", slot.state }
        end)
end

local function gate_and_health(sums)
    local checked = {}
    for _, name in ipairs(SLOTS) do
        checked[#checked + 1] = checks.up[name] ~= nil and name or nil
    end
    return one("bgctl_held_requests", "gauge", "Requests that wait at the closed gate.", sums.held)
        .. each("bgctl_slot_up", "gauge", "Whether a slot answers its health checks; absent: not known.", checked,
            function(name)
                return checks.up[name] and 1 or 0, { "slot", name }
            end)
end

local function state(sums)
    local phase = router.routing() and router.routing().phase or ""
    return one("bgctl_state_generation", "gauge", "Lowest generation in force in any worker.", sums.lowest)
        .. one("bgctl_state_generation_highest", "gauge", "Highest generation in force in any worker.", sums.highest)
        .. one("bgctl_state_age_seconds", "gauge", "Longest time since a worker last read a good state.",
            format("%.3f", sums.age))
        .. one("bgctl_node_ready", "gauge", "Whether load balancers are told to send this node traffic.",
            readiness.why_not() and 0 or 1)
        .. each("bgctl_phase_info", "gauge", "Phase of the release.", { phase }, function(word)
            return 1, { "phase", word }
        end)
end

local function processes(list)
    local counts = { serving = 0, leaving = 0 }
    for _, worker in ipairs(list) do
        local kind = worker.exiting and "leaving" or "serving"
        counts[kind] = counts[kind] + 1
    end
    return each("bgctl_workers", "gauge", "Workers that live.", { "serving", "leaving" }, function(kind)
            return counts[kind], { "state", kind }
        end)
        .. one("bgctl_workers_expected", "gauge", "Workers that should be serving.", ngx.worker.count())
        .. one("bgctl_connections", "gauge", "Connections of clients that are open.", ngx.var.connections_active)
        .. one("bgctl_connections_most", "gauge", "Connections of clients for which there is room.",
            settings.connections)
end

local function memory()
    local names = {}
    for name in pairs(ngx.shared) do
        names[#names + 1] = name
    end
    table.sort(names)
    local function label(name) return { "dictionary", name } end
    return each("bgctl_shared_memory_bytes", "gauge", "Size of a shared dictionary.", names, function(name)
            return ngx.shared[name]:capacity(), label(name)
        end)
        .. each("bgctl_shared_memory_free_bytes", "gauge", "Pages of a shared dictionary that nothing has used yet.",
            names, function(name)
                return ngx.shared[name]:free_space(), label(name)
            end)
end

local function reporting()
    local status = reporter.status()
    local last = type(status.lastDelivery) == "number" and format("%.3f", status.lastDelivery) or nil
    return one("bgctl_activity_queued", "gauge", "Sessions and visitors that are yet to be reported.", status.queued)
        .. one("bgctl_activity_last_delivery_timestamp_seconds", "gauge",
            "When the session API last took a report.", last)
end

-- Keys of identity providers: bgctl fetches them, and notes what came of it beside the state.
local function providers()
    local text = files.read(settings.jwks_file)
    local looks, names = text and strict_json.object(text) or {}, {}
    for name, look in pairs(looks) do
        names[#names + 1] = type(look) == "table" and name or nil
    end
    table.sort(names)
    local good = {}
    for _, name in ipairs(names) do
        good[#good + 1] = type(looks[name].goodAt) == "number" and name or nil
    end
    return each("bgctl_jwks_good_timestamp_seconds", "gauge",
            "When the keys of an identity provider were last fetched; absent: never.", good, function(name)
                return format("%.0f", looks[name].goodAt), { "provider", name }
            end)
        .. each("bgctl_jwks_failed", "gauge", "Whether the last look at an identity provider failed.", names,
            function(name)
                return type(looks[name].error) == "string" and 1 or 0, { "provider", name }
            end)
end

local function about()
    local deadline = settings.drain_deadline > 0 and settings.drain_deadline or nil
    return one("bgctl_start_time_seconds", "gauge", "Since when counters count.",
            format("%.3f", figures.started_at()))
        .. one("bgctl_drain_deadline_seconds", "gauge", "The deadline of a drain; absent: it has none.", deadline)
        .. each("bgctl_certificate_expiry_timestamp_seconds", "gauge",
            "The last moment of a certificate that is loaded, by its first name.", settings.certificates,
            function(one_of_them)
                return one_of_them.not_after, { "host", one_of_them.host }
            end)
        .. each("bgctl_build_info", "gauge", "What runs here.", { 1 }, function(value)
            return value, { "version", settings.version, "nginx", dotted(ngx.config.nginx_version),
                "lua", dotted(ngx.config.ngx_lua_version) }
        end)
end

--- All metrics, as text.
function _M.text()
    local list, rows = workers.list(), summary.list()
    local sums = workers.totals(list)
    return table.concat({
        counters.text(), requests(rows), durations(rows), failovers(rows), mirrored(rows),
        slots(sums), gate_and_health(sums), state(sums), processes(list), reporting(), memory(), providers(), about(),
    })
end

return _M
