-- Queues the keys of rows that have yet to be reported, those first that were noted first. All workers share the queue;
-- each key is in it once, and its length is bounded. Only keys wait here: what is sent is the newest row that
-- activity.memory has under a key. A session of which there is nothing new but that it is still active waits in a
-- second queue, for seconds. Sessions with a token, sessions that a cookie of the app names, and visitors have memory
-- and a bound each of their own: anybody can be a visitor, or make up a cookie, any number of times, and that must push
-- out no log-in.

local counters = require("bg.lib.counters")
local names = require("bg.lib.names")

local ngx = ngx
local sub = string.sub
local ipairs = ipairs

local DAY = 86400 -- seconds after which a mark expires; a key that has waited for longer may be queued twice
local DROPPED = counters.series("bgctl_activity_dropped_total")

local feed = ngx.shared.bg_feed

-- GONE stands before the key of a visitor who has logged in, or of a session whose cookie the app has cleared.
local _M = { GONE = "gone ", SESSION = "session", COOKIE = "cookie", VISITOR = "visitor" }

-- Each key that waits has a mark (its name begins with `marks`), which says that it is queued, with the number of the
-- queue's round; a new round begins each time that the queue is empty. A mark that a worker has left behind when it
-- died is of an earlier round, and keeps no key out.
local function queue(dict, name)
    return { dict = dict, name = name, marks = name .. " ", round = "round " .. name }
end

-- The two queues of a kind of row, each of `most` keys at most.
local function queues_of(kind, dict, most)
    return { kind = kind, most = most, now = queue(dict, "queue"), later = queue(dict, "later") }
end

-- In the order in which their keys are sent.
local ALL = {
    queues_of(_M.SESSION, ngx.shared.bg_outbox, 50000),
    queues_of(_M.COOKIE, ngx.shared.bg_outbox_cookies, 20000),
    queues_of(_M.VISITOR, ngx.shared.bg_outbox_visitors, 20000),
}
local OF_KIND = { [_M.SESSION] = ALL[1], [_M.COOKIE] = ALL[2], [_M.VISITOR] = ALL[3] }

_M.KINDS = { _M.SESSION, _M.COOKIE, _M.VISITOR }

--- Of which kind a key is: SESSION, COOKIE or VISITOR.
function _M.kind(key)
    if sub(key, 1, #_M.GONE) == _M.GONE then
        key = sub(key, #_M.GONE + 1)
    end
    return names.is_visitor(key) and _M.VISITOR or names.is_cookie(key) and _M.COOKIE or _M.SESSION
end

--- Notes that a row of this kind may be lost: for a while no report may say that all has been told.
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

--- Seconds since a row of this kind was lost; a very long time where none ever was. A clock that was set back does not
-- make that time longer.
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

-- Marks a key as queued. True; nil where it is queued already; false where there is no memory for the mark.
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

-- Drops the key that has waited longest, and returns it; nil where none waits.
local function drop_oldest(queues)
    local key = pop(queues.now)
    if key then
        _M.lose(queues.kind, 1)
    end
    return key
end

-- Queues a key by `how`, at the front or at the end. Where there is no memory for it the oldest keys make room.
local function push(queues, key, how)
    local line = queues.now
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
        if not drop_oldest(queues) then -- nothing is left to drop: it is this key that does not fit
            return _M.lose(queues.kind, 1)
        end
    end
end

--- How many keys wait, of a kind, or of both where `kind` is nil.
function _M.length(kind)
    local sum = 0
    for _, queues in ipairs(ALL) do
        if kind == nil or queues.kind == kind then
            sum = sum + length(queues.now)
        end
    end
    return sum
end

--- Queues a key at the end, unless it is queued already.
function _M.add(key)
    local queues = OF_KIND[_M.kind(key)]
    if length(queues.now) >= queues.most then
        drop_oldest(queues)
    end
    push(queues, key, queues.now.dict.rpush)
end

--- Queues a key that can wait until promote().
function _M.add_later(key)
    local queues = OF_KIND[_M.kind(key)]
    local line = queues.later
    local marked = mark(line, key)
    if marked == nil then
        return
    elseif marked and length(line) < queues.most and line.dict:rpush(line.name, key) then
        return
    end
    line.dict:delete(line.marks .. key)
    _M.add(key)
end

--- Moves what was queued by add_later() to the end of the queue. `step` (lib.pace), which may be nil, is called with
-- the number of each key.
function _M.promote(step)
    for _, queues in ipairs(ALL) do
        for i = 1, length(queues.later) do
            local key = pop(queues.later)
            if not key then
                break
            end
            _M.add(key)
            if step then
                step(i)
            end
        end
        begin_round_if_empty(queues.later)
    end
end

--- Takes up to `most` keys from the front; visitors' keys only where no session waits.
function _M.take(most)
    local keys = {}
    for _, queues in ipairs(ALL) do
        while #keys < most do
            local key = pop(queues.now)
            if not key then
                break
            end
            keys[#keys + 1] = key
        end
        begin_round_if_empty(queues.now)
    end
    return keys
end

--- Puts keys that could not be sent back to the front, in their order.
function _M.put_back(keys)
    for i = #keys, 1, -1 do
        local queues = OF_KIND[_M.kind(keys[i])]
        push(queues, keys[i], queues.now.dict.lpush)
    end
end

return _M
