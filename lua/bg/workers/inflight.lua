-- The requests that this worker has in flight, per slot and service; WebSockets are counted apart, and so are event
-- streams, which count as such. A request is known by its number (lib.at_hand) from the moment it is routed until it is
-- logged, so that a request whose client goes away is counted out like any other.

local slots = require("bg.lib.slots")

local ipairs = ipairs

local counts = { [false] = {}, [true] = {} } -- whether it lasts -> slot -> service -> requests
for _, slot in ipairs(slots.SLOTS) do
    counts[false][slot], counts[true][slot] = {}, {}
end

local MOST_SPARE = 1000

local requests = {} -- by number
local spare, spares = {}, 0 -- tables of requests that are over, for requests to come

local _M = {}

--- Counts a request in at `now` (seconds).
-- @param number    the request's number
-- @param name      the slot's name
-- @param service   the service's name
-- @param is_lasting whether it is a WebSocket or an event stream
-- @param holder    the row of its session (activity.recorder), or nil
-- @param slot      the slot (routing.routing_table) that it was routed to, or nil
function _M.enter(number, name, service, is_lasting, holder, slot, now)
    if requests[number] then -- a request that nginx has never logged: its memory has another one by now
        _M.done(_M.leave(number))
    end
    local of_slot = counts[is_lasting][name]
    of_slot[service] = (of_slot[service] or 0) + 1
    local request
    if spares > 0 then
        request, spares = spare[spares], spares - 1
    else
        request = {}
    end
    request.name, request.service, request.is_lasting = name, service, is_lasting
    request.holder, request.slot, request.since = holder, slot, now
    requests[number] = request
end

--- Counts the request with this number out. Returns what enter() was told, `{name, service, is_lasting, holder, slot,
-- since}`; nil where it is not counted.
function _M.leave(number)
    local request = requests[number]
    if request then
        local of_slot = counts[request.is_lasting][request.name]
        of_slot[request.service] = of_slot[request.service] - 1
        requests[number] = nil
        return request
    end
end

--- Nothing more is asked of what leave() has returned.
function _M.done(request)
    if spares < MOST_SPARE then
        request.holder, request.slot = nil, nil
        spares = spares + 1
        spare[spares] = request
    end
end

--- Whether the request with this number is counted.
function _M.has(number)
    return requests[number] ~= nil
end

--- How many requests `slot` has in flight, by service: `{service -> count}` without WebSockets, and of these.
function _M.by_service(slot)
    return counts[false][slot], counts[true][slot]
end

--- The requests in flight, by number, each as leave() has it.
function _M.all()
    return requests
end

return _M
