-- Which slot serves this request? Values in, values out. The rules are the heart of the project, in their order: what
-- a preview shows, a verified token's version (or the one that its session has moved on to), else a verified pin's,
-- else a new session, shared out by weight.

local _M = {}

--- The slot that an identity is held to, and the rule that held it; nil when neither names a version that is served.
-- A pin that says that this browser has moved on from just the token's version outranks the token. (Whose pin it is
-- does not matter: an app that keeps its token in a script loads its pages as a visitor, and they move together.)
-- @param routes  a routing table (bg.routes)
-- @param token   identity `{version}` from a verified session token, or nil
-- @param pin     identity `{version, from}` from a verified pin, or nil
-- @param preview identity `{version}` from a verified preview, or nil
function _M.held(routes, token, pin, preview)
    local shown = preview and routes.by_version[preview.version]
    if shown then
        return shown, "preview"
    end
    if token and pin and pin.from == token.version then
        local slot = routes.by_version[pin.version]
        if slot then
            return slot, "moved"
        end
    end
    local slot = token and routes.by_version[token.version]
    if slot then
        return slot, "token"
    end
    slot = pin and routes.by_version[pin.version]
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
-- down and the other one is not. `up` is what checks say (bg.health).
function _M.upstream(slot, up)
    if up[slot.name] == false and slot.cover and up[slot.other] then
        return slot.cover
    end
    return slot.upstream
end

return _M
