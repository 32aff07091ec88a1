-- gRPC's protocol of health checks (grpc.health.v1): one call, `Check`, whose answer is a number. Here it is asked by
-- HTTP/1.1 of the control listener, which asks the peer (nginx/control.conf.j2). bgctl asks the peer itself, and judges
-- alike (toolkit/health/grpc_health.py).

local http_answer = require("bg.lib.http_answer")

local byte, char, sub = string.byte, string.char, string.sub

local HEAD = 5 -- bytes before a message: whether it is compressed, and its length
local STATUS = 0x08 -- the tag of field 1, a number (protobuf)
local SERVING = 1
local NAMES = { [0] = "UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN" }

local _M = {}

--- Where the control listener asks the peer at this address.
function _M.target(address)
    return "/_bgctl/grpc/" .. address
end

--- The message that asks for what a peer's `path` names: "grpc", all of the server, or "grpc:" with a service's name.
function _M.message(path)
    local name = sub(path, 6)
    local field = name ~= "" and "\10" .. char(#name) .. name or ""
    return "\0\0\0\0" .. char(#field) .. field
end

--- What is wrong with an answer, nil where the peer is serving.
function _M.fault(answer)
    local code = http_answer.field(answer.head, "grpc-status")
    if code and code ~= "0" then
        return "answered grpc-status " .. sub(code, 1, 3)
    elseif answer.status ~= 200 then -- nginx has no answer of the peer
        return "no answer"
    end
    local is_status = byte(answer.body, HEAD + 1) == STATUS
    local found = is_status and byte(answer.body, HEAD + 2) or 0
    if found ~= SERVING then
        return "answered " .. (NAMES[found] or "UNKNOWN")
    end
end

return _M
