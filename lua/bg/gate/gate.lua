-- May this request go on? Values in, values out: the gate (routing.routing_table) is open, or closed for a pause or for
-- maintenance.

local _M = {}

--- Whether a request that gets here must not be routed at once. `is_allowed`: it comes from an address that is served
-- during maintenance.
function _M.is_closed(gate, is_allowed)
    return gate ~= nil and not (is_allowed and gate.mode == "maintenance")
end

--- What becomes of it at `now` (seconds): "open", "hold", or what it is turned away for, "pause" or "maintenance".
-- `is_full`: as many are held as may be.
function _M.verdict(gate, is_allowed, is_full, now)
    if not _M.is_closed(gate, is_allowed) then
        return "open"
    elseif gate.mode == "pause" and now < gate.ends and not is_full then
        return "hold"
    end
    return gate.mode
end

return _M
