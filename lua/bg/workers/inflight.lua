-- Open requests of this worker, per slot, WebSockets apart (event streams count as such); whose they are, and since
-- when. A request carries its number in an nginx variable from the moment it is routed until it is logged, so a client
-- that goes away is counted out like any other.

local tonumber, tostring = tonumber, tostring

local TAGS = {
    blue = { [false] = "blue", [true] = "blue+websocket" },
    green = { [false] = "green", [true] = "green+websocket" },
}

local SLOT_OF = { ["blue"] = "blue", ["blue+websocket"] = "blue", ["green"] = "green", ["green+websocket"] = "green" }

local counts = { ["blue"] = 0, ["blue+websocket"] = 0, ["green"] = 0, ["green+websocket"] = 0 }
local tags, holders, routed, since = {}, {}, {}, {}
local last = 0

local _M = {}

--- Counts a request in at `now`, and returns its number, to be given to leave(). `holder` (activity.recorder) may be
-- nil, and so may `slot` (routing.routing_table), the one that it was routed to under `name`.
function _M.enter(name, is_websocket, holder, slot, now)
    local tag = TAGS[name][is_websocket]
    counts[tag] = counts[tag] + 1
    last = last + 1
    tags[last], holders[last], routed[last], since[last] = tag, holder, slot, now
    return tostring(last)
end

--- Counts the request with this number out. Returns the slot's name, the holder, the slot, and since when it was open;
-- that is nil of a WebSocket, which may be open for as long as it likes.
function _M.leave(number)
    number = tonumber(number)
    local tag, holder, slot, began = tags[number], holders[number], routed[number], since[number]
    local name = SLOT_OF[tag]
    counts[tag] = counts[tag] - 1
    tags[number], holders[number], routed[number], since[number] = nil, nil, nil, nil
    return name, holder, slot, tag == name and began or nil
end

--- Open requests of `slot`, WebSockets included, and the WebSockets among them.
function _M.of(slot)
    local of_slot = TAGS[slot]
    local websockets = counts[of_slot[true]]
    return counts[of_slot[false]] + websockets, websockets
end

--- Holders of the requests open now, by number.
function _M.holders()
    return holders
end

return _M
