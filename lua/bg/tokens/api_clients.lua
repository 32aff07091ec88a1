-- Which version a client without cookies was given, that shows a credential of its own: an API key, an opaque bearer
-- token. Its first request is a draw; a switch would draw anew for everybody, so that each is remembered for as long as
-- it goes on asking, in memory that all workers share. Kept is a keyed hash, never the credential itself; of what no
-- longer fits, the least used is forgotten.

local counters = require("bg.lib.counters")

local ngx = ngx
local format, match = string.format, string.match
local tonumber = tonumber

local LINE = "^(%d+) (%d+) (%S+)$" -- generation, expiry, version
local FORGOTTEN = counters.series("bgctl_activity_forgotten_total")

local dict = ngx.shared.bg_clients

local _M = {}

--- What is known of `sid` at `now`: its `version`, the state's `generation` in which it was given, and `exp`; nil for
-- somebody new.
function _M.find(sid, now)
    local generation, exp, version = match(dict:get(sid) or "", LINE)
    exp = tonumber(exp)
    if exp and exp > now then
        return version, tonumber(generation), exp
    end
end

--- Remembers it until `exp`.
function _M.keep(sid, version, generation, exp, now)
    local _, _, forgotten = dict:set(sid, format("%d %d %s", generation, exp, version), exp - now)
    if forgotten then
        counters.add(FORGOTTEN)
    end
end

return _M
