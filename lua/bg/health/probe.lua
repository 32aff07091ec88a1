-- Sends one health check to a peer, from a timer. bgctl asks in the same words (toolkit/health/check.py).

local grpc = require("bg.health.grpc")
local http = require("bg.lib.http")
local verdict = require("bg.health.verdict")

local ngx = ngx

local MOST = 65536 -- bytes of a body in which a version is looked for

local function ask(peer, path, ends)
    local request = http.request("GET", path, {
        "Host: " .. peer.host,
        "User-Agent: bgctl-health",
        "Accept: application/json, */*",
        "X-Forwarded-Proto: " .. peer.scheme,
        "X-Forwarded-Host: " .. peer.host,
    })
    local needs = verdict.needs_body(peer.proof) and "body" or "status"
    local answer, why = http.ask(peer.address, request, { seconds = ends - ngx.now(), most = MOST, needs = needs })
    return not why and answer or nil, why
end

-- Asks a peer by gRPC. Returns what a good answer by HTTP would be, or nil and what is wrong.
local function call(peer, limit)
    local message = grpc.message(peer.path)
    local request = http.request("POST", grpc.target(peer.address), {
        "Host: " .. peer.by, "Content-Type: application/grpc", "TE: trailers", "Content-Length: " .. #message,
    }, message)
    local answer, why = http.ask(peer.by, request, { seconds = limit, most = MOST, needs = "body" })
    local fault = why or grpc.fault(answer)
    return not fault and answer or nil, fault
end

--- The answer of a peer, `{status, head, body}`, within `limit` seconds, or nil and why there is none. The peer is
-- asked once more where only a slash at the end of the path was missing.
return function(peer, limit)
    if peer.by then
        return call(peer, limit)
    end
    local ends = ngx.now() + limit
    local answer, err = ask(peer, peer.path, ends)
    local path = answer and verdict.followed(answer, peer.path, peer.host)
    if path then
        return ask(peer, path, ends)
    end
    return answer, err
end
