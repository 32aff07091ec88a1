-- Makes the routing table of state.json: the whole document is checked, and becomes a table that answers a request with
-- two look-ups. A document with one bad entry is refused as a whole, so that half a switch can never be in force.

local names = require("bg.lib.names")
local slot_names = require("bg.lib.slots")
local strict_json = require("bg.lib.strict_json")
local timestamp = require("bg.lib.timestamp")

local floor = math.floor
local type = type

local SCHEMAS = { [1] = true, [2] = true } -- schema 1 has no lineage
local SLOTS, OTHER = slot_names.SLOTS, slot_names.OTHER
local PREVIEW = "preview" -- the phase in which green serves only those who have opened a preview link
local STATES = { ready = true, drain = true, maint = true }
local MODES = { pause = true, maintenance = true }

local _M = {}

local function is_integer(value, low, high)
    return type(value) == "number" and value == floor(value) and value >= low and value <= high
end

-- What is wrong with the slot `name`; nil when it is well-formed.
local function flaw(name, slot)
    if type(slot) ~= "table" then
        return "slots." .. name .. " is missing"
    elseif not STATES[slot.state] then
        return "slots." .. name .. ".state is not ready, drain or maint"
    elseif not is_integer(slot.weight, 0, 100) then
        return "slots." .. name .. ".weight is not 0 to 100"
    elseif not names.is_version(slot.version) and not (slot.version == strict_json.null and slot.state == "maint") then
        return "slots." .. name .. ".version is not a version"
    end
end

-- What is wrong with the gate; nil when it is well-formed, or absent.
local function gate_flaw(gate)
    if gate == nil or gate == strict_json.null then
        return nil
    elseif type(gate) ~= "table" or not MODES[gate.mode] then
        return "gate.mode is not pause or maintenance"
    elseif gate.mode == "pause" and not timestamp.parse(gate["until"]) then
        return "gate.until is not a time"
    end
end

-- What is wrong with the lineage; nil when it is well-formed, or absent. Its entries have to be in the order of their
-- generations.
local function lineage_flaw(lineage, generation)
    if lineage == nil then
        return nil
    elseif type(lineage) ~= "table" or (lineage[1] == nil and next(lineage)) then
        return "lineage is not a list"
    end
    local last = 1
    for i, entry in ipairs(lineage) do
        if type(entry) ~= "table" or not names.is_version(entry.from) or not names.is_version(entry.to) then
            return "lineage: entry " .. i .. " has no two versions"
        elseif not is_integer(entry.generation, last, generation) then
            return "lineage: entry " .. i .. " is out of order"
        elseif not timestamp.parse(entry.at) then
            return "lineage: entry " .. i .. " has no time"
        end
        last = entry.generation
    end
end

-- What is wrong with the services that the release leaves unchanged; nil when they are well-formed, or absent.
local function unchanged_flaw(deployment)
    local unchanged = type(deployment) == "table" and deployment.unchanged
    if not unchanged then
        return nil
    elseif type(unchanged) ~= "table" or unchanged == strict_json.null or unchanged[1] == nil then
        return "deployment.unchanged is not a list"
    end
    for i, name in ipairs(unchanged) do
        if type(name) ~= "string" then
            return "deployment.unchanged: entry " .. i .. " is not a name"
        end
    end
end

-- What is wrong with the document; nil when it is well-formed.
local function check(document)
    if not document then
        return "not a strict JSON object"
    elseif not SCHEMAS[document.schema] then
        return "schema is not 1 or 2"
    elseif not is_integer(document.generation, 1, 2 ^ 53) then
        return "generation is not a positive integer"
    elseif type(document.phase) ~= "string" then
        return "phase is not text"
    elseif type(document.slots) ~= "table" then
        return "slots is missing"
    end
    for _, name in ipairs(SLOTS) do
        local why = flaw(name, document.slots[name])
        if why then
            return why
        end
    end
    return gate_flaw(document.gate) or lineage_flaw(document.lineage, document.generation)
        or unchanged_flaw(document.deployment)
end

-- A slot: `{name, other, version, state, weight, upstream, alone, cover}`, of which the last three are nginx upstreams.
-- No request reaches a slot in maint, not even when the other one fails: then `upstream` is `alone`, which has no
-- backup. (But for the sessions of a newer state than this one: routing.lineage.) Nor does a failure of blue send
-- requests to a candidate that is only previewed. `cover` is for a slot that is known to be down; nil where there is no
-- other slot to fall back on.
local function slot_of(name, document)
    local entry = document.slots[name]
    local alone = document.slots[OTHER[name]].state == "maint" or (document.phase == PREVIEW and name == "blue")
    return {
        name = name,
        other = OTHER[name],
        version = entry.version ~= strict_json.null and entry.version or nil,
        state = entry.state,
        weight = entry.weight,
        upstream = alone and name .. "_alone" or name,
        alone = name .. "_alone",
        cover = not alone and name .. "_by_" .. OTHER[name] or nil,
    }
end

-- A slot that serves nobody.
local function closed(name)
    return { name = name, other = OTHER[name], state = "maint", weight = 0, upstream = name .. "_alone",
        alone = name .. "_alone" }
end

--- The routing table of a proxy that may not go by its state yet: the gate is closed until `ends` (seconds since the
-- epoch). No document has its generation.
function _M.waiting(ends)
    return {
        generation = 0,
        phase = "rest",
        is_preview = false,
        slots = { blue = closed("blue"), green = closed("green") },
        by_version = {},
        is_split = false,
        green_share = 0,
        gate = { mode = "pause", ends = ends },
        lineage = {},
        unchanged = {},
    }
end

-- The lineage as a list of `{from, to, generation, at}` (`at` in seconds since the epoch), the oldest entry first.
local function lineage_of(entries)
    local lineage = {}
    for i, entry in ipairs(entries or {}) do
        lineage[i] = { from = entry.from, to = entry.to, generation = entry.generation, at = timestamp.parse(entry.at) }
    end
    return lineage
end

-- `{version -> slot}` that serves its sessions. Where both slots do, during a promotion, it is the ready one.
local function by_version(slots)
    local serves = {}
    for _, name in ipairs(SLOTS) do
        local slot = slots[name]
        local rival = slot.version and serves[slot.version]
        if slot.state ~= "maint" and not (rival and rival.state == "ready") then
            serves[slot.version] = slot
        end
    end
    return serves
end

-- Whether two versions are served, so that it matters which one a request gets.
local function is_split(slots)
    local blue, green = slots.blue, slots.green
    return blue.state ~= "maint" and green.state ~= "maint" and blue.version ~= green.version
end

-- Green's share of new sessions, 0 to 1; nil when no slot takes any.
local function green_share(slots)
    local blue = slots.blue.state == "ready" and slots.blue.weight or 0
    local green = slots.green.state == "ready" and slots.green.weight or 0
    if blue + green > 0 then
        return green / (blue + green)
    end
end

-- The gate: nil while it is open, `{mode, ends}` while it is closed. `ends` (seconds since the epoch) is that of a
-- pause.
local function gate_of(gate)
    if gate and gate ~= strict_json.null then
        return { mode = gate.mode, ends = timestamp.parse(gate["until"]) }
    end
end

-- `{service -> true}` of the services that the release under way leaves as they are: blue's containers of them have the
-- requests of both slots (decision record 91).
local function unchanged_of(deployment)
    local unchanged = {}
    for _, name in ipairs(type(deployment) == "table" and deployment.unchanged or {}) do
        unchanged[name] = true
    end
    return unchanged
end

--- The routing table that `text` makes, `{generation, phase, is_preview, slots = {blue, green}, by_version = {version
-- -> slot}, is_split, green_share, gate, lineage, unchanged}`; or nil and what is wrong with the text. `green_share` is
-- green's share of new sessions, 0 to 1; `unchanged` is `{service -> true}`.
function _M.parse(text)
    local document = strict_json.object(text)
    local why = check(document)
    if why then
        return nil, why
    end
    local slots = {}
    for _, name in ipairs(SLOTS) do
        slots[name] = slot_of(name, document)
    end
    local share = green_share(slots)
    if not share then
        return nil, "no slot takes new sessions: none is ready with a weight above 0"
    end
    return {
        generation = document.generation,
        phase = document.phase,
        is_preview = document.phase == PREVIEW,
        slots = slots,
        by_version = by_version(slots),
        is_split = is_split(slots),
        green_share = share,
        gate = gate_of(document.gate),
        lineage = lineage_of(document.lineage),
        unchanged = unchanged_of(document.deployment),
    }
end

return _M
