-- The requests that this worker has in flight, per slot; WebSockets are counted apart, and so are event streams, which
-- count as such. A request carries its number in an nginx variable from the moment it is routed until it is logged, so
-- that a request whose client goes away is counted out like any other.

local slots = require("bg.lib.slots")

local ipairs = ipairs
local tonumber, tostring = tonumber, tostring

local counts = { [false] = {}, [true] = {} } -- whether it lasts -> slot -> requests
for _, slot in ipairs(slots.SLOTS) do
    counts[false][slot], counts[true][slot] = 0, 0
end

local requests = {} -- by number
local holders = {} -- the holders of those that have one, by number
local last = 0

local _M = {}

--- Counts a request in at `now` (seconds), and returns its number, to be given to leave().
-- @param name      the slot's name
-- @param is_lasting whether it is a WebSocket or an event stream
-- @param holder    the row of its session (activity.recorder), or nil
-- @param slot      the slot (routing.routing_table) that it was routed to, or nil
function _M.enter(name, is_lasting, holder, slot, now)
    local of_slot = counts[is_lasting]
    of_slot[name] = of_slot[name] + 1
    last = last + 1
    requests[last] = { name = name, is_lasting = is_lasting, holder = holder, slot = slot, since = now }
    holders[last] = holder
    return tostring(last)
end

--- Counts the request with this number out. Returns what enter() was told, `{name, is_lasting, holder, slot, since}`.
function _M.leave(number)
    number = tonumber(number)
    local request = requests[number]
    local of_slot = counts[request.is_lasting]
    of_slot[request.name] = of_slot[request.name] - 1
    requests[number], holders[number] = nil, nil
    return request
end

--- How many requests `slot` has in flight, WebSockets included, and how many of them are WebSockets.
function _M.of(slot)
    local websockets = counts[true][slot]
    return counts[false][slot] + websockets, websockets
end

--- Holders of the requests in flight, by number.
function _M.holders()
    return holders
end

return _M
