-- A cosocket to `IP:port`, as bgctl writes addresses: IPv6 in brackets, which nginx wants to see as well. Names are
-- looked up nowhere.

local match = string.match
local tonumber = tonumber

--- Connects `socket` (ngx.socket.tcp). True, or nil and why not.
return function(socket, address)
    local host, port = match(address, "^(.+):(%d+)$")
    return socket:connect(host, tonumber(port))
end
