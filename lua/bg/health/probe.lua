-- One health check, from a timer: a connection of its own, and a time limit for all of it. bgctl asks in the same words
-- (toolkit/health_check.py).

local connect = require("bg.lib.connect")
local http_answer = require("bg.lib.http_answer")
local verdict = require("bg.health.verdict")

local ngx = ngx
local max = math.max
local concat = table.concat

local MOST = 65536 -- bytes of a body in which a version is looked for

-- What arrives in `socket` until there is enough of the answer, `{status, head, body}`; or nil and why there is not.
local function receive(socket, needs_body, remaining)
    local answer = http_answer.new()
    while remaining() > 0 do
        socket:settimeout(max(1, remaining()))
        local more, err = socket:receiveany(8192)
        answer:add(more or "", err == "closed")
        if needs_body and answer.size > MOST then
            return nil, "answered more than " .. MOST .. " bytes"
        elseif answer.is_whole or (answer.status and not needs_body) then
            return { status = answer.status, head = answer.head, body = answer:body() }
        elseif answer.is_broken then
            return nil, "answered no HTTP that can be read"
        elseif not more then
            return nil, err == "closed" and "broke off" or err
        end
    end
    return nil, "timeout" -- of all of it: what comes byte by byte never is too late for the socket
end

local function send(socket, peer, path)
    return socket:send(concat({
        "GET ", path, " HTTP/1.1\r\n",
        "Host: ", peer.host, "\r\n",
        "User-Agent: bgctl-health\r\n",
        "Accept: application/json, */*\r\n",
        "X-Forwarded-Proto: ", peer.scheme, "\r\n",
        "X-Forwarded-Host: ", peer.host, "\r\n",
        "Connection: close\r\n\r\n",
    }))
end

local function ask(peer, path, remaining)
    local socket = ngx.socket.tcp()
    socket:settimeout(max(1, remaining()))
    local answer
    local ok, err = connect(socket, peer.address)
    if ok then
        ok, err = send(socket, peer, path)
    end
    if ok then
        answer, err = receive(socket, verdict.needs_body(peer.proof), remaining)
    end
    socket:close()
    return answer, err
end

--- The answer of a peer, `{status, head, body}`, within `limit` seconds, or nil and why there is none. It is asked anew
-- where only a slash at the end of the path was missing.
return function(peer, limit)
    local deadline = ngx.now() + limit
    local function remaining()
        ngx.update_time()
        return (deadline - ngx.now()) * 1000
    end
    local answer, err = ask(peer, peer.path, remaining)
    local path = answer and verdict.followed(answer, peer.path, peer.host)
    if path then
        return ask(peer, path, remaining)
    end
    return answer, err
end
