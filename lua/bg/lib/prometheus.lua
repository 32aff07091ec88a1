-- Prometheus' text format for metrics (version 0.0.4).

local ipairs = ipairs
local concat = table.concat

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

--- The lines of one metric: its help and its type (counter, gauge, histogram), then `rows` of `{series, value}`.
function _M.family(name, kind, help, rows)
    local lines = { "# HELP " .. name .. " " .. help, "# TYPE " .. name .. " " .. kind }
    for _, row in ipairs(rows) do
        lines[#lines + 1] = row[1] .. " " .. row[2]
    end
    return concat(lines, "\n") .. "\n"
end

return _M
