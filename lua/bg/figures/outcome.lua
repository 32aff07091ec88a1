-- What a request that is over adds to the figures: whether it ended well, and how long the app took.

local at_hand = require("bg.lib.at_hand")
local figures = require("bg.figures.figures")
local grpc_status = require("bg.figures.grpc_status")
local slot_totals = require("bg.figures.slot_totals")

local ngx = ngx
local lower, match, sub = string.lower, string.match, string.sub
local tonumber = tonumber

local STREAM = "text/event-stream"
local MOST_KINDS = 100

local _M = {}

-- The seconds that the last server took. Where there were two, the time that was spent on the first is not the
-- second's.
local function last_seconds(times)
    return tonumber(match(times or "", "([%d.]+)$"))
end

local kinds, known = {}, 0 -- types of answers -> whether they are streams: an app has few

local function is_stream(kind)
    local verdict = lower(sub(kind, 1, #STREAM)) == STREAM
    if known < MOST_KINDS then
        kinds[kind], known = verdict, known + 1
    end
    return verdict
end

--- Whether the answer is an event stream, which lasts for as long as the app likes.
function _M.is_stream()
    local kind = at_hand.get("sent_http_content_type")
    if not kind then
        return false
    end
    local verdict = kinds[kind]
    if verdict == nil then
        return is_stream(kind)
    end
    return verdict
end

-- Counts the time of a request that `slot` has answered. The app gets a body when all of it is here: how long the
-- client took to send it is not the app's time, and where the client went away meanwhile there is none. A body that
-- went on as it came (a service without `buffering`) has no time of the app's alone.
local function took(slot, since)
    if not at_hand.has("bg_body") then
        return figures.took(slot, ngx.now() - since)
    end
    local seconds = at_hand.get("bg_body") ~= "streams" and last_seconds(at_hand.get("upstream_response_time"))
    if seconds then
        figures.took(slot, seconds)
    end
end

--- Counts a request that is over. WebSockets and event streams have no latency. A request that the other slot had to
-- answer is a failover of its own slot, and its latency is the other slot's.
-- @param request  what workers.inflight knows of it: `{name, is_lasting, slot, since}`; `slot` may be nil
-- @param routing  the routing table in force (routing.routing_table), or nil
-- @param has_failed whether its slot has failed, and the other one has answered with what is no 5xx
function _M.count(request, routing, status, has_failed)
    if request.is_lasting then
        status = grpc_status.of(ngx.var, status)
    end
    local slot, failed_over = request.slot, has_failed and status < 500
    if status >= 500 then
        slot_totals.failed(request.name)
    end
    if not slot then
        return
    end
    figures.finished(slot, status, failed_over)
    if request.is_lasting or _M.is_stream() then
        return
    elseif not failed_over then
        return took(slot, request.since)
    end
    local other = routing.slots[slot.other]
    local seconds = last_seconds(at_hand.get("upstream_response_time"))
    if seconds and other.version == at_hand.get("bg_other_version") then
        figures.took(other, seconds)
    end
end

return _M
