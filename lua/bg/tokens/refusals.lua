-- Counts tokens that were refused.

local counters = require("bg.lib.counters")

local _M = { count = 0 } -- `count`: how many were refused in this worker, of all kinds

--- A function that counts refusals of one `kind` of token (token, pin, page, preview) by their reason.
function _M.counter(kind)
    local series = {} -- by reason
    return function(reason)
        series[reason] = series[reason] or counters.series("bgctl_refused_tokens_total", kind, reason)
        counters.add(series[reason])
        _M.count = _M.count + 1
    end
end

return _M
