-- Open requests of this worker, per slot, WebSockets apart (event streams count as such), and whose they are. A
-- request carries its number in an nginx variable from the moment it is routed until it is logged, so a client that
-- goes away is counted out like any other.

local tonumber, tostring = tonumber, tostring

local TAGS = {
    blue = { [false] = "blue", [true] = "blue+websocket" },
    green = { [false] = "green", [true] = "green+websocket" },
}

local SLOT_OF = { ["blue"] = "blue", ["blue+websocket"] = "blue", ["green"] = "green", ["green+websocket"] = "green" }

local counts = { ["blue"] = 0, ["blue+websocket"] = 0, ["green"] = 0, ["green+websocket"] = 0 }
local tags, holders = {}, {}
local last = 0

local _M = {}

--- Counts a request in and returns its number, to be given to leave(). `holder` (bg.activity) may be nil.
function _M.enter(slot, is_websocket, holder)
    local tag = TAGS[slot][is_websocket]
    counts[tag] = counts[tag] + 1
    last = last + 1
    tags[last], holders[last] = tag, holder
    return tostring(last)
end

--- Counts the request with this number out. Returns its slot and its holder.
function _M.leave(number)
    number = tonumber(number)
    local tag, holder = tags[number], holders[number]
    counts[tag] = counts[tag] - 1
    tags[number], holders[number] = nil, nil
    return SLOT_OF[tag], holder
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
