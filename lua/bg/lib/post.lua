-- One HTTP request to the session API, from a timer: a connection of its own, short time-outs, the answer read whole.

local connect = require("bg.lib.connect")

local ngx = ngx
local concat = table.concat
local match, sub = string.match, string.sub
local tonumber = tonumber

local CONNECT, SEND, READ = 1000, 2000, 5000 -- milliseconds

--- The status and the body of the answer to a POST of a JSON `body` to `path` at `address` (`IP:port`), or nil and why
-- there is none.
return function(address, path, key, body)
    local socket = ngx.socket.tcp()
    socket:settimeouts(CONNECT, SEND, READ)
    local ok, err = connect(socket, address)
    if not ok then
        return nil, err
    end
    local request = concat({
        "POST ", path, " HTTP/1.0\r\n",
        "Host: ", address, "\r\n",
        "Authorization: Bearer ", key, "\r\n",
        "Content-Type: application/json\r\n",
        "Content-Length: ", #body, "\r\n\r\n",
        body,
    })
    ok, err = socket:send(request)
    local answer
    if ok then
        answer, err = socket:receive("*a")
    end
    socket:close()
    if not answer then
        return nil, err
    end
    local status, rest = match(answer, "^HTTP/1%.%d (%d%d%d)[^\n]*\n()")
    local _, stop = answer:find("\r\n\r\n", rest, true)
    if not stop then
        return nil, "no HTTP answer"
    end
    return tonumber(status), sub(answer, stop + 1)
end
