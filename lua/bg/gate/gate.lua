-- Decides whether a request may go on. The gate is nil while it is open; closed, for a pause or for maintenance, it is
-- `{mode, ends}` (routing.routing_table). Values in, values out.

local _M = {}

--- Whether a request must not be routed at once. `is_allowed`: its client's address is served during maintenance.
function _M.is_closed(gate, is_allowed)
    return gate ~= nil and not (is_allowed and gate.mode == "maintenance")
end

--- What becomes of a request at `now` (seconds): "open" (it goes on), "hold", or the mode for which it is turned away,
-- "pause" or "maintenance". `is_full`: as many requests are held as may be.
function _M.verdict(gate, is_allowed, is_full, now)
    if not _M.is_closed(gate, is_allowed) then
        return "open"
    elseif gate.mode == "pause" and now < gate.ends and not is_full then
        return "hold"
    end
    return gate.mode
end

return _M
