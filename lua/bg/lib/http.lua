-- The proxy's own HTTP client, for use in timers: a connection for each request, and a limit for the time and for the
-- size of all of it. Addresses are `IP:port`, as bgctl writes them; names are looked up nowhere.

local http_answer = require("bg.lib.http_answer")

local ngx = ngx
local match = string.match
local max, min = math.max, math.min
local concat = table.concat
local tonumber = tonumber

local PIECE = 8192 -- bytes that are read at a time

local _M = {}

--- A request with these header lines (`Name: value`), as it is sent.
function _M.request(method, target, lines, body)
    return concat({
        method, " ", target, " HTTP/1.1\r\n", concat(lines, "\r\n"), "\r\nConnection: close\r\n\r\n", body or "",
    })
end

--- Connects `socket` (ngx.socket.tcp) to an address. An IPv6 address keeps its brackets: nginx wants to see them. True,
-- or nil and why not.
function _M.connect(socket, address)
    local host, port = match(address, "^(.+):(%d+)$")
    return socket:connect(host, tonumber(port))
end

-- What is told of an answer; nil before its head is complete.
local function told(answer, needs)
    return answer.status and {
        status = answer.status, head = answer.head, body = needs == "body" and answer:body() or nil,
    } or nil
end

-- Reads until there is enough of the answer. Returns what ask() does.
local function receive(socket, limits, wait)
    local answer = http_answer.new(limits.needs == "body")
    while wait() do
        local more, err = socket:receiveany(limits.piece or PIECE)
        answer:add(more or "", err == "closed")
        if limits.needs ~= "status" and answer.size > limits.most then
            return told(answer), "answered more than " .. limits.most .. " bytes", false
        elseif answer.is_whole or answer.status and limits.needs == "status" then
            return told(answer, limits.needs)
        elseif answer.is_broken then
            return told(answer), "answered no HTTP that can be read", true
        elseif not more then
            return told(answer), err == "closed" and "broke off" or err, err ~= "closed"
        end
    end
    return told(answer), "timeout", false
end

--- Sends `request` to `address`, and returns the answer, `{status, head, body}`; nil where not even its head has come.
-- The second value says why not all of the answer is here, nil where it is; the third is true where the connection or
-- what came through it is to blame, and neither our limits nor an end that came too early.
-- @param limits  `seconds` for all of it; `pause`: seconds that a single step may take, and `connect`: that the first
--                one may; `most`: bytes of a body; `piece`: bytes that are read at a time; `needs`: "status" (the rest
--                is not waited for), "body", or "end" (the body is read to its end, and not kept)
function _M.ask(address, request, limits)
    local ends = ngx.now() + limits.seconds
    local socket = ngx.socket.tcp()
    -- Sets the time limit of the next step. False where no time is left: what arrives byte by byte is never too late
    -- for the socket.
    local function wait(pause)
        ngx.update_time()
        local left = min(ends - ngx.now(), pause or limits.pause or limits.seconds)
        socket:settimeout(max(1, left * 1000))
        return left > 0
    end
    wait(limits.connect)
    local answer, is_fault
    local ok, err = _M.connect(socket, address)
    if ok then
        wait()
        ok, err = socket:send(request)
    end
    if ok then
        answer, err, is_fault = receive(socket, limits, wait)
    end
    socket:close()
    return answer, err, is_fault or not ok
end

return _M
