-- Remembers which version an API client was given: a client without cookies, known by a credential of its own (an API
-- key, an opaque bearer token). Its first request is a draw. A switch would draw anew for all of them, so that each is
-- remembered for as long as it goes on asking, in memory that all workers share. What is kept is a keyed hash, never
-- the credential itself; where memory runs short, the least used is forgotten.

local counters = require("bg.lib.counters")

local ngx = ngx
local format, match = string.format, string.match
local tonumber = tonumber

local LINE = "^(%d+) (%d+) (%S+)$" -- generation, expiry, version
local FORGOTTEN = counters.series("bgctl_activity_forgotten_total")

local dict = ngx.shared.bg_clients

local _M = {}

--- What is known at `now` of the client with this sid: `{version, generation, exp}`, the version that it was given, the
-- generation of the state in which that was, and when it is forgotten (seconds since the epoch). nil for a new client.
function _M.find(sid, now)
    local generation, exp, version = match(dict:get(sid) or "", LINE)
    exp = tonumber(exp)
    if exp and exp > now then
        return { version = version, generation = tonumber(generation), exp = exp }
    end
end

--- Remembers until `exp` that a client was given `version`.
function _M.keep(sid, version, generation, exp, now)
    local _, _, forgotten = dict:set(sid, format("%d %d %s", generation, exp, version), exp - now)
    if forgotten then
        counters.add(FORGOTTEN)
    end
end

return _M
