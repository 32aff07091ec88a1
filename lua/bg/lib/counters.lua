-- Counters, as Prometheus names them. Each worker adds up for itself and folds its sums into shared memory a few times
-- a second, so counting costs the hot path an addition. Label sets are fixed here; nothing that arrives can widen them.

local ngx = ngx
local pairs = pairs
local concat, sort = table.concat, table.sort

local FAMILIES = {
    bgctl_decisions_total = "Requests by the slot they were routed to and the rule that decided.",
    bgctl_refused_tokens_total = "Tokens that were treated as absent, by kind and reason.",
    bgctl_pins_total = "Pins made, also those that an answer did not take along.",
    bgctl_faults_total = "Requests on which routing itself failed and the stable slot was used.",
    bgctl_errors_total = "Requests answered with a 5xx, by the slot they were meant for.",
    bgctl_health_checks_total = "Health checks by the slot that was asked and what came of it.",
    bgctl_turned_away_total = "Requests that the closed gate did not let through, by its mode.",
    bgctl_migrations_total = "Sessions that a page load has taken to the new version.",
    bgctl_refused_files_total = "Bad contents of a file; each worker that refuses them counts one.",
    bgctl_activity_delivered_total = "Rows of activity that the session API has taken.",
    bgctl_activity_dropped_total = "Rows of activity that were not told: too many waited, or they were refused.",
    bgctl_activity_forgotten_total = "Sessions, pages or API clients forgotten to make room for newer ones.",
}

local LABELLED = {
    bgctl_decisions_total = true, bgctl_refused_tokens_total = true, bgctl_errors_total = true,
    bgctl_health_checks_total = true, bgctl_turned_away_total = true, bgctl_refused_files_total = true,
}

local dict = ngx.shared.bg_metrics
local pending = {}

local _M = {}

--- The series `name{label="value",...}`; labels in pairs, label then value.
function _M.series(name, ...)
    local labels = { ... }
    local parts = {}
    for i = 1, #labels, 2 do
        parts[#parts + 1] = labels[i] .. '="' .. labels[i + 1] .. '"'
    end
    return #parts > 0 and name .. "{" .. concat(parts, ",") .. "}" or name
end

--- Adds `amount` to a series, or one.
function _M.add(series, amount)
    pending[series] = (pending[series] or 0) + (amount or 1)
end

--- Folds this worker's sums into shared memory. What does not fit stays pending and is tried again.
function _M.fold()
    for series, amount in pairs(pending) do
        if amount > 0 and dict:incr(series, amount, 0) then
            pending[series] = 0
        end
    end
end

--- What a series has come to, as far as workers have folded it.
function _M.total(series)
    return dict:get(series) or 0
end

--- Lines of one family: its help and type, then `rows` of `{series, value}`.
function _M.family(name, kind, help, rows)
    local lines = { "# HELP " .. name .. " " .. help, "# TYPE " .. name .. " " .. kind }
    for _, row in ipairs(rows) do
        lines[#lines + 1] = row[1] .. " " .. row[2]
    end
    return concat(lines, "\n") .. "\n"
end

--- All counters as Prometheus text.
function _M.counters()
    local rows = {}
    local keys = dict:get_keys(0)
    sort(keys)
    for _, series in ipairs(keys) do
        local name = series:match("^[^{]+")
        rows[name] = rows[name] or {}
        rows[name][#rows[name] + 1] = { series, dict:get(series) }
    end
    local names, texts = {}, {}
    for name in pairs(FAMILIES) do
        names[#names + 1] = name
    end
    sort(names)
    for _, name in ipairs(names) do
        -- A counter that begins with its first event would hide that one from `increase`.
        local none = LABELLED[name] and {} or { { name, 0 } }
        texts[#texts + 1] = _M.family(name, "counter", FAMILIES[name], rows[name] or none)
    end
    return concat(texts)
end

return _M
