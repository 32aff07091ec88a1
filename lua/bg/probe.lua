-- One health check, from a timer: a connection of its own, and a time limit for all of it.

local connect = require("bg.connect")
local http_answer = require("bg.http_answer")

local ngx = ngx
local concat = table.concat

local MOST = 65536 -- bytes of an answer

-- What arrives in `socket` until the answer is whole, or nil and why it is not.
local function receive(socket, remaining)
    local text = ""
    repeat
        socket:settimeout(remaining())
        local more, err = socket:receiveany(8192)
        text = text .. (more or "")
        local status, body, is_whole = http_answer.parse(text, err == "closed")
        if is_whole then
            return status, body
        elseif not more then
            return nil, err == "closed" and "broke off" or err
        end
    until #text > MOST
    return nil, "answered more than " .. MOST .. " bytes"
end

local function ask(socket, address, path, remaining)
    socket:settimeout(remaining())
    local ok, err = connect(socket, address)
    if not ok then
        return nil, err
    end
    ok, err = socket:send(concat({
        "GET ", path, " HTTP/1.1\r\n",
        "Host: ", address, "\r\n",
        "User-Agent: bgctl-health\r\n",
        "Accept: application/json\r\n",
        "Connection: close\r\n\r\n",
    }))
    if not ok then
        return nil, err
    end
    return receive(socket, remaining)
end

--- The status and the body of the answer to a GET of `path` at `address` (`IP:port`) within `limit` seconds, or nil and
-- why there is none.
return function(address, path, limit)
    local deadline = ngx.now() + limit
    local socket = ngx.socket.tcp()
    local status, body = ask(socket, address, path, function()
        ngx.update_time()
        return math.max(1, (deadline - ngx.now()) * 1000)
    end)
    socket:close()
    return status, body
end
