-- Follows sessions from version to version. A token says the version of its log-in, for days; meanwhile that version
-- may have been promoted away, taken back, and come again under the same name. The state's lineage says where the
-- sessions of each version went. Values in, values out; what is found is remembered in the identity for as long as the
-- routing table is the same one, so that a request costs one comparison.

local slot_names = require("bg.lib.slots")

local huge = math.huge
local ipairs = ipairs

local SLOTS = slot_names.SLOTS

local _M = {}

-- Whether an entry is later than an identity that was given in the state of `generation`. A token that the app has
-- signed does not say a generation: then `issued` (seconds since the epoch) decides, and an entry of the same second
-- counts as later.
local function is_later(entry, generation, issued)
    if generation then
        return entry.generation > generation
    end
    return entry.at >= issued
end

-- Follows `version` through the entries in their order, and returns where it leads. `visit(entry)`, which may be nil,
-- is called with each entry that applies.
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

-- Whether a version has been taken out of service since `generation`; where that is nil, since `issued`.
local function has_gone(routing, version, generation, issued)
    for _, entry in ipairs(routing.lineage) do
        if entry.from == version and is_later(entry, generation, issued) then
            return true
        end
    end
    return false
end

-- The slot that has `version` and serves nobody, where an identity says that it does by now: it was given that version
-- with a newer state than ours. Another node has that state already, and ours may get it much later (decision record
-- 98). The time decides as well: generations come a second time where a copy of an older state was put back.
local function begun(routing, identity, version)
    local issued = identity.issued ~= 0 and identity.issued or huge
    if not identity.generation or identity.generation <= routing.generation
        or has_gone(routing, version, nil, issued) then
        return nil
    end
    for _, name in ipairs(SLOTS) do
        local slot = routing.slots[name]
        if slot.version == version and slot.state == "maint" then
            return slot
        end
    end
end

-- The version that has the session of an identity by now. Where that is not served, and no later entry has moved it on,
-- it was not served when the identity was given, either: the app has copied it from an older token. Then every entry
-- applies.
local function find(routing, identity, visit)
    local version = walk(routing.lineage, identity.version, identity.generation, identity.issued or 0, visit)
    if routing.by_version[version] or begun(routing, identity, version) then
        return version
    end
    return walk(routing.lineage, version, 0, nil, visit)
end

-- Whether a version has been in service ever since the identity was given: only then it still means the same.
local function is_same(routing, identity, version)
    return not has_gone(routing, version, identity.generation, identity.issued or 0)
end

--- Brings an identity (tokens.token) up to date, once for each routing table (routing.routing_table): `now` is the
-- version that has its session by now, and `left` the one that its session has moved on from (nil: it has not, or that
-- version has been out of service since).
function _M.update(routing, identity)
    if identity.routing ~= routing then
        identity.now = find(routing, identity)
        identity.left = identity.from and is_same(routing, identity, identity.from) and identity.from or nil
        identity.routing = routing
    end
end

--- The slot that serves the session of an identity; nil where its version is not served.
function _M.slot(routing, identity)
    _M.update(routing, identity)
    return routing.by_version[identity.now] or begun(routing, identity, identity.now)
end

--- The generation of the state in which `slot` serves the session of an identity: the identity's own, where that state
-- is not here yet.
function _M.generation(routing, identity, slot)
    return begun(routing, identity, slot.version) == slot and identity.generation or routing.generation
end

--- The slot that serves the version of an identity, if that version has been served ever since; otherwise nil. It is
-- for what is of one candidate, and of no other candidate under the same name.
function _M.slot_of_same(routing, identity)
    local slot = _M.slot(routing, identity)
    return slot and is_same(routing, identity, identity.version) and slot or nil
end

--- The versions through which an identity has gone, the first and the last included.
function _M.chain(routing, identity)
    local versions = { identity.version }
    find(routing, identity, function(entry) versions[#versions + 1] = entry.to end)
    return versions
end

return _M
