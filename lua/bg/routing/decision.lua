-- Which slot serves this request? Values in, values out. The rules are the heart of the project, in their order: what
-- a preview shows, a verified token's version (or the one that its session has moved on to), else a verified pin's,
-- else a new session, shared out by weight.

local lineage = require("bg.routing.lineage")

local _M = {}

--- Whether the pin says that this browser has moved on from the version that has the token's session. (Whose pin it is
-- does not matter: an app that keeps its token in a script loads its pages as a visitor, and they move together.)
function _M.has_moved(routes, token, pin)
    if not (token and pin and pin.from) then
        return false
    end
    lineage.update(routes, token)
    lineage.update(routes, pin)
    return pin.left == token.now and pin.now ~= pin.left
end

--- The slot that an identity is held to, and the rule that held it; nil when neither names a version that is served.
-- Each credential says the version that it was given; the lineage says which one has its session by now
-- (routing.lineage).
-- @param routes  a routing table (routing.routing_table)
-- @param token   identity `{version, generation, issued}` from a verified session token, or nil
-- @param pin     identity `{version, from, generation, issued}` from a verified pin, or nil
-- @param preview identity `{version, generation, issued}` from a verified preview, or nil
function _M.held(routes, token, pin, preview)
    local slot = preview and lineage.slot_of_same(routes, preview)
    if slot then
        return slot, "preview"
    end
    slot = _M.has_moved(routes, token, pin) and lineage.slot(routes, pin)
    if slot then
        return slot, "moved"
    end
    slot = token and lineage.slot(routes, token)
    if slot then
        return slot, "token"
    end
    slot = pin and lineage.slot(routes, pin)
    if slot then
        return slot, "pin"
    end
end

--- The slot for a new session. `draw` in [0, 1) is the session's for good: green takes the lowest draws, so raising its
-- weight adds sessions to it and moves none back.
function _M.fresh(routes, draw)
    return draw < routes.green_share and routes.slots.green or routes.slots.blue
end

--- The upstream that serves the requests of `slot`: its own, or the other slot's while it is known that this one is
-- down and the other one is not. `up` is what checks say (health.checks).
function _M.upstream(slot, up)
    if up[slot.name] == false and slot.cover and up[slot.other] then
        return slot.cover
    end
    return slot.upstream
end

return _M
