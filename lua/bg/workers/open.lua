-- Adds up what this worker has in flight, for its line in shared memory. It runs on timers, and apart from what counts
-- requests in and out (workers.inflight): that is compiled for every one of them.

local inflight = require("bg.workers.inflight")

local pairs = pairs

local _M = {}

local function sum(by_service, unchanged)
    local own, others = 0, 0
    for service, count in pairs(by_service) do
        if unchanged[service] then
            others = others + count
        else
            own = own + count
        end
    end
    return own, others
end

--- How many requests `slot` has in flight, WebSockets included, and how many of them are WebSockets; then the same of
-- its requests to services that the release leaves `unchanged` (`{service -> true}`): no slot has to be empty of those.
function _M.of(slot, unchanged)
    local by_service, websockets_by_service = inflight.by_service(slot)
    local plain, others = sum(by_service, unchanged)
    local websockets, others_websockets = sum(websockets_by_service, unchanged)
    return plain + websockets, websockets, others + others_websockets, others_websockets
end

return _M
