-- Which slot serves this request? Values in, values out. The three rules are the heart of the project, in their order:
-- a verified token's version, else a verified pin's, else a new session, shared out by weight.

local _M = {}

--- The slot that an identity is held to, and the rule that held it; nil when neither names a version that is served.
-- @param routes  a routing table (bg.routes)
-- @param token   identity `{version, sid}` from a verified session token, or nil
-- @param pin     identity from a verified pin, or nil
function _M.held(routes, token, pin)
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

return _M
