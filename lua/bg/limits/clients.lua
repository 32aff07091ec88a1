-- Requests that nginx has refused because their client asks too much at a time (nginx/limits.conf.j2).

local counters = require("bg.lib.counters")

local REQUESTS = counters.series("bgctl_limited_total", "requests")
local CONNECTIONS = counters.series("bgctl_limited_total", "connections")
local REJECTED = "REJECTED" -- nginx: $limit_req_status, $limit_conn_status

local _M = {}

--- Whether the request with nginx's variables `var`, which was answered 429, was refused by such a limit: an app may
-- answer so, too. Counts it.
function _M.refused(var)
    if var.limit_req_status == REJECTED then
        counters.add(REQUESTS)
    elseif var.limit_conn_status == REJECTED then
        counters.add(CONNECTIONS)
    else
        return false
    end
    return true
end

return _M
