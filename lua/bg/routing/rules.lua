-- The rules by which a request gets its slot: the heart of the project. In their order: what a preview shows; the
-- version of a verified session token, or the one that its session has moved on to, or got elsewhere by a newer state;
-- the version of a verified pin; the version that is remembered of a session of the app's own; a new session, shared
-- out by weight. Values in, values out.

local lineage = require("bg.routing.lineage")
local reasons = require("bg.lib.reasons")

local PREVIEW, MOVED, TOKEN, PIN = reasons.PREVIEW, reasons.MOVED, reasons.TOKEN, reasons.PIN
local SESSION = reasons.SESSION
local OF_BLUE = "blue_alone" -- the upstream of a service that is unchanged

local _M = {}

--- Whether the pin says that this browser has moved on from the version that has the token's session. Pin and token may
-- be of different sessions: an app that keeps its token in a script loads its pages as a visitor, and both move
-- together.
function _M.has_moved(routing, token, pin)
    if not (token and pin and pin.from) then
        return false
    end
    lineage.update(routing, token)
    lineage.update(routing, pin)
    return pin.left == token.now and pin.now ~= pin.left
end

-- Whether the pin of the token's own session was given with a newer state than the token, and than the one here: where
-- another node has it by now, or a token that does not say a generation would be taken for one of an older release.
local function is_ahead(routing, token, pin)
    local newest = pin and pin.generation
    return newest and token and pin.sid == token.pin_sid and newest > routing.generation
        and newest > (token.generation or 0)
end

--- The slot to which a request sticks by what it shows, the reason (lib.reasons), and the identity that it goes by; nil
-- where nothing names a version that is served. Each identity says the version that it was given; the lineage says
-- which version has its session by now (routing.lineage).
-- @param routing  the routing table (routing.routing_table)
-- @param token    the identity `{version, generation, issued}` in a verified session token, or nil
-- @param pin      the identity `{version, from, generation, issued}` in a verified pin, or nil
-- @param preview  the identity `{version, generation, issued}` in a verified preview, or nil
-- @param session  the identity of a session that the app's cookie, or a token without a version, names
--                 (tokens.cookie_sessions, tokens.token_sessions), or nil
function _M.sticky(routing, token, pin, preview, session)
    local slot = preview and lineage.slot_of_same(routing, preview)
    if slot then
        return slot, PREVIEW, preview
    end
    slot = _M.has_moved(routing, token, pin) and lineage.slot(routing, pin)
    if slot then
        return slot, MOVED, pin
    end
    slot = is_ahead(routing, token, pin) and lineage.slot(routing, pin)
    if slot then
        return slot, PIN, pin
    end
    slot = token and lineage.slot(routing, token)
    if slot then
        return slot, TOKEN, token
    end
    slot = pin and lineage.slot(routing, pin)
    if slot then
        return slot, PIN, pin
    end
    slot = session and session.version and lineage.slot(routing, session)
    if slot then
        return slot, SESSION, session
    end
end

--- The slot for a new session. `draw` in [0, 1) stays the session's for good: green takes the lowest draws, so that
-- raising its weight adds sessions to it and moves none back.
function _M.fresh(routing, draw)
    return draw < routing.green_share and routing.slots.green or routing.slots.blue
end

--- The nginx upstream for requests of `slot` to `service`: the slot's own, or the one that asks the other slot first
-- while it is known that this slot is down and the other one is up. Of a service that the release leaves `unchanged`
-- (`{service -> true}`) there are blue's containers only. `up` is what the checks say (health.checks).
function _M.upstream(slot, service, unchanged, up)
    if unchanged[service] then
        return OF_BLUE
    elseif up[slot.name] == false and slot.cover and up[slot.other] then
        return slot.cover
    end
    return slot.upstream
end

return _M
