-- Counts tokens that were refused.

local counters = require("bg.lib.counters")

local _M = {}

--- A function that counts refusals of one `kind` of token (token, pin, page, preview) by their reason.
function _M.counter(kind)
    local series = {} -- by reason
    return function(reason)
        series[reason] = series[reason] or counters.series("bgctl_refused_tokens_total", kind, reason)
        counters.add(series[reason])
    end
end

return _M
