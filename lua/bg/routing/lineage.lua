-- Which version has a session by now? A token says the version of its log-in, for days; meanwhile that version may have
-- been promoted away, taken back, and come again under the same name. The state's lineage says where the sessions of
-- each version went. Values in, values out; what is found is remembered with the identity for as long as the routing
-- table is the same, so that a request costs one comparison.

local _M = {}

-- Whether an entry is later than what was given in the state of `generation`. A token of somebody else's does not say
-- that: then `issued` (seconds since the epoch) decides, and an entry of the same second is later, too.
local function is_later(entry, generation, issued)
    if generation then
        return entry.generation > generation
    end
    return entry.at >= issued
end

-- Walks through the entries in their order. `visit(entry)` is told of those that apply, and may be nil.
local function walk(entries, version, generation, issued, visit)
    for i = 1, #entries do
        local entry = entries[i]
        if entry.from == version and is_later(entry, generation, issued) then
            version = entry.to
            if visit then
                visit(entry)
            end
        end
    end
    return version
end

-- A version that no slot serves, and that no entry since then has moved on, was not served when it was given, either:
-- somebody has copied it from an older token. Then every entry applies.
local function find(routes, who, visit)
    local version = walk(routes.lineage, who.version, who.generation, who.issued or 0, visit)
    if routes.by_version[version] then
        return version
    end
    return walk(routes.lineage, version, 0, nil, visit)
end

-- Whether a version still means what it meant when the identity was given: it has not been out of service since.
local function is_same(routes, who, version)
    for _, entry in ipairs(routes.lineage) do
        if entry.from == version and is_later(entry, who.generation, who.issued or 0) then
            return false
        end
    end
    return true
end

--- Brings what `who` (tokens.token) says up to date, once for each routing table (routing.routing_table): `now` is the
-- version that has it by now, and `left` the one that it has moved on from, if it has and that means the same still.
function _M.update(routes, who)
    if who.routes ~= routes then
        who.now = find(routes, who)
        who.left = who.from and is_same(routes, who, who.from) and who.from or nil
        who.routes = routes
    end
end

--- The slot that has the session of `who`; nil where no slot serves its version.
function _M.slot(routes, who)
    _M.update(routes, who)
    return routes.by_version[who.now]
end

--- The slot that serves the version that `who` says, if that has been served ever since: for what is of one candidate,
-- and of no other one that has its name.
function _M.slot_of_same(routes, who)
    local slot = _M.slot(routes, who)
    return slot and is_same(routes, who, who.version) and slot or nil
end

--- The versions that `who` has gone through, the first and the last included.
function _M.chain(routes, who)
    local versions = { who.version }
    find(routes, who, function(entry) versions[#versions + 1] = entry.to end)
    return versions
end

return _M
