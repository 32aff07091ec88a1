-- What a request that is over adds to the figures (figures.figures): it has ended well or not, and took its time.

local figures = require("bg.figures.figures")

local ngx = ngx
local lower, match, sub = string.lower, string.match, string.sub
local tonumber = tonumber

local STREAM = "text/event-stream"

local _M = {}

-- What the last server that was asked took: the time that the first one was waited for is not its own.
local function last_seconds(times)
    return tonumber(match(times or "", "([%d.]+)$"))
end

--- Whether the answer lasts for as long as it likes.
function _M.is_stream(var)
    local kind = var.sent_http_content_type
    return kind and lower(sub(kind, 1, #STREAM)) == STREAM
end

-- A body is taken in whole before the app gets it: how long its client took is not the app's time, and where it went
-- away meanwhile there is none.
local function took(slot, began, var)
    local has_body = var.http_content_length or var.bg_body ~= ""
    local seconds = has_body and last_seconds(var.upstream_response_time) or not has_body and ngx.now() - began
    if seconds then
        figures.took(slot, seconds)
    end
end

--- Counts a request that was meant for `slot` of `state` (routing.routing_table). `began` is nil for one that has no
-- latency; `failed_over`: the other slot had to answer it.
function _M.count(slot, state, status, began, failed_over, var)
    figures.finished(slot, status, failed_over)
    if not began or _M.is_stream(var) then
        return
    elseif not failed_over then
        return took(slot, began, var)
    end
    local other = state.slots[slot.other]
    local seconds = last_seconds(var.upstream_response_time)
    if seconds and other.version == var.bg_other_version then
        figures.took(other, seconds)
    end
end

return _M
