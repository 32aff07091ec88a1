-- Keys of what has yet to be reported, first noted, first sent: shared by all workers, each key in it once, and
-- bounded. What it holds is the key alone: what is sent is the newest that is known under it (bg.seen). Of whom there
-- is nothing new to say, only that they are still active, waits in a second queue, for seconds.

local metrics = require("bg.metrics")

local ngx = ngx

local QUEUE, LATER = "queue", "later"
local MOST = 50000
local DROPPED = metrics.series("bgctl_activity_dropped_total")

local dict = ngx.shared.bg_outbox
local feed = ngx.shared.bg_feed

local _M = { GONE = "gone " } -- before a sid: this visitor is one no longer

--- Notes that `count` keys will not be sent: for a while nobody can say that all has been told.
function _M.lose(count)
    if count > 0 then
        metrics.add(DROPPED, count)
        feed:set("lost_at", ngx.now())
    end
end

--- Seconds since something was lost; a very long time if nothing ever was. A clock that was set back must not make it
-- last longer.
function _M.whole_for()
    local now, lost_at = ngx.now(), feed:get("lost_at") or 0
    if lost_at > now then
        feed:set("lost_at", now)
    end
    return math.max(0, now - lost_at)
end

local function drop_oldest()
    local key = dict:lpop(QUEUE)
    if key then
        dict:delete("in " .. key)
        _M.lose(1)
    end
    return key
end

local function push(key, how)
    while true do
        local added, err = dict:safe_add("in " .. key, true)
        if not added and err == "exists" then
            return
        end
        if added then
            if how(dict, QUEUE, key) then
                return
            end
            dict:delete("in " .. key)
        end
        if not drop_oldest() then -- the newest is what no longer fits
            return _M.lose(1)
        end
    end
end

--- How many keys wait.
function _M.length()
    return dict:llen(QUEUE) or 0
end

--- Adds a key at the end, unless it waits already.
function _M.add(key)
    if _M.length() >= MOST then
        drop_oldest()
    end
    push(key, dict.rpush)
end

--- Adds a key to those that can wait until promote().
function _M.add_later(key)
    local marker = "later " .. key
    local added, err = dict:safe_add(marker, true)
    if not added and err == "exists" then
        return
    end
    if added and dict:llen(LATER) < MOST and dict:rpush(LATER, key) then
        return
    end
    dict:delete(marker)
    _M.add(key)
end

--- What could wait has waited.
function _M.promote()
    for _ = 1, dict:llen(LATER) or 0 do
        local key = dict:lpop(LATER)
        if not key then
            return
        end
        dict:delete("later " .. key)
        _M.add(key)
    end
end

--- Takes up to `most` keys from the front.
function _M.take(most)
    local keys = {}
    while #keys < most do
        local key = dict:lpop(QUEUE)
        if not key then
            break
        end
        dict:delete("in " .. key)
        keys[#keys + 1] = key
    end
    return keys
end

--- Puts keys that could not be sent back to the front, in their order.
function _M.put_back(keys)
    for i = #keys, 1, -1 do
        push(keys[i], dict.lpush)
    end
end

return _M
