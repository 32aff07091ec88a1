-- Open requests of this worker, per slot, WebSockets apart. A request carries its tag in an nginx variable from the
-- moment it is routed until it is logged, so a client that goes away is counted out like any other.

local TAGS = {
    blue = { [false] = "blue", [true] = "blue+websocket" },
    green = { [false] = "green", [true] = "green+websocket" },
}

local counts = { ["blue"] = 0, ["blue+websocket"] = 0, ["green"] = 0, ["green+websocket"] = 0 }

local _M = {}

--- Counts a request in and returns its tag, to be given to leave().
function _M.enter(slot, is_websocket)
    local tag = TAGS[slot][is_websocket]
    counts[tag] = counts[tag] + 1
    return tag
end

--- Counts the request with this tag out.
function _M.leave(tag)
    counts[tag] = counts[tag] - 1
end

--- Open requests of `slot`, WebSockets included, and the WebSockets among them.
function _M.of(slot)
    local tags = TAGS[slot]
    local websockets = counts[tags[true]]
    return counts[tags[false]] + websockets, websockets
end

return _M
