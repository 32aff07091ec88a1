-- Sends one health check to a peer, from a timer. bgctl asks in the same words (toolkit/health/check.py).

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

--- The answer of a peer, `{status, head, body}`, within `limit` seconds, or nil and why there is none. The peer is
-- asked once more where only a slash at the end of the path was missing.
return function(peer, limit)
    local ends = ngx.now() + limit
    local answer, err = ask(peer, peer.path, ends)
    local path = answer and verdict.followed(answer, peer.path, peer.host)
    if path then
        return ask(peer, path, ends)
    end
    return answer, err
end
