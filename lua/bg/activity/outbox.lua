-- Keys of what has yet to be reported, first noted, first sent: shared by all workers, each key in it once, and
-- bounded. What it holds is the key alone: what is sent is the newest that is known under it (activity.memory). Of whom
-- there is nothing new to say, only that they are still active, waits in a second queue, for seconds. Sessions and
-- visitors have memory and a bound each of their own: anybody can be a visitor, any number of times, and that must push
-- out no log-in.

local counters = require("bg.lib.counters")
local names = require("bg.lib.names")

local ngx = ngx
local sub = string.sub
local ipairs = ipairs

local DAY = 86400 -- seconds after which a mark goes by itself; a key that waits for longer may then wait twice
local DROPPED = counters.series("bgctl_activity_dropped_total")

local feed = ngx.shared.bg_feed

local _M = { GONE = "gone ", SESSION = "session", VISITOR = "visitor" } -- GONE: before a visitor's sid; it is over

-- `marks`: what waits has a mark with the number of the queue's round; with each time that the queue was empty a new
-- round begins. A mark that a worker left behind when it died is of an old one, and holds nothing up.
local function queue(dict, name)
    return { dict = dict, name = name, marks = name .. " ", round = "round " .. name }
end

local function box(kind, dict, most)
    return { kind = kind, most = most, now = queue(dict, "queue"), later = queue(dict, "later") }
end

-- In the order in which they are sent.
local BOXES = {
    box(_M.SESSION, ngx.shared.bg_outbox, 50000),
    box(_M.VISITOR, ngx.shared.bg_outbox_visitors, 20000),
}
local OF_KIND = { [_M.SESSION] = BOXES[1], [_M.VISITOR] = BOXES[2] }

--- Whether a key is a session's or a visitor's.
function _M.kind(key)
    if names.is_visitor(key) or sub(key, 1, #_M.GONE) == _M.GONE then
        return _M.VISITOR
    end
    return _M.SESSION
end

--- Notes that something of a kind may be missing: for a while nobody can say that all has been told.
function _M.doubt(kind)
    feed:set("lost_at " .. kind, ngx.now())
end

--- Notes that `count` keys of a kind will not be sent.
function _M.lose(kind, count)
    if count > 0 then
        counters.add(DROPPED, count)
        _M.doubt(kind)
    end
end

--- Seconds since something of a kind was lost; a very long time if nothing ever was. A clock that was set back must
-- not make it last longer.
function _M.whole_for(kind)
    local name = "lost_at " .. kind
    local now, lost_at = ngx.now(), feed:get(name) or 0
    if lost_at > now then
        feed:set(name, now)
    end
    return math.max(0, now - lost_at)
end

local function length(line)
    return line.dict:llen(line.name) or 0
end

-- Marks a key as waiting: true, or nil where it waits already, or false where there is no memory for it.
local function mark(line, key)
    local name, round = line.marks .. key, line.dict:get(line.round) or 0
    local added, err = line.dict:safe_add(name, round, DAY)
    if not added and err == "exists" then
        if line.dict:get(name) == round then
            return nil
        end
        added = line.dict:safe_set(name, round, DAY)
    end
    return added == true
end

local function pop(line)
    local key = line.dict:lpop(line.name)
    if key then
        line.dict:delete(line.marks .. key)
    end
    return key
end

local function begin_round_if_empty(line)
    if length(line) == 0 then
        line.dict:incr(line.round, 1, 0)
    end
end

local function drop_oldest(place)
    local key = pop(place.now)
    if key then
        _M.lose(place.kind, 1)
    end
    return key
end

local function push(place, key, how)
    local line = place.now
    while true do
        local marked = mark(line, key)
        if marked == nil then
            return
        elseif marked then
            if how(line.dict, line.name, key) then
                return
            end
            line.dict:delete(line.marks .. key)
        end
        if not drop_oldest(place) then -- the newest is what no longer fits
            return _M.lose(place.kind, 1)
        end
    end
end

--- How many keys wait: of a kind, or (nil) of both.
function _M.length(kind)
    local sum = 0
    for _, place in ipairs(BOXES) do
        if kind == nil or place.kind == kind then
            sum = sum + length(place.now)
        end
    end
    return sum
end

--- Adds a key at the end, unless it waits already.
function _M.add(key)
    local place = OF_KIND[_M.kind(key)]
    if length(place.now) >= place.most then
        drop_oldest(place)
    end
    push(place, key, place.now.dict.rpush)
end

--- Adds a key to those that can wait until promote().
function _M.add_later(key)
    local place = OF_KIND[_M.kind(key)]
    local line = place.later
    local marked = mark(line, key)
    if marked == nil then
        return
    elseif marked and length(line) < place.most and line.dict:rpush(line.name, key) then
        return
    end
    line.dict:delete(line.marks .. key)
    _M.add(key)
end

--- What could wait has waited.
function _M.promote()
    for _, place in ipairs(BOXES) do
        for _ = 1, length(place.later) do
            local key = pop(place.later)
            if not key then
                break
            end
            _M.add(key)
        end
        begin_round_if_empty(place.later)
    end
end

--- Takes up to `most` keys from the front: a visitor's only where no session waits.
function _M.take(most)
    local keys = {}
    for _, place in ipairs(BOXES) do
        while #keys < most do
            local key = pop(place.now)
            if not key then
                break
            end
            keys[#keys + 1] = key
        end
        begin_round_if_empty(place.now)
    end
    return keys
end

--- Puts keys that could not be sent back to the front, in their order.
function _M.put_back(keys)
    for i = #keys, 1, -1 do
        local place = OF_KIND[_M.kind(keys[i])]
        push(place, keys[i], place.now.dict.lpush)
    end
end

return _M
