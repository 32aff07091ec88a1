-- Which version a session's pages and scripts came from: while a session moves from one version to the next, a tab that
-- still shows a page of the old one is served by the old one. Kept in memory that all workers share; what is forgotten
-- (the least used first) goes with its session.

local metrics = require("bg.metrics")

local ngx = ngx

local SECONDS = 7 * 86400 -- a tab may stay open for as long as a token lives
local FORGOTTEN = metrics.series("bgctl_activity_forgotten_total")

local dict = ngx.shared.bg_pages

local _M = {}

local function key_of(sid, path)
    return ngx.md5_bin(sid .. " " .. path)
end

--- Session `sid` got what is at `path` from `version`.
function _M.note(sid, path, version)
    local _, _, forgotten = dict:set(key_of(sid, path), version, SECONDS)
    if forgotten then
        metrics.add(FORGOTTEN)
    end
end

--- The version from which session `sid` last got what is at `path`, or nil.
function _M.version(sid, path)
    return dict:get(key_of(sid, path))
end

return _M
